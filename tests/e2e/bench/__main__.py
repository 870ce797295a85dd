"""`make bench-e2e`: measures the agent beside a real kubelet, prints a table, and writes JSON where asked to.

Takes half an hour; `--quick` takes five minutes and says less about the tails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.api import NRT_PATH
from tests.e2e.bed.bed import Bed, start_bed
from tests.e2e.bed.identity import AgentIdentity
from tests.e2e.bed.machines import TWO_SOCKETS, make_machine
from tests.e2e.bed.manifests import CRDS, apply_manifests
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.programs import BedUnavailableError, Programs, provide_programs
from tests.e2e.bench import measures
from tests.e2e.bench.figures import Figure, table
from tests.e2e.bench.observers import Watcher

KUBELET = KubeletOptions(extra={"cpuManagerReconcilePeriod": "10s"})
"""As kubelets are by default: what the agent sees early it sees by itself."""


def main(words: list[str]) -> int:
    """Measures; the exit code is 1 where a bound is exceeded, 2 where there can be no bed."""
    options = _parser().parse_args(words)
    try:
        programs = provide_programs()
    except BedUnavailableError as error:
        print(error, file=sys.stderr)
        return 2
    figures = []
    for figure in _measure(programs, options):
        print(*table([figure]), flush=True)
        figures.append(figure)
    if options.json is not None:
        rows = [figure.as_row() for figure in figures]
        options.json.write_text(
            json.dumps({"state_visible": options.state, "figures": rows}, indent=1) + "\n"
        )
    return 0 if all(figure.good for figure in figures) else 1


def _measure(programs: Programs, options: argparse.Namespace) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="nsmachine-") as folder:
        machine = make_machine(TWO_SOCKETS, Path(folder))
        with start_bed(programs, machine, KUBELET) as bed:
            apply_manifests(bed.api, CRDS)
            identity, nrts = AgentIdentity(bed), Watcher(bed.api, NRT_PATH)
            if "start" in options.only:
                yield from measures.first_object(bed, identity, nrts, 5)
            bench = _bench(bed, identity, nrts, state_visible=options.state)
            quick = options.quick
            subjects: dict[str, Callable[[], Iterable[Figure]]] = {
                "one": lambda: measures.one_by_one(bench, 40 if quick else 200),
                "burst": lambda: measures.burst(bench, 50, 1 if quick else 3),
                "storm": lambda: measures.storm(bench, 1000, 60),
                "full": lambda: measures.full_node(bench, 110, 60 if quick else 600),
            }
            for name, measure in subjects.items():
                if name in options.only:
                    yield from measure()


def _bench(bed: Bed, identity: AgentIdentity, nrts: Watcher, *, state_visible: bool) -> measures.Bench:
    agent = AgentRun(bed, identity, state_visible=state_visible)
    agent.wait_until_ready()
    return measures.Bench(
        bed=bed, identity=identity, agent=agent, nrts=nrts, pods=Watcher(bed.api, measures.PODS)
    )


def _parser() -> argparse.ArgumentParser:
    subjects = ("start", "one", "burst", "storm", "full")
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pods, one idle minute")
    parser.add_argument("--state", action="store_true", help="with the kubelet's directory mounted")
    parser.add_argument("--only", nargs="+", choices=subjects, default=subjects, help="these subjects alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
