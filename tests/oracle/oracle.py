"""The oracle as a process: scenarios in, answers out."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import IO

from tests.oracle.scenario import Object, Scenario, as_json

HUNG = 3
"""Its exit status where the kubelet's code searched for ever (program/main.go): the answer says so, others are to come."""


class OracleError(Exception):
    """The oracle's process failed: not the kubelet in it, whose panics are answers."""


def ask(program: Path, scenarios: Iterable[Scenario]) -> Iterator[tuple[Scenario, Object]]:
    """Each scenario with the kubelet's answer, in order, from one process; it is fed while it answers."""
    source = iter(scenarios)
    waiting: deque[Scenario] = deque()
    while (yield from _from_one_process(program, source, waiting)) == HUNG:
        pass


def _from_one_process(
    program: Path, source: Iterator[Scenario], waiting: deque[Scenario]
) -> Generator[tuple[Scenario, Object], None, int]:
    """As far as one process comes: its exit status. What it did not answer stays in `waiting`."""
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    again = tuple(waiting)
    feeder = threading.Thread(target=_feed, args=(process.stdin, again, source, waiting), daemon=True)
    feeder.start()
    try:
        for line in process.stdout:
            yield waiting.popleft(), json.loads(line)
        feeder.join()
        if process.wait() not in (0, HUNG):
            raise OracleError(f"the oracle ended with {process.returncode}")
        return process.returncode
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _feed(
    pipe: IO[str], again: Iterable[Scenario], source: Iterator[Scenario], waiting: deque[Scenario]
) -> None:
    try:
        for scenario in again:
            _send(pipe, scenario)
        for scenario in source:
            waiting.append(scenario)
            _send(pipe, scenario)
        pipe.close()
    except BrokenPipeError:
        return


def _send(pipe: IO[str], scenario: Scenario) -> None:
    pipe.write(json.dumps(as_json(scenario), separators=(",", ":")) + "\n")
