"""What a right reader finds of the CPUs of a synthetic machine."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from collectors.model import Cache, CacheType, Cpu, CpuGroup, CpuKind, CpuTopology
from tests.hosts.cpu import Place, online_cpus, online_groups, package_id, place_cpus, possible_count
from tests.hosts.cpu_files import BASE_KHZ, CACHES, CAPACITY, MAX_KHZ, MODEL_NAME, VENDOR
from tests.hosts.spec import CpuSpec, MachineSpec


def expected_cpus(spec: MachineSpec) -> CpuTopology:
    """Every fact about the CPUs, computed from the parameters alone."""
    cpus, kernel = spec.cpus, spec.kernel
    places = place_cpus(cpus)
    told = kernel.online_files
    return CpuTopology(
        online=online_cpus(cpus),
        present=frozenset(place.id for place in places) if told else None,
        possible=frozenset(range(possible_count(cpus))) if told else None,
        isolated=cpus.isolated if kernel.isolation_files else None,
        nohz_full=cpus.nohz_full if kernel.isolation_files else None,
        cpus=tuple(_cpu(spec, place) for place in places),
        packages=_groups(places, lambda place: place.package, lambda place: package_id(cpus, place.package)),
        dies=_groups(places, lambda place: place.die, lambda place: place.die[1]) if kernel.dies else (),
        clusters=_groups(places, lambda place: place.cluster, lambda place: place.cluster[1])
        if kernel.clusters
        else (),
        cores=_groups(places, lambda place: place.core, lambda place: place.core_id),
        caches=_caches(places),
        kinds=_kinds(cpus, places),
        model_name=MODEL_NAME,
        vendor=VENDOR,
        architecture="x86_64",
    )


def _cpu(spec: MachineSpec, place: Place) -> Cpu:
    if not place.online:
        return Cpu(id=place.id, online=False)
    return Cpu(
        id=place.id,
        online=True,
        package_id=package_id(spec.cpus, place.package),
        die_id=place.die[1] if spec.kernel.dies else None,
        cluster_id=place.cluster[1] if spec.kernel.clusters else None,
        core_id=place.core_id,
        capacity=CAPACITY[place.efficient] if spec.cpus.efficiency_cores else None,
        max_frequency_khz=MAX_KHZ[place.efficient],
        base_frequency_khz=BASE_KHZ[place.efficient],
    )


def _groups(
    places: tuple[Place, ...], key: Callable[[Place], Hashable], number: Callable[[Place], int]
) -> tuple[CpuGroup, ...]:
    return tuple(CpuGroup(cpus=cpus, id=number(first)) for first, cpus in online_groups(places, key))


def _caches(places: tuple[Place, ...]) -> tuple[Cache, ...]:
    """Every cache; first-level ones are asked for everything but their ids."""
    return tuple(
        Cache(
            level=level,
            type=CacheType(kind),
            cpus=cpus,
            size_bytes=size << 10,
            id=number if level > 1 else None,
        )
        for level, kind, size, key in CACHES
        for number, (_, cpus) in enumerate(online_groups(places, key))
    )


def _kinds(spec: CpuSpec, places: tuple[Place, ...]) -> tuple[CpuKind, ...]:
    kinds = online_groups(places, lambda place: place.efficient)
    if len(kinds) < 2:  # those that run are alike
        return ()
    return tuple(
        CpuKind(
            cpus=cpus,
            name="cpu_atom" if first.efficient else "cpu_core",
            capacity=CAPACITY[first.efficient],
            max_frequency_khz=MAX_KHZ[first.efficient],
            base_frequency_khz=BASE_KHZ[first.efficient],
        )
        for first, cpus in kinds
    )
