"""Which CPUs there are, and which of them are online.

Paths: /sys/devices/system/cpu/{online,present,possible,isolated,nohz_full}, the directories cpuN beside them (also
reachable as /sys/bus/cpu/devices/cpuN), cpuN/online. Where sysfs knows no CPUs, the processors of /proc/cpuinfo, and
last the lines of /proc/stat: both name online CPUs only.
Kernel documents: Documentation/admin-guide/cputopology.rst, Documentation/ABI/testing/sysfs-devices-system-cpu.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from collectors.cpuinfo import read_processors
from collectors.errors import HostError
from collectors.parse import MAX_ID, IdSet, format_id_list, parse_flag, parse_id_list
from collectors.reader import FactReader

SYSFS_CPU = "/sys/devices/system/cpu"
SYSFS_CPU_BUS = "/sys/bus/cpu/devices"
PROC_STAT = "/proc/stat"

_CPU_DIRECTORY = re.compile(r"cpu([0-9]{1,5})", re.ASCII)
_STAT_LINE = re.compile(r"^cpu([0-9]{1,5}) ", re.ASCII | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIds:
    """The ids of the machine's CPUs. Sets are None where the kernel does not say."""

    online: IdSet
    known: IdSet
    """Those with a directory, and those online"""
    directory: str | None = None
    """Where the directories cpuN are; None where sysfs has none"""
    present: IdSet | None = None
    possible: IdSet | None = None
    isolated: IdSet | None = None
    nohz_full: IdSet | None = None


def read_cpu_ids(reader: FactReader) -> CpuIds:
    """Every CPU of the machine; raises HostError where neither sysfs nor procfs names one."""
    directory, directories, failure = _list_directories(reader)
    online = _read_online(reader, directory, directories)
    if not online:
        online = _read_online_from_procfs(reader)
    if not online:
        raise failure or HostError(SYSFS_CPU, "names no CPU, and neither do /proc/cpuinfo and /proc/stat")
    return CpuIds(
        online=online,
        known=online | directories,
        directory=directory,
        present=reader.value(f"{SYSFS_CPU}/present", parse_id_list),
        possible=reader.value(f"{SYSFS_CPU}/possible", parse_id_list),
        isolated=reader.value(f"{SYSFS_CPU}/isolated", parse_id_list),
        nohz_full=reader.value(f"{SYSFS_CPU}/nohz_full", parse_id_list),
    )


def _list_directories(reader: FactReader) -> tuple[str | None, IdSet, HostError | None]:
    """Where the directories cpuN are, the ids that have one, and why they could not be listed.

    A directory that cannot be listed can still be passed through: it is answered with no ids, for its files are
    read by the ids of the list of online CPUs.
    """
    failure: HostError | None = None
    for directory in (SYSFS_CPU, SYSFS_CPU_BUS):
        try:
            names = reader.fs.entries(directory) or ()
        except HostError as error:
            reader.note(directory, error.reason)
            failure = failure or error
            continue
        ids = frozenset(int(match[1]) for name in names if (match := _CPU_DIRECTORY.fullmatch(name)))
        ids = frozenset(number for number in ids if number <= MAX_ID)
        if ids:
            return directory, ids, None
    return (SYSFS_CPU if failure else None), frozenset(), failure


def _read_online(reader: FactReader, directory: str | None, directories: IdSet) -> IdSet:
    """CPUs that are online as sysfs says it; empty where it does not say."""
    path = f"{SYSFS_CPU}/online"
    online = reader.value(path, parse_id_list)
    if online:
        strangers = online - directories if directories else frozenset()
        if not strangers:
            return online
        reader.note(path, f"names CPUs without a directory: {format_id_list(strangers)}")
        return online & directories or online
    if online is not None:
        reader.note(path, "names no CPU")
    return frozenset() if directory is None else _read_online_one_by_one(reader, directory, directories)


def _read_online_one_by_one(reader: FactReader, directory: str, directories: IdSet) -> IdSet:
    """Kernels without cpu/online: cpuN/online says it, else a topology directory, which offline CPUs lose.

    CPUs that cannot be taken offline have no file `online`; a kernel without topology has no such directory at all.
    """
    told = {cpu: reader.value(f"{directory}/cpu{cpu}/online", parse_flag) for cpu in sorted(directories)}
    untold = [cpu for cpu, online in told.items() if online is None]
    # A directory that is there but cannot be listed (None) is one that an offline CPU would not have.
    described = {cpu for cpu in untold if reader.entries(f"{directory}/cpu{cpu}/topology") != ()}
    if not described and not any(reader.entries(f"{directory}/cpu{cpu}/topology") for cpu in told):
        described = set(untold)
    return frozenset(cpu for cpu, online in told.items() if online or cpu in described)


def _read_online_from_procfs(reader: FactReader) -> IdSet:
    processors = read_processors(reader)
    if processors:
        return frozenset(processor.id for processor in processors)
    stat = reader.text(PROC_STAT) or ""
    return frozenset(int(number) for number in _STAT_LINE.findall(stat) if int(number) <= MAX_ID)
