"""Collects every captured machine of a folder: `python -m tests.corpus TREES OUT`.

Archives are opened as `--host` opens them: in memory, within bounds, and nothing is written beside the answers.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agent.survey import survey
from collectors.errors import NumascopeError
from collectors.hosts import open_host
from collectors.model import Snapshot
from tests.corpus.neutral import neutral_answers

SUFFIX = ".tar.xz"
USAGE = "usage: python -m tests.corpus TREES OUT (make corpus TREES=DIR OUT=DIR)"

log = logging.getLogger("corpus")


def main(arguments: Sequence[str]) -> int:
    """Writes OUT/<tree>.json for every TREES/<tree>.tar.xz.

    Returns 0, or 1 where an archive could not be read (the others are still written), or 2 where it was called wrongly.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if len(arguments) != 2 or not all(arguments):
        log.error(USAGE)
        return 2
    trees, out = Path(arguments[0]), Path(arguments[1])
    archives = sorted(trees.glob(f"*{SUFFIX}")) if trees.is_dir() else []
    if not archives:
        log.error("%s: no folder with *%s", trees, SUFFIX)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    return max(_collect(archive, out / f"{archive.name.removesuffix(SUFFIX)}.json") for archive in archives)


def _collect(archive: Path, answer: Path) -> int:
    try:
        machine = open_host(str(archive))()
    except NumascopeError as error:
        log.error("%s", error)
        return 1
    started = time.perf_counter()
    snapshot = survey(machine, now=time.time())
    milliseconds = (time.perf_counter() - started) * 1000
    answer.write_text(json.dumps(neutral_answers(snapshot), indent=1, sort_keys=True) + "\n")
    log.info("%s: %.0f ms, %d problems", answer.stem, milliseconds, _count_problems(snapshot))
    for subject, observed in snapshot.observed:
        if observed.error is not None:
            log.error("  %s: %s", subject, observed.error)
    return 0


def _count_problems(snapshot: Snapshot) -> int:
    return sum(len(observed.problems) for _, observed in snapshot.observed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
