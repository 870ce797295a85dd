"""The cgroups of the containers that run here: read when somebody asks, never on a pod's event.

In a pod our own /sys/fs/cgroup is that of our own container; the host's is where its /sys is mounted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from agent.alignment.derive import running_containers
from agent.survey import observe
from collectors.container_cgroups import CGROUP_ROOT, read_container_cgroups
from collectors.hostfs import HostFS
from collectors.model import NumaTopology, Observed, Snapshot
from collectors.model.cgroup import ContainerCgroups

HOST_CGROUP_ROOT = f"/host{CGROUP_ROOT}"
"""Where manifests mount the host's"""


def read_cgroups(
    fs: HostFS, snapshot: Snapshot, *, root: str | None, now: float, here: bool = True
) -> Observed[ContainerCgroups]:
    """The cgroups of the containers that run by a snapshot; blocks on files.

    Args:
        fs: the files of that machine.
        snapshot: with its kubelet; without one, or where nothing is known to run, there is nothing to read.
        root: where the cgroup file systems are mounted; None for the usual places.
        now: seconds since the epoch.
        here: whether it is this machine, of which the size of a page is known.
    """
    wanted = running_containers(snapshot)
    if not wanted:
        return Observed(facts=ContainerCgroups(), read_at=now)
    return observe(
        fs,
        lambda reader: read_container_cgroups(
            reader,
            wanted,
            root=root or _usual_root(fs),
            page_bytes=os.sysconf("SC_PAGE_SIZE") if here else None,
            hugepage_sizes=_sizes(snapshot.numa.facts),
        ),
        now,
        Observed(),
    )


def _usual_root(fs: HostFS) -> str:
    return CGROUP_ROOT if fs.real_path(HOST_CGROUP_ROOT) is None else HOST_CGROUP_ROOT


def _sizes(numa: NumaTopology | None) -> Iterable[int]:
    """Sizes of hugepages of which there are any: others cannot be charged to anybody."""
    return () if numa is None else {pool.page_size_bytes for pool in numa.machine_hugepages if pool.total}
