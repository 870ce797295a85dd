"""Real cgroups for a bed: a root of its own for the kubelet, and what a runtime would make below it for containers.

The pretended runtime confines nobody. Where a test needs a cgroup that the kernel knows, it is made here as runc would
have made it: below the pod's group, which the kubelet made, with the CPUs that the kubelet told the runtime, and with a
process in it that has some memory. Version 1 only.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.e2e.bed.bed import Bed
from tests.e2e.bed.processes import wait_until

MOUNT = Path("/sys/fs/cgroup")
MEMORY_BYTES = 16 << 20
"""That the process in each container's cgroup has at least"""

_HOLDS = f"import time; held = bytearray({MEMORY_BYTES}); print(len(held), flush=True); time.sleep(3600)"
_ENTERS = 'for group; do echo $$ > "$group/cgroup.procs"; done; exec "$PYTHON" -c "$HOLDS"'


class CgroupsUnavailableError(Exception):
    """There can be no cgroups of ours on this machine."""


class RealCgroups:
    """The kubelet's own root in every hierarchy, and the groups of containers below it.

    Attributes:
        root: what the kubelet's cgroupRoot is to be.
        options: further fields for the kubelet's configuration.
    """

    def __init__(self) -> None:
        self.root = f"/numascope-bed-{os.getpid()}"
        self.options: Mapping[str, object] = {"cgroupsPerQOS": True, "cgroupRoot": self.root}
        self._processes: list[subprocess.Popen[str]] = []
        self._hierarchies = self._find()
        for hierarchy in self._hierarchies:
            self._make(hierarchy, self.root)

    def confine(self, bed: Bed, pod: str, container: str = "app") -> Path:
        """Makes a running container's group, as the runtime would have; its directory in the cpuset hierarchy."""
        path = f"{_parent_of(bed, pod)}/{_id_of(bed, pod, container)}"
        cpuset, memory = (self._make(MOUNT / name, path) for name in ("cpuset", "memory"))
        (cpuset / "cpuset.cpus").write_text(_cpus_of(bed, pod, container))
        process = subprocess.Popen(
            ["/bin/sh", "-c", _ENTERS, "enters", str(cpuset), str(memory)],
            env={"PYTHON": sys.executable, "HOLDS": _HOLDS},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(MEMORY_BYTES)
        return cpuset

    def remove(self) -> None:
        """Ends the processes and removes every group that is left below the root."""
        for process in self._processes:
            process.kill()
            process.communicate()
        for hierarchy in self._hierarchies:
            top = hierarchy / self.root.lstrip("/")
            for folder, _, _ in os.walk(top, topdown=False):
                wait_until(lambda: _is_removed(Path(folder)), what=f"{folder} to be empty")  # noqa: B023

    def _make(self, hierarchy: Path, path: str) -> Path:
        """A group and those above it; a cpuset begins with what its parent has, or no process could enter it."""
        group = hierarchy
        for name in path.strip("/").split("/"):
            parent, group = group, group / name
            group.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (group / file).exists() and not (group / file).read_text().strip():
                    (group / file).write_text((parent / file).read_text())
        return group

    @staticmethod
    def _find() -> list[Path]:
        if (MOUNT / "cgroup.controllers").exists():
            raise CgroupsUnavailableError(
                "this machine has cgroups of version 2; the test makes those of version 1"
            )
        found = [path for path in MOUNT.iterdir() if (path / "cgroup.procs").exists()]
        if not {"cpuset", "memory"} <= {path.name for path in found}:
            raise CgroupsUnavailableError("no cgroup hierarchies for cpusets and memory are mounted")
        if not os.access(MOUNT / "cpuset", os.W_OK):
            raise CgroupsUnavailableError("cgroups are made by root alone")
        if not {0, 1} <= os.sched_getaffinity(0):
            raise CgroupsUnavailableError("it takes CPUs 0 and 1")
        return found


@contextlib.contextmanager
def real_cgroups() -> Iterator[RealCgroups]:
    """A root that is there, and gone afterwards. Raises CgroupsUnavailableError."""
    made = RealCgroups()
    try:
        yield made
    finally:
        made.remove()


def _is_removed(folder: Path) -> bool:
    """A group stays for a moment after its last process has ended."""
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _calls(bed: Bed) -> Iterator[dict[str, object]]:
    for line in (bed.folder / "runtime-calls.jsonl").read_text().splitlines():
        yield json.loads(line)


def _parent_of(bed: Bed, pod: str) -> str:
    """The pod's cgroup, as the kubelet told the runtime."""
    for call in _calls(bed):
        if (call["call"], call.get("pod")) == ("RunPodSandbox", pod):
            request = call["request"]
            assert isinstance(request, dict)
            parent: str = request["config"]["linux"]["cgroupParent"]
            return parent
    raise AssertionError(f"no sandbox of pod {pod} was asked for")


def _cpus_of(bed: Bed, pod: str, container: str) -> str:
    """The CPUs that the kubelet told the runtime last."""
    cpus = ""
    for call in _calls(bed):
        named = (call.get("pod"), call.get("container")) == (pod, container)
        if named and call["call"] in ("CreateContainer", "UpdateContainerResources"):
            request = call["request"]
            assert isinstance(request, dict)
            linux = request.get("linux", {})
            cpus = linux.get("resources", linux).get("cpusetCpus") or cpus
    return cpus


def _id_of(bed: Bed, pod: str, container: str) -> str:
    statuses = bed.pod(pod)["status"]["containerStatuses"]
    found: str = next(each["containerID"] for each in statuses if each["name"] == container)
    return found.partition("://")[2]
