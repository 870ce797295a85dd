"""The agent on a bed, as a DaemonSet would run it: its service account, the node's address, and the kubelet's sockets.

It gets a mount namespace of its own, made like the kubelet's, so that it outlives every restart of the kubelet.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.e2e.bed.bed import API_PORT, NODE_NAME, Bed
from tests.e2e.bed.identity import POD_NAME, AgentIdentity
from tests.e2e.bed.kubelet import KUBELET_ROOT, machine_mounts
from tests.e2e.bed.processes import RunningProgram, wait_until

COMMAND: Sequence[str | Path] = (Path(sys.executable).with_name("numascope"), "agent")
PORT = 9787
SOCKET_FOLDERS = ("pod-resources", "pods-api")
SERVICE_ACCOUNT_FOLDER = "/run/secrets/kubernetes.io/serviceaccount"
POOL_POLL_SECONDS = 0.1
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class AgentRun:
    """One running agent. Ends by `stop`, or with its bed.

    Attributes:
        bed: where it runs.
        state_visible: whether it sees the kubelet's directory.
        program: its process; the process id is the agent's own.
    """

    def __init__(
        self,
        bed: Bed,
        identity: AgentIdentity,
        *,
        state_visible: bool = False,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`state_visible`: with the kubelet's whole directory mounted; else its two sockets alone."""
        self.bed = bed
        self.state_visible = state_visible
        self._status = _OwnStatus(bed)
        command = (*COMMAND, "--listen", f"{bed.address}:{PORT}")
        script = bed.folder / "agent.sh"
        script.write_text(
            "\n".join(
                (
                    "set -eu",
                    *machine_mounts(bed.paths),
                    *_pod_mounts(bed, identity, state_visible=state_visible),
                    *self._status.mounts,
                    f"exec {shlex.join([*map(str, command), *arguments])}",
                    "",
                )
            )
        )
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "KUBERNETES_SERVICE_HOST": bed.address,
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
            "NODE_NAME": NODE_NAME,
            "NODE_IP": bed.address,
            **(environment or {}),
        }
        self.program: RunningProgram = bed.run_beside(
            "agent",
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", script],
            variables,
        )
        self._status.follow(self.program)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.bed.address}:{PORT}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of what it serves; status 0 while it does not."""
        try:
            with closing(HTTPConnection(self.bed.address, PORT, timeout=5)) as connection:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)

    def snapshot(self) -> dict[str, Any]:
        """/api/v1/snapshot."""
        status, body = self.get("/api/v1/snapshot")
        assert status == 200, body
        content: dict[str, Any] = json.loads(body)
        return content

    def wait_until_ready(self, seconds: float = 10.0) -> None:
        """Returns when /readyz says yes."""
        try:
            wait_until(
                lambda: self.get("/readyz")[0] == 200,
                what="the agent to be ready",
                seconds=seconds,
                watching=[self.program],
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.get('/readyz')[1]}\n{self.program.log_tail()}") from None

    def cpu_seconds(self) -> float:
        """CPU time that it has used so far, user and system."""
        fields = Path(f"/proc/{self.program.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def rss_bytes(self) -> int:
        """Its resident memory now."""
        lines = Path(f"/proc/{self.program.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024

    def log(self) -> str:
        """All that this and earlier agents of the bed have printed."""
        return self.program.log.read_text()

    def stop(self) -> int:
        """Ends it with SIGTERM; returns its exit code."""
        code = self.program.stop()
        self.bed.stop_part("agent")
        self._status.forget()
        return code


def _pod_mounts(bed: Bed, identity: AgentIdentity, *, state_visible: bool) -> list[str]:
    """What the kubelet mounts into a pod, and the host's directories that a manifest asks for."""
    lines = [
        "mount -t tmpfs tmpfs /run",
        f"mkdir -p {SERVICE_ACCOUNT_FOLDER}",
        f"mount --bind {_quoted(identity.folder)} {SERVICE_ACCOUNT_FOLDER}",
        "mount -t tmpfs tmpfs /var/lib",
        f"mkdir -p {KUBELET_ROOT}",
    ]
    if state_visible:
        return [
            *lines,
            f"mount --bind {_quoted(bed.kubelet_root)} {KUBELET_ROOT}",
            f"mount -o remount,bind,ro {KUBELET_ROOT}",
        ]
    for name in SOCKET_FOLDERS:
        source = bed.kubelet_root / name
        source.mkdir(exist_ok=True)
        lines += [
            f"mkdir {KUBELET_ROOT}/{name}",
            f"mount --bind {_quoted(source)} {KUBELET_ROOT}/{name}",
        ]
    return lines


class SteppedClock:
    """A wall clock for an agent that a test can set to another time: start the agent with its `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step(0.0)
        self.environment = {
            "PYTHONPATH": str(Path(__file__).with_name("stepped_clock")),
            "BED_CLOCK": str(self._file),
        }

    def step(self, seconds: float) -> None:
        """Sets it that far before or behind the machine's."""
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(str(seconds))
        unfinished.rename(self._file)


class _OwnStatus:
    """/proc/self/status as it would be in the agent's container: with the CPUs that the kubelet gave that container.

    The pretended runtime confines nobody, so a file stands over the agent's own, and is kept up to date from what the
    runtime was told.
    """

    def __init__(self, bed: Bed) -> None:
        self._calls = bed.folder / "runtime-calls.jsonl"
        self._file = bed.folder / "agent-status"
        self._read_to = 0
        self._pool = ""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        pool = self._newest_pool()
        self.mounts = (
            f"sed 's/^Cpus_allowed_list:.*/Cpus_allowed_list:\\t{pool}/' /proc/$$/status > {_quoted(self._file)}",
            f"mount --bind {_quoted(self._file)} /proc/$$/status",
        )
        """Lines for the script that becomes the agent"""

    def follow(self, program: RunningProgram) -> None:
        """Keeps the file up to date until the program ends."""
        self._thread = threading.Thread(
            target=self._follow, args=(program,), name="agent-status", daemon=True
        )
        self._thread.start()

    def forget(self) -> None:
        """Ends the following."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self, program: RunningProgram) -> None:
        while program.running and not self._over.wait(POOL_POLL_SECONDS):
            before = self._pool
            if self._newest_pool() != before and self._file.exists():
                lines = [
                    f"Cpus_allowed_list:\t{self._pool}" if line.startswith("Cpus_allowed_list:") else line
                    for line in self._file.read_text().splitlines()
                ]
                # In place: the mount is of this very file.
                self._file.write_text("\n".join(lines) + "\n")

    def _newest_pool(self) -> str:
        """The CPUs that the agent's container was given last."""
        if not self._calls.exists():
            return self._pool
        with self._calls.open("rb") as calls:
            calls.seek(self._read_to)
            for line in calls:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                call = json.loads(line)
                if call.get("pod") == POD_NAME and call["call"] in {
                    "CreateContainer",
                    "UpdateContainerResources",
                }:
                    linux = call["request"].get("linux", {})
                    self._pool = linux.get("resources", linux).get("cpusetCpus") or self._pool
        return self._pool


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
