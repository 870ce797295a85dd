"""`python -m tests.fuzz [--trees N] [--seed S] [--only I] [--jobs J]`: exit status 1 where a tree is judged badly."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time

from tests.fuzz.bases import captured_bases, synthetic_bases
from tests.fuzz.run import Failure, run_trees

MOST_SHOWN = 10


def main() -> int:
    options = _parse()
    started = time.monotonic()
    bases = [*synthetic_bases(), *captured_bases()]
    numbers = range(options.trees) if options.only is None else range(options.only, options.only + 1)
    print(f"fuzz: {len(numbers)} trees of {len(bases)} sound machines, seed {options.seed}", flush=True)
    failures: list[Failure] = []
    for found in run_trees(bases, seed=options.seed, numbers=numbers, jobs=options.jobs):
        failures += found
        if len(failures) >= MOST_SHOWN:
            break
    for failure in failures[:MOST_SHOWN]:
        _show(failure, options.seed)
    verdict = f"{len(failures)} failed" if failures else "all well"
    print(f"fuzz: {verdict} after {time.monotonic() - started:.0f} s")
    return 1 if failures else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Survey mutated machines.")
    parser.add_argument("--trees", type=int, default=20_000, help="how many (20000)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1 << 31), help="where chance begins (fresh)"
    )
    parser.add_argument("--only", type=int, metavar="I", help="run one tree of a seed again, by its number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each CPU)")
    return parser.parse_args()


def _show(failure: Failure, seed: int) -> None:
    trial = failure.trial
    lines = [f"tree {failure.number}: {trial.base}"]
    lines += [f"  spoilt   {mutation}" for mutation in trial.mutations]
    lines += [f"  wrong    {complaint[:300]}" for complaint in trial.complaints[:MOST_SHOWN]]
    lines.append(f'  again    make fuzz ARGS="--seed {seed} --only {failure.number}"')
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
