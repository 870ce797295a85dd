"""`python -m tests.e2e.bed up|down|demo`: a bed for people. `make bed-up`, `make bed-down` and `make demo` call it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import get_args

from tests.e2e.bed import demo, keeper
from tests.e2e.bed.machines import MACHINES
from tests.e2e.bed.options import KubeletOptions, TopologyPolicy, TopologyScope
from tests.e2e.bed.programs import BedUnavailableError, provide_programs


def main(words: list[str]) -> int:
    """Does one command; returns the exit code."""
    options = _parser().parse_args(words)
    try:
        provide_programs()
    except BedUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    kubelet = KubeletOptions(topology_policy=options.policy, topology_scope=options.scope)
    match options.command:
        case "up":
            show(keeper.up(words[1:]))
        case "down":
            print("down" if keeper.down() else "no bed is up")
        case "keep":
            keeper.keep(options.machine, kubelet)
        case "demo":
            demo.run(options.machine, kubelet, show=show)
    return 0


def show(places: Mapping[str, str]) -> None:
    """A line for each part."""
    for name, place in places.items():
        print(f"  {name:14} {place}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.bed", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "demo", "keep"))
    parser.add_argument("--machine", choices=tuple(MACHINES), default="two-sockets")
    parser.add_argument("--policy", choices=get_args(TopologyPolicy), default="single-numa-node")
    parser.add_argument("--scope", choices=get_args(TopologyScope), default="container")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
