"""CPUs of one machine: assembles what the modules beside this one read.

Paths: /sys/devices/system/cpu and what lies below it, /proc/cpuinfo.
Kernel documents: Documentation/admin-guide/cputopology.rst, Documentation/ABI/stable/sysfs-devices-system-cpu.

No single file must exist: the machine must only name its CPUs somewhere. Where sysfs has no topology at all,
/proc/cpuinfo gives packages and cores.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.caches import read_caches
from collectors.cpu_groups import CpuGroups, derive_groups_from_cpuinfo, read_cpu_groups
from collectors.cpu_ids import CpuIds, read_cpu_ids
from collectors.cpu_kinds import read_cpu_kinds
from collectors.cpu_model import read_cpu_model
from collectors.cpu_sets import CpuSetReader
from collectors.cpu_speed import UNKNOWN_SPEED, CpuSpeed, read_cpu_speeds
from collectors.cpuinfo import read_processors
from collectors.model.cpu import Cache, Cpu, CpuGroup, CpuTopology
from collectors.reader import FactReader


def read_cpus(reader: FactReader) -> CpuTopology:
    """Every CPU, group and cache of the machine; raises HostError where it names no CPU at all."""
    ids = read_cpu_ids(reader)
    groups = CpuGroups()
    caches: tuple[Cache, ...] = ()
    speeds: dict[int, CpuSpeed] = {}
    if ids.directory is not None:
        sets = CpuSetReader(reader, ids.online)
        groups = read_cpu_groups(sets, ids.directory)
        core_of = {cpu: core.cpus for core in groups.cores for cpu in core.cpus}
        caches = read_caches(sets, ids.directory, core_of)
        cores = [core.cpus for core in groups.cores]
        speeds = read_cpu_speeds(reader, ids.directory, online=ids.online, cores=cores)
    if not groups.told:
        groups = derive_groups_from_cpuinfo(read_processors(reader), ids.online)
    model = read_cpu_model(reader)
    return CpuTopology(
        online=ids.online,
        present=ids.present,
        possible=ids.possible,
        isolated=ids.isolated,
        nohz_full=ids.nohz_full,
        cpus=_cpus(ids, groups, speeds),
        drawers=groups.drawers,
        books=groups.books,
        packages=groups.packages,
        dies=groups.dies,
        clusters=groups.clusters,
        cores=groups.cores,
        caches=caches,
        kinds=read_cpu_kinds(reader, speeds, ids.online),
        model_name=model.name,
        vendor=model.vendor,
        architecture=model.architecture,
    )


def _cpus(ids: CpuIds, groups: CpuGroups, speeds: Mapping[int, CpuSpeed]) -> tuple[Cpu, ...]:
    package_ids = _ids_by_cpu(groups.packages)
    die_ids = _ids_by_cpu(groups.dies)
    cluster_ids = _ids_by_cpu(groups.clusters)
    cpus: list[Cpu] = []
    for number in sorted(ids.known):
        speed = speeds.get(number, UNKNOWN_SPEED)
        cpus.append(
            Cpu(
                id=number,
                online=number in ids.online,
                package_id=package_ids.get(number),
                die_id=die_ids.get(number),
                cluster_id=cluster_ids.get(number),
                core_id=groups.core_ids.get(number),
                capacity=speed.capacity,
                max_frequency_khz=speed.max_frequency_khz,
                base_frequency_khz=speed.base_frequency_khz,
            )
        )
    return tuple(cpus)


def _ids_by_cpu(groups: tuple[CpuGroup, ...]) -> dict[int, int]:
    """The group's id for each of its CPUs: the kernel makes the map from the id, so all of them have the same."""
    return {cpu: group.id for group in groups if group.id is not None for cpu in group.cpus}
