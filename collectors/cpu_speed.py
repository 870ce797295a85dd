"""How fast each CPU can run: frequency, capacity, and on arm64 which design it is.

Paths: cpu/cpufreq/policyN/{related_cpus,cpuinfo_max_freq,base_frequency} (on kernels before 4.3 cpuN/cpufreq/*),
cpuN/cpu_capacity, cpuN/regs/identification/midr_el1.
Kernel documents: Documentation/admin-guide/pm/cpufreq.rst, Documentation/ABI/testing/sysfs-devices-system-cpu.

Current frequencies are never read: the kernel measures them on the spot, for milliseconds on each CPU.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from collectors.cpu_ids import SYSFS_CPU
from collectors.parse import IdSet, parse_count, parse_hex_int, parse_ids_apart
from collectors.reader import FactReader

_NO_ONLINE_CPU = frozenset({errno.EBUSY})
"""What the files of a policy answer while every CPU of it is offline"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSpeed:
    """What tells one CPU from another. None where the kernel does not say."""

    max_frequency_khz: int | None = None
    base_frequency_khz: int | None = None
    capacity: int | None = None
    midr: int | None = None
    """Main ID register of arm64: who designed the core, and which"""


UNKNOWN_SPEED = CpuSpeed()


def read_cpu_speeds(reader: FactReader, directory: str, online: IdSet) -> dict[int, CpuSpeed]:
    """What is known of online CPUs, by id; a CPU of which nothing is known may be missing.

    Args:
        reader: where the files come from.
        directory: where the directories cpuN are.
        online: the CPUs to ask.
    """
    names = _cpu_names(reader, directory, online)
    frequencies: dict[int, tuple[int | None, int | None]] = _read_policies(reader, online)
    if not frequencies and "cpufreq" in names:
        frequencies = _read_per_cpu(reader, directory, online)
    capacities: dict[int, int | None] = {}
    midrs: dict[int, int | None] = {}
    for cpu in sorted(online):
        if "cpu_capacity" in names:
            capacities[cpu] = reader.value(f"{directory}/cpu{cpu}/cpu_capacity", parse_count) or None
        if "regs" in names:
            midrs[cpu] = reader.value(f"{directory}/cpu{cpu}/regs/identification/midr_el1", parse_hex_int)
    speeds: dict[int, CpuSpeed] = {}
    for cpu in frequencies.keys() | capacities.keys() | midrs.keys():
        most, base = frequencies.get(cpu, (None, None))
        speeds[cpu] = CpuSpeed(
            max_frequency_khz=most,
            base_frequency_khz=base,
            capacity=capacities.get(cpu),
            midr=midrs.get(cpu),
        )
    return speeds


def _cpu_names(reader: FactReader, directory: str, online: IdSet) -> frozenset[str]:
    """What the directories of the first and the last CPU hold: the other CPUs are not asked for what neither has."""
    ends = {min(online), max(online)}
    return frozenset(name for cpu in ends for name in reader.entries(f"{directory}/cpu{cpu}") or ())


def _read_policies(reader: FactReader, online: IdSet) -> dict[int, tuple[int | None, int | None]]:
    """(maximum, base) in kHz by CPU from cpufreq's policies.

    A policy has the number of a CPU that belongs to it. Which others do is asked only where some CPU has no policy of
    its own number.
    """
    numbers = reader.numbered(f"{SYSFS_CPU}/cpufreq", "policy") or ()
    shared = not online.issubset(numbers)
    frequencies: dict[int, tuple[int | None, int | None]] = {}
    for number in numbers:
        if shared or number in online:
            path = f"{SYSFS_CPU}/cpufreq/policy{number}"
            cpus = _read_related(reader, path) if shared else None
            found = _read_frequency(reader, path)
            for cpu in online & (cpus or frozenset({number})):
                frequencies[cpu] = found
    return frequencies


def _read_per_cpu(
    reader: FactReader, directory: str, online: IdSet
) -> dict[int, tuple[int | None, int | None]]:
    """The same from cpuN/cpufreq, which is a directory on one CPU of a policy and a link to it on the others."""
    frequencies: dict[int, tuple[int | None, int | None]] = {}
    for cpu in sorted(online):
        if cpu in frequencies:
            continue
        path = f"{directory}/cpu{cpu}/cpufreq"
        found = _read_frequency(reader, path)
        if found != (None, None):
            for related in online & (_read_related(reader, path) or frozenset()) | {cpu}:
                frequencies.setdefault(related, found)
    return frequencies


def _read_related(reader: FactReader, path: str) -> IdSet | None:
    return reader.value(f"{path}/related_cpus", parse_ids_apart, silent=_NO_ONLINE_CPU)


def _read_frequency(reader: FactReader, path: str) -> tuple[int | None, int | None]:
    """(cpuinfo_max_freq, base_frequency) in kHz of one policy; drivers that know none write 0."""
    most = reader.value(f"{path}/cpuinfo_max_freq", parse_count, silent=_NO_ONLINE_CPU)
    base = reader.value(f"{path}/base_frequency", parse_count, silent=_NO_ONLINE_CPU)
    return most or None, base or None
