"""How fast each CPU can run: frequency, capacity, and on arm64 which design it is.

Paths: cpu/cpufreq/policyN/{related_cpus,cpuinfo_max_freq,base_frequency} (on kernels before 4.3 cpuN/cpufreq/*),
cpuN/cpu_capacity, cpuN/regs/identification/midr_el1.
Kernel documents: Documentation/admin-guide/pm/cpufreq.rst, Documentation/ABI/testing/sysfs-devices-system-cpu.

Current frequencies are never read: the kernel measures them on the spot, for milliseconds on each CPU.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass, replace

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

Frequency = tuple[int | None, int | None]
"""Maximum and base frequency in kHz"""

NO_FREQUENCY: Frequency = (None, None)


def read_cpu_speeds(
    reader: FactReader, directory: str, *, online: IdSet, cores: Iterable[IdSet]
) -> dict[int, CpuSpeed]:
    """What is known of online CPUs, by id; a CPU of which nothing is known is missing.

    Args:
        reader: where the files come from.
        directory: where the directories cpuN are.
        online: the CPUs to ask.
        cores: threads of one core are of one design and run at one clock: the first speaks for all, and others are
            asked for what it does not tell though it is told elsewhere on the machine.
    """
    names = _cpu_names(reader, directory, online)
    policies = _read_policies(reader, online)
    if not policies and "cpufreq" in names:
        policies = _read_old_policies(reader, directory, online)

    def speed_of(cpu: int) -> CpuSpeed:
        return _read_speed(reader, f"{directory}/cpu{cpu}", names, policies.get(cpu))

    found = [(threads, speed_of(threads[0])) for threads in _by_core(online, cores)]
    usual = {name for _, speed in found for name in _told(speed)}
    speeds: dict[int, CpuSpeed] = {}
    for threads, first in found:
        speed = first
        for cpu in threads[1:]:
            if speed != UNKNOWN_SPEED and usual.issubset(_told(speed)):
                break
            speed = replace(speed_of(cpu), **_told(speed))
        if speed != UNKNOWN_SPEED:
            speeds.update(dict.fromkeys(threads, speed))
    return speeds


def _told(speed: CpuSpeed) -> dict[str, int]:
    """What is known, by the name of the field."""
    values = ((name, getattr(speed, name)) for name in CpuSpeed.__slots__)
    return {name: value for name, value in values if value is not None}


def _by_core(online: IdSet, cores: Iterable[IdSet]) -> Iterable[list[int]]:
    """The threads of every core in order, then the CPUs that belong to no known core one by one."""
    alone = set(online)
    for core in cores:
        alone -= core
        yield sorted(core)
    for cpu in sorted(alone):
        yield [cpu]


def _cpu_names(reader: FactReader, directory: str, online: IdSet) -> frozenset[str]:
    """What the directories of the first and the last CPU hold: the other CPUs are not asked for what neither has."""
    ends = {min(online), max(online)}
    return frozenset(name for cpu in ends for name in reader.entries(f"{directory}/cpu{cpu}") or ())


def _read_speed(reader: FactReader, path: str, names: frozenset[str], policy: str | None) -> CpuSpeed:
    most, base = NO_FREQUENCY if policy is None else _read_frequency(reader, policy)
    capacity = reader.value(f"{path}/cpu_capacity", parse_count) if "cpu_capacity" in names else None
    midr = reader.value(f"{path}/regs/identification/midr_el1", parse_hex_int) if "regs" in names else None
    return CpuSpeed(max_frequency_khz=most, base_frequency_khz=base, capacity=capacity or None, midr=midr)


def _read_policies(reader: FactReader, online: IdSet) -> dict[int, str]:
    """The directory of each CPU's frequency policy, by CPU.

    A policy has the number of a CPU that belongs to it. Which others do is asked only where some CPU has no policy of
    its own number.
    """
    numbers = reader.numbered(f"{SYSFS_CPU}/cpufreq", "policy") or ()
    policies = {number: f"{SYSFS_CPU}/cpufreq/policy{number}" for number in numbers}
    if not online.issubset(policies):
        for path in tuple(policies.values()):
            for cpu in _read_related(reader, path):
                policies.setdefault(cpu, path)
    return policies


def _read_old_policies(reader: FactReader, directory: str, online: IdSet) -> dict[int, str]:
    """The same where policies are found only as cpuN/cpufreq, a link to that of another CPU on some."""
    policies: dict[int, str] = {}
    for cpu in sorted(online):
        if cpu not in policies:
            path = policies[cpu] = f"{directory}/cpu{cpu}/cpufreq"
            for related in _read_related(reader, path):
                policies.setdefault(related, path)
    return policies


def _read_related(reader: FactReader, path: str) -> IdSet:
    related = reader.value(f"{path}/related_cpus", parse_ids_apart, silent=_NO_ONLINE_CPU)
    return related or frozenset()


def _read_frequency(reader: FactReader, path: str) -> Frequency:
    """(cpuinfo_max_freq, base_frequency) in kHz of one policy; drivers that know none write 0."""
    most = reader.value(f"{path}/cpuinfo_max_freq", parse_count, silent=_NO_ONLINE_CPU)
    base = reader.value(f"{path}/base_frequency", parse_count, silent=_NO_ONLINE_CPU)
    return most or None, base or None
