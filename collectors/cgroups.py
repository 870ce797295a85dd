"""What the cpuset cgroup of our own process leaves to it.

Paths: /proc/self/cgroup (else /proc/self/cpuset), /proc/self/mountinfo (else /proc/mounts), and below the mount of the
controller cpuset.cpus and cpuset.mems: in version 2 those of .effective, in version 1 also without the prefix.
Kernel documents: Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1/cpusets.rst.

A file that is missing or empty says "as the parent": the walk goes up to the mount's root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.cpu_ids import SYSFS_CPU
from collectors.model.snapshot import AllowedSet
from collectors.parse import PADDING, IdSet, format_id_list, parse_id_list
from collectors.reader import FactReader

SYSFS_NODE = "/sys/devices/system/node"

_ESCAPE = re.compile(r"\\([0-7]{3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount as mountinfo describes it."""

    root: str
    """Which part of the file system is mounted; `/` where mountinfo is not at hand"""
    point: str
    type: str
    options: frozenset[str]
    """Of the mount and of the file system"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """A mount of the cpuset controller, and how its files are called."""

    mount: Mount
    cpu_files: tuple[str, ...]
    """What a process may run on; the first that is there and not empty counts"""
    memory_files: tuple[str, ...]


def read_allowed(reader: FactReader) -> AllowedSet:
    """The online CPUs and NUMA nodes that our cpuset leaves us; None where it leaves all, or none is in sight."""
    groups = _read_own_groups(reader)
    for hierarchy in _hierarchies(reader, _read_mounts(reader)):
        path = groups.get(hierarchy.mount.type)
        if path is None:
            continue
        directories = tuple(_upwards(hierarchy.mount, path))
        cpus = read_first_ids(reader, directories, hierarchy.cpu_files)
        nodes = read_first_ids(reader, directories, hierarchy.memory_files)
        if cpus or nodes:
            everywhere = reader.value(f"{SYSFS_NODE}/online", parse_id_list)
            with_memory = reader.value(f"{SYSFS_NODE}/has_memory", parse_id_list)
            online = reader.value(f"{SYSFS_CPU}/online", parse_id_list)
            return AllowedSet(
                cpus=_limit(reader, "cpuset CPUs", cpus, online, online),
                nodes=_limit(reader, "cpuset nodes", nodes, everywhere, with_memory or everywhere),
            )
    return AllowedSet()


def _limit(
    reader: FactReader,
    word: str,
    allowed: tuple[str, IdSet] | None,
    online: IdSet | None,
    all_of: IdSet | None,
) -> IdSet | None:
    """What is allowed of what is online, or None where that is no limit."""
    if allowed is None:
        return None
    path, ids = allowed
    if online:
        kept = ids & online
        if not kept:
            reader.note(path, f"{word} {format_id_list(ids)} are all offline")
            return None
        ids = kept
    return None if all_of and ids >= all_of else ids


def _read_own_groups(reader: FactReader) -> dict[str, str]:
    """The path of our own group in the cpuset hierarchy, by the type of file system that it is in."""
    groups: dict[str, str] = {}
    for line in (reader.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and "cpuset" in controllers.split(","):
            groups["cgroup"] = groups["cpuset"] = path
        elif colon and number == "0" and not controllers:
            groups["cgroup2"] = path
    if groups:
        return groups
    path_only = (reader.text("/proc/self/cpuset") or "").strip(PADDING)
    return dict.fromkeys(("cgroup", "cpuset", "cgroup2"), path_only) if path_only else {}


def _read_mounts(reader: FactReader) -> tuple[Mount, ...]:
    text = reader.text("/proc/self/mountinfo")
    if text:
        return tuple(mount for line in text.splitlines() if (mount := _parse_mountinfo(line)) is not None)
    text = reader.text("/proc/mounts") or ""
    return tuple(mount for line in text.splitlines() if (mount := _parse_mount(line)) is not None)


def _parse_mountinfo(line: str) -> Mount | None:
    """`36 35 0:31 ROOT POINT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS` (proc_pid_mountinfo(5))."""
    before, dash, after = line.partition(" - ")
    place, system = before.split(), after.split()
    if not dash or len(place) < 6 or len(system) < 3:
        return None
    options = frozenset(f"{place[5]},{system[2]}".split(","))
    return Mount(root=_unescaped(place[3]), point=_unescaped(place[4]), type=system[0], options=options)


def _parse_mount(line: str) -> Mount | None:
    """`SOURCE POINT TYPE OPTIONS 0 0` (fstab(5))."""
    words = line.split()
    if len(words) < 4:
        return None
    return Mount(root="/", point=_unescaped(words[1]), type=words[2], options=frozenset(words[3].split(",")))


def _unescaped(word: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), word)


def _hierarchies(reader: FactReader, mounts: tuple[Mount, ...]) -> Iterator[Hierarchy]:
    """Mounts that have the cpuset controller. Of version 2 not all do: version 1 may have taken it."""
    for mount in mounts:
        if mount.type == "cgroup2":
            # In a container the mount's root is our own group, whose list of controllers may be empty although
            # cpuset files are there; such a mount is tried, and simply gives nothing where they are not.
            controllers = reader.text(f"{mount.point}/cgroup.controllers")
            if controllers is None or not controllers.split() or "cpuset" in controllers.split():
                yield Hierarchy(
                    mount=mount,
                    cpu_files=("cpuset.cpus.effective", "cpuset.cpus"),
                    memory_files=("cpuset.mems.effective", "cpuset.mems"),
                )
        elif mount.type == "cpuset" or (mount.type == "cgroup" and "cpuset" in mount.options):
            yield _version_1(mount)


def _version_1(mount: Mount) -> Hierarchy:
    """In version 1 the plain files are what holds; with cpuset_v2_mode they are a wish, as in version 2."""
    prefix = "" if mount.type == "cpuset" or "noprefix" in mount.options else "cpuset."
    cpu_files = (f"{prefix}cpus", f"{prefix}effective_cpus")
    memory_files = (f"{prefix}mems", f"{prefix}effective_mems")
    if "cpuset_v2_mode" in mount.options:
        cpu_files, memory_files = cpu_files[::-1], memory_files[::-1]
    return Hierarchy(mount=mount, cpu_files=cpu_files, memory_files=memory_files)


def _upwards(mount: Mount, path: str) -> Iterator[str]:
    """Directories from our own group up to the mount's root.

    The path is told from the root of our cgroup namespace, the mount may show a part of the hierarchy only: what the
    mount's root has in front is left away. A path that leads outside (`/../..`) leaves the mount's root.
    """
    if mount.root != "/" and (path == mount.root or path.startswith(f"{mount.root}/")):
        path = path[len(mount.root) :]
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        parts = []
    for length in range(len(parts), -1, -1):
        yield "/".join((mount.point.rstrip("/"), *parts[:length]))


def read_first_ids(
    reader: FactReader, directories: tuple[str, ...], files: tuple[str, ...]
) -> tuple[str, IdSet] | None:
    """The first set that is not empty, and where it stands; for each directory every name is tried."""
    for directory in directories:
        for name in files:
            path = f"{directory}/{name}"
            ids = reader.value(path, parse_id_list)
            if ids:
                return path, ids
    return None
