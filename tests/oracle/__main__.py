"""`python -m tests.oracle`: random scenarios on both sides; README.md lists the ways to use it."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
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
SHARE = 200
"""Scenarios that one process examines in a row"""
PROGRESS = 25
"""After so many shares a line says how far it is"""
LONG, LONG_OF_OLDER = 300_000, 20_000


def main() -> int:
    """Exit status 0: no difference; 1: differences, printed; 2: the oracle could not be built."""
    arguments = _parser().parse_args()
    if arguments.seed == "random":
        arguments.seed = secrets.token_hex(4)
    try:
        if arguments.long:
            return max(_compare(*each) for each in _long_runs(arguments))
        oracle = _oracle(arguments)
        if arguments.scenario:
            return _explain(oracle, arguments)
        if arguments.raw:
            return _print_raw(oracle, arguments)
        return _compare(oracle, arguments)
    except GoUnavailableError as error:
        print(error, file=sys.stderr)
        return 2


def _oracle(arguments: argparse.Namespace) -> Oracle:
    program = arguments.program or provide_oracle(arguments.version)
    return Oracle(program=program, version=arguments.version)


def _long_runs(arguments: argparse.Namespace) -> Iterator[tuple[Oracle, argparse.Namespace]]:
    """The present version at length, then each older one, newest first."""
    for version in (PRESENT, *sorted(OLDER, reverse=True)):
        scenarios = LONG if version == PRESENT else LONG_OF_OLDER
        run = argparse.Namespace(**{**vars(arguments), "version": version, "scenarios": scenarios})
        yield _oracle(run), run


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
    parser.add_argument(
        "--long",
        action="store_true",
        help=f"{LONG} scenarios, then {LONG_OF_OLDER} with every older version",
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


def _scenarios(arguments: argparse.Namespace, numbers: Iterable[int]) -> Iterator[Scenario]:
    for number in numbers:
        yield random_scenario(
            arguments.seed,
            arguments.first + number,
            subjects=arguments.only or SUBJECTS,
            without=arguments.without,
            version=arguments.version,
        )


def _compare(oracle: Oracle, arguments: argparse.Namespace) -> int:
    print(f"Kubernetes {'.'.join(map(str, oracle.version))}, seed {arguments.seed}", flush=True)
    began = time.monotonic()
    total = arguments.scenarios
    shares = [(oracle, arguments, range(at, min(at + SHARE, total))) for at in range(0, total, SHARE)]
    tally = Tally()
    with multiprocessing.Pool(arguments.processes) as pool:
        for done, part in enumerate(pool.imap_unordered(_share, shares), 1):
            tally.add(part)
            if done % PROGRESS == 0:
                print(f"  {tally.scenarios}, {len(tally.differences)} differ", file=sys.stderr, flush=True)
    print("\n".join(tally_lines(tally, time.monotonic() - began)))
    for found in tally.differences[:SHOWN]:
        print("\n".join(difference_lines(found)))
    for found in tally.differences[SHOWN:]:
        print(f"also {found.scenario.name}: {found.lines[0]}")
    return 1 if tally.differences else 0


def _share(share: tuple[Oracle, argparse.Namespace, range]) -> Tally:
    oracle, arguments, numbers = share
    return oracle.examine(_scenarios(arguments, numbers))


def _explain(oracle: Oracle, arguments: argparse.Namespace) -> int:
    seed, _, number = arguments.scenario.rpartition("/")
    arguments.seed = seed
    scenario = replace(next(_scenarios(arguments, [int(number)])), verbose=True)
    ((_, answer),) = ask(oracle.program, [scenario])
    print("\n".join(scenario_lines(scenario, answer.get("steps", ()))))
    if "error" in answer:
        print(f"the kubelet does not start: {answer['error']}")
    found = oracle.first_difference(scenario, answer)
    print("\n".join(difference_lines(found)) if found else "no difference")
    return 1 if found else 0


def _print_raw(oracle: Oracle, arguments: argparse.Namespace) -> int:
    for scenario, answer in ask(oracle.program, _scenarios(arguments, range(arguments.scenarios))):
        print(json.dumps({"scenario": as_json(scenario), "answer": answer}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
