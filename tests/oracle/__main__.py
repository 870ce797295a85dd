"""`python -m tests.oracle`: random scenarios on both sides; README.md lists the ways to use it."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.golang import GoUnavailableError
from tests.oracle.build import OLDER, PRESENT, provide_oracle
from tests.oracle.differential import Oracle, Tally
from tests.oracle.generate import random_scenario
from tests.oracle.kubelets import SUBJECTS
from tests.oracle.oracle import ask
from tests.oracle.scenario import Scenario, as_json
from tests.oracle.show import difference_lines, scenario_lines, tally_lines

SHOWN = 5
"""Differences that are printed in full"""


def main() -> int:
    """Exit status 0: no difference; 1: differences, printed; 2: the oracle could not be built."""
    arguments = _parser().parse_args()
    try:
        program = arguments.program or provide_oracle(arguments.version)
    except GoUnavailableError as error:
        print(error, file=sys.stderr)
        return 2
    oracle = Oracle(program=program, version=arguments.version)
    if arguments.scenario:
        return _explain(oracle, arguments)
    if arguments.raw:
        return _print_raw(oracle, arguments)
    return _compare(oracle, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=20_000, metavar="N")
    parser.add_argument("--seed", default="ci", help="`random`: a fresh one, which is printed")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first scenario")
    parser.add_argument(
        "--only",
        action="append",
        choices=SUBJECTS,
        help="only this manager has something to decide (can be given again)",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="STEP", help="no such steps: restart, health, …"
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--scenario", metavar="SEED/NUMBER", help="only this one, in full")
    parser.add_argument(
        "--version",
        type=_version,
        default=PRESENT,
        metavar="1.N",
        help=f"minor version of Kubernetes, from {min(OLDER)[0]}.{min(OLDER)[1]} on",
    )
    parser.add_argument("--raw", action="store_true", help="print scenarios and answers as JSON lines")
    parser.add_argument("--program", type=Path, help="an oracle that is built already")
    return parser


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    version = int(major), int(minor)
    if version != PRESENT and version not in OLDER:
        raise ValueError
    return version


def _scenarios(arguments: argparse.Namespace, *, start: int = 0, stride: int = 1) -> Iterator[Scenario]:
    for number in range(start, arguments.scenarios, stride):
        yield random_scenario(
            arguments.seed,
            arguments.first + number,
            subjects=arguments.only or SUBJECTS,
            without=arguments.without,
            version=arguments.version,
        )


def _compare(oracle: Oracle, arguments: argparse.Namespace) -> int:
    if arguments.seed == "random":
        arguments.seed = secrets.token_hex(4)
    print(f"Kubernetes {'.'.join(map(str, oracle.version))}, seed {arguments.seed}", flush=True)
    began = time.monotonic()
    with multiprocessing.Pool(arguments.processes) as pool:
        shares = [(oracle, arguments, share) for share in range(arguments.processes)]
        tally = Tally()
        for part in pool.starmap(_share, shares, chunksize=1):
            tally.add(part)
    print("\n".join(tally_lines(tally, time.monotonic() - began)))
    for found in tally.differences[:SHOWN]:
        print("\n".join(difference_lines(found)))
    for found in tally.differences[SHOWN:]:
        print(f"also {found.scenario.name}: {found.lines[0]}")
    return 1 if tally.differences else 0


def _share(oracle: Oracle, arguments: argparse.Namespace, share: int) -> Tally:
    return oracle.examine(_scenarios(arguments, start=share, stride=arguments.processes))


def _explain(oracle: Oracle, arguments: argparse.Namespace) -> int:
    seed, _, number = arguments.scenario.rpartition("/")
    arguments.seed, arguments.first, arguments.scenarios = seed, int(number), 1
    scenario = replace(next(_scenarios(arguments)), verbose=True)
    ((_, answer),) = ask(oracle.program, [scenario])
    print("\n".join(scenario_lines(scenario, answer.get("steps", ()))))
    if "error" in answer:
        print(f"the kubelet does not start: {answer['error']}")
    found = oracle.first_difference(scenario, answer)
    print("\n".join(difference_lines(found)) if found else "no difference")
    return 1 if found else 0


def _print_raw(oracle: Oracle, arguments: argparse.Namespace) -> int:
    for scenario, answer in ask(oracle.program, _scenarios(arguments)):
        print(json.dumps({"scenario": as_json(scenario), "answer": answer}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
