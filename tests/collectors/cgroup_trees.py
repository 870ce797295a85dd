"""Cgroup file systems as kubelets and runtimes of every kind make them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ROOT = "/sys/fs/cgroup"
UID = "6f0d2c31-77a0-4bd2-9d5e-0a4c6f3b1e21"
SYSTEMD_UID = UID.replace("-", "_")
CONTAINER = "c0" * 32
SANDBOX = "5a" * 32

_SLICES = "kubepods.slice/kubepods-burstable.slice"
_OTHER_ROOT = "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"

LAYOUTS = {
    "cgroupfs, Guaranteed": f"kubepods/pod{UID}/{CONTAINER}",
    "cgroupfs, Burstable": f"kubepods/burstable/pod{UID}/{CONTAINER}",
    "cgroupfs with a root of its own": f"kubelet/kubepods/besteffort/pod{UID}/{CONTAINER}",
    "systemd and containerd": f"{_SLICES}/kubepods-burstable-pod{SYSTEMD_UID}.slice/cri-containerd-{CONTAINER}.scope",
    "systemd and containerd, Guaranteed": (
        f"kubepods.slice/kubepods-pod{SYSTEMD_UID}.slice/cri-containerd-{CONTAINER}.scope"
    ),
    "systemd and CRI-O": f"{_SLICES}/kubepods-burstable-pod{SYSTEMD_UID}.slice/crio-{CONTAINER}.scope",
    "systemd and Docker": f"{_SLICES}/kubepods-burstable-pod{SYSTEMD_UID}.slice/docker-{CONTAINER}.scope",
    "systemd with a root of its own": (
        f"{_OTHER_ROOT}/kubelet-kubepods-besteffort-pod{SYSTEMD_UID}.slice/cri-containerd-{CONTAINER}.scope"
    ),
    "a kubelet within a container": (
        f"system.slice/docker-{SANDBOX}.scope/{_OTHER_ROOT}/"
        f"kubelet-kubepods-besteffort-pod{SYSTEMD_UID}.slice/cri-containerd-{CONTAINER}.scope"
    ),
    "the kubelet by systemd, the runtime not": (
        f"system.slice/containerd.service/kubepods-burstable-pod{SYSTEMD_UID}.slice:cri-containerd:{CONTAINER}"
    ),
    "no cgroups of pods": f"k8s.io/{CONTAINER}",
}
"""Where the container's group lies below the root of a hierarchy"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One container's group."""

    path: str
    cpus: str = "2-5"
    nodes: str = "0"
    anon: tuple[int, ...] = (8192, 4096)
    file: tuple[int, ...] = (4096, 0)


def version_2(*groups: Group, root: str = ROOT) -> dict[str, object]:
    """The unified hierarchy."""
    files: dict[str, object] = {
        f"{root}/cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
        f"{root}/cpuset.cpus.effective": "0-15\n",
        f"{root}/cpuset.mems.effective": "0-1\n",
        f"{root}/init.scope/cgroup.procs": "1\n",
    }
    for group in groups:
        files |= _surroundings(root, group.path, 2)
        files |= {
            f"{root}/{group.path}/cpuset.cpus": f"{group.cpus}\n",
            f"{root}/{group.path}/cpuset.cpus.effective": f"{group.cpus}\n",
            f"{root}/{group.path}/cpuset.mems.effective": f"{group.nodes}\n",
            f"{root}/{group.path}/memory.numa_stat": (
                f"anon {_by_node(group.anon)}\nfile {_by_node(group.file)}\n"
                f"kernel_stack {_by_node((0,))}\nworkingset_refault_anon {_by_node((7,))}\n"
            ),
        }
    return files


def version_1(*groups: Group, root: str = ROOT, page: int = 4096) -> dict[str, object]:
    """A hierarchy for each controller, some of them mounted together."""
    files: dict[str, object] = {
        f"{root}/cpu,cpuacct/tasks": "1\n",
        f"{root}/cpuset/cpuset.effective_cpus": "0-15\n",
        f"{root}/cpuset/cpuset.effective_mems": "0-1\n",
        f"{root}/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    for group in groups:
        for controller in ("cpuset", "memory"):
            files |= _surroundings(f"{root}/{controller}", group.path, 1)
        anon, file = ([count // page for count in counts] for counts in (group.anon, group.file))
        lines = (
            ("anon", anon),
            ("file", file),
            ("unevictable", [0]),
            ("hierarchical_anon", anon),
            ("hierarchical_file", file),
            ("hierarchical_unevictable", [0]),
        )
        files |= {
            f"{root}/cpuset/{group.path}/cpuset.effective_cpus": f"{group.cpus}\n",
            f"{root}/cpuset/{group.path}/cpuset.effective_mems": f"{group.nodes}\n",
            f"{root}/memory/{group.path}/memory.numa_stat": "".join(
                f"{kind}={sum(counts)} {_by_node(counts)}\n" for kind, counts in lines
            ),
        }
    return files


def _surroundings(top: str, path: str, version: int) -> dict[str, object]:
    """What every group on the way has, and the pod's sandbox beside the container."""
    parts = path.split("/")
    sandbox = "/".join([*parts[:-1], parts[-1].replace(CONTAINER, SANDBOX)])
    directories = [sandbox, *("/".join(parts[:length]) for length in range(1, len(parts) + 1))]
    name, text = (
        ("notify_on_release", "0\n") if version == 1 else ("cgroup.events", "populated 1\nfrozen 0\n")
    )
    files: dict[str, object] = {}
    for directory in directories:
        files |= {f"{top}/{directory}/{name}": text, f"{top}/{directory}/cgroup.procs": ""}
    return files


def _by_node(counts: Iterable[int]) -> str:
    return " ".join(f"N{node}={count}" for node, count in enumerate(counts))
