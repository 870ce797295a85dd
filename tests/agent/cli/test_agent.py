"""`numascope agent` as a process: what it serves of a machine, real signals, and what a person gets wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from agent.__main__ import main
from agent.settings import Address
from agent.views.nrt import derive_nrt
from agent.views.plain import plain_snapshot
from agent.web.server import bind
from tests.hosts.machine import expected_snapshot, write_machine
from tests.hosts.shapes import TWO_SOCKETS

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 2.0

Start = Callable[..., "Process"]


class Process:
    """An agent in a process of its own."""

    def __init__(self, *command: str, **environ: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**_clean_environment(), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def first_words(self) -> str:
        """What it says until it serves, with the address."""
        return _until("/readyz", self._process.stdout)

    def log_until(self, word: str) -> str:
        """What it logs until that word."""
        return _until(word, self._process.stderr)

    def send(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            self._process.send_signal(number)

    def end(self) -> tuple[int, str, str, float]:
        """Exit status, the rest of its output, and how long that took."""
        started = time.monotonic()
        out, err = self._process.communicate(timeout=20)
        return self._process.returncode, out, err, time.monotonic() - started

    def put_away(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def _until(word: str, stream: IO[str] | None) -> str:
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"it ended without {word!r}: {lines}")


def _clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("NUMASCOPE_")}


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, and ends those that the test leaves."""
    processes: list[Process] = []

    def begin(*command: str, **environ: str) -> Process:
        processes.append(Process(*command, **environ))
        return processes[-1]

    yield begin
    for process in processes:
        process.put_away()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a server of two sockets."""
    folder = tmp_path_factory.mktemp("machine")
    write_machine(TWO_SOCKETS, folder)
    return str(folder)


def fetch(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def url_in(words: str) -> str:
    found = re.search(r"http://\S+(?=/metrics)", words)
    assert found is not None, words
    return found[0]


def test_every_endpoint_serves_the_machine_that_host_names(start: Start, machine: str) -> None:
    agent = start("agent", "agent", "--host", machine, "--listen", "127.0.0.1:0", NODE_NAME="worker-1")
    words = agent.first_words()
    url = url_in(words)
    expected = expected_snapshot(TWO_SOCKETS, now=0.0)
    assert "numascope 0.1.0 on node worker-1" in words
    assert "2 packages" in words
    assert _without_times(json.loads(fetch(f"{url}/api/v1/snapshot")[1])) == _without_times(
        plain_snapshot(expected)
    )
    assert json.loads(fetch(f"{url}/api/v1/nrt")[1]) == derive_nrt(expected, node_name="worker-1")
    assert fetch(f"{url}/api/v1/nrt?format=yaml")[1].startswith("apiVersion: topology.node.k8s.io/v1alpha2\n")
    assert fetch(f"{url}/healthz") == (200, "ok\n")
    assert fetch(f"{url}/readyz") == (200, "ok\n")
    assert "numascope_survey_success 1.0\n" in fetch(f"{url}/metrics")[1]
    assert fetch(f"{url}/metrics", Accept="application/openmetrics-text")[1].endswith("# EOF\n")
    assert fetch(f"{url}/nothing")[0] == 404
    agent.send(signal.SIGTERM)
    status, _, err, seconds = agent.end()
    assert (status, seconds < STOP_SECONDS) == (0, True)
    assert err.endswith("INFO stopping on SIGTERM\n")


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_times(inner) for key, inner in value.items() if key not in ("taken_at", "read_at")
        }
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


def test_an_archive_is_served_like_a_folder(start: Start, machine: str, tmp_path: Path) -> None:
    archive = tmp_path / "machine.tar.xz"
    assert main(["capture", "--host", machine, "-o", str(archive)]) == 0
    agent = start("agent", "agent", "--host", str(archive), "--listen", "127.0.0.1:0")
    shown = json.loads(fetch(f"{url_in(agent.first_words())}/api/v1/snapshot")[1])
    assert (
        shown["numa"]["facts"]["nodes"][1]["cpus"]
        == plain_snapshot(expected_snapshot(TWO_SOCKETS, now=0.0))["numa"]["facts"]["nodes"][1]["cpus"]
    )


def test_in_json_every_line_of_the_log_is_an_object_and_nothing_else_is_written(
    start: Start, machine: str
) -> None:
    agent = start("agent", "agent", "--host", machine, "--listen", "127.0.0.1:0", "--log-format", "json")
    first = agent.log_until("/readyz")
    agent.send(signal.SIGINT)
    status, out, rest, _ = agent.end()
    assert (status, out) == (0, "")
    entries = [json.loads(line) for line in (first + rest).splitlines()]
    assert entries[0]["message"].startswith("numascope ")
    assert entries[-1]["message"] == "stopping on SIGINT"


def test_a_second_signal_ends_it_at_once(start: Start, machine: str) -> None:
    agent = start("agent", "agent", "--host", machine, "--listen", "127.0.0.1:0")
    agent.first_words()
    # Both are there when it goes on.
    agent.send(signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT)
    status, _, _, seconds = agent.end()
    assert status in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert seconds < STOP_SECONDS


def test_a_machine_that_hangs_takes_nothing_but_readiness_and_does_not_hold_up_the_end(
    start: Start, machine: str
) -> None:
    agent = start("tests.fakes.stuck_agent", machine)
    url = url_in(agent.first_words())
    agent.log_until("the survey is stuck at /")
    status, reason = fetch(f"{url}/readyz")
    assert status == 503
    assert reason.startswith("the survey is stuck at /")
    assert fetch(f"{url}/healthz") == (200, "ok\n")
    assert len(json.loads(fetch(f"{url}/api/v1/snapshot")[1])["numa"]["facts"]["nodes"]) == 2
    assert "numascope_survey_success 0.0\n" in fetch(f"{url}/metrics")[1]
    agent.send(signal.SIGTERM)
    status, _, err, seconds = agent.end()
    assert (status, seconds < STOP_SECONDS) == (0, True)
    assert "stuck" not in err


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--survey-period", "60"], "--survey-period: expected a duration with its unit"),
        (["--listen", "9787"], "--listen: expected host:port"),
        (["--host", "/no/such/folder"], "/no/such/folder: "),
        (["--config", "/no/such.yaml"], "/no/such.yaml: cannot read the settings"),
    ],
)
def test_what_a_person_can_put_right_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in list(os.environ):
        if key.startswith("NUMASCOPE_"):
            monkeypatch.delenv(key)
    assert main(["agent", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"numascope: {said}")
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_line_and_status_2(start: Start, machine: str) -> None:
    with bind(Address("127.0.0.1", 0)) as taken:
        taken.listen()
        agent = start("agent", "agent", "--host", machine, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        status, out, err, _ = agent.end()
    assert (status, out) == (2, "")
    assert re.fullmatch(r"numascope: cannot listen on 127\.0\.0\.1:\d+: the port is in use.*\n", err)


def test_on_this_very_machine_it_starts_and_is_ready(start: Start) -> None:
    agent = start("agent", "agent", "--listen", "127.0.0.1:0")
    words = agent.first_words()
    assert fetch(f"{url_in(words)}/readyz") == (200, "ok\n")
    assert "1 CPU\n" in words or f"{os.sysconf('SC_NPROCESSORS_ONLN')} CPUs" in words
    agent.send(signal.SIGTERM)
    assert agent.end()[0] == 0


@pytest.mark.usefixtures("root_logger")
def test_a_defect_ends_it_with_status_1_and_a_line_in_the_log(
    machine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ExceptionGroup("tasks", [ZeroDivisionError("ours")])

    monkeypatch.setattr("agent.app.run", fail)
    assert main(["agent", "--host", machine]) == 1
    err = capsys.readouterr().err
    assert "ERROR the agent ends; this is a defect, please report it" in err
    assert err.count("\n") == 1
