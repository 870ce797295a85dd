"""Where each CPU of a synthetic machine sits: the one list that both the files and the expected facts are made from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

from collectors.model import IdSet
from tests.hosts.spec import CpuSpec, Numbering

EFFICIENCY_CORES_PER_L2 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One present CPU and what it belongs to. Groups are numbered over the whole machine."""

    id: int
    package: int
    die: tuple[int, int]
    domain: int
    """Position of its NUMA node"""
    cluster: tuple[int, int]
    l3: tuple[int, int]
    core: tuple[int, int]
    core_id: int
    efficient: bool
    online: bool


@lru_cache(maxsize=64)
def place_cpus(spec: CpuSpec) -> tuple[Place, ...]:
    """Every present CPU, by id."""
    return tuple(
        _place(spec, number, package, core) for number, (package, core) in enumerate(_numbered(spec))
    )


@lru_cache(maxsize=64)
def online_cpus(spec: CpuSpec) -> IdSet:
    """The CPUs that run."""
    return frozenset(place.id for place in place_cpus(spec) if place.online)


@lru_cache(maxsize=64)
def possible_count(spec: CpuSpec) -> int:
    """CPUs that the kernel makes room for: what bitmaps are wide."""
    return len(_numbered(spec)) + spec.spare


def online_groups(
    places: tuple[Place, ...], key: Callable[[Place], Hashable]
) -> tuple[tuple[Place, IdSet], ...]:
    """The online CPUs that share a key, with the first of them, by the first."""
    groups: dict[Hashable, list[Place]] = {}
    for place in places:
        if place.online:
            groups.setdefault(key(place), []).append(place)
    return tuple((group[0], frozenset(place.id for place in group)) for group in groups.values())


def package_id(spec: CpuSpec, package: int) -> int:
    """physical_package_id of a package."""
    return spec.package_ids[package] if spec.package_ids else package


def _numbered(spec: CpuSpec) -> list[tuple[int, int]]:
    """(package, core) of every CPU, in the order of their numbers."""
    in_turn = spec.numbering is Numbering.PACKAGES_IN_TURN
    cores = (
        [(package, core) for core in range(spec.cores) for package in range(spec.packages)]
        if in_turn
        else [(package, core) for package in range(spec.packages) for core in range(spec.cores)]
    )
    if spec.numbering is Numbering.SIBLINGS_ADJACENT:
        return [place for place in cores for _ in range(_threads(spec, place[1]))]
    return [place for thread in range(spec.smt) for place in cores if thread < _threads(spec, place[1])]


def _threads(spec: CpuSpec, core: int) -> int:
    return 1 if _is_efficient(spec, core) else spec.smt


def _is_efficient(spec: CpuSpec, core: int) -> bool:
    return core >= spec.cores - spec.efficiency_cores


def _place(spec: CpuSpec, number: int, package: int, core: int) -> Place:
    die = core * spec.dies // spec.cores
    per_l3 = spec.cores_per_l3 or spec.cores
    id_within = core - -(-die * spec.cores // spec.dies) if spec.core_ids_restart_per_die else core
    return Place(
        id=number,
        package=package,
        die=(package, die),
        domain=package * spec.nodes + core * spec.nodes // spec.cores,
        cluster=(package, _cluster(spec, core)),
        l3=(package, core // per_l3),
        core=(package, core),
        core_id=id_within * spec.core_id_step,
        efficient=_is_efficient(spec, core),
        online=number not in spec.offline,
    )


def _cluster(spec: CpuSpec, core: int) -> int:
    """A number for the L2 cache: efficiency cores count after all others."""
    first_efficient = spec.cores - spec.efficiency_cores
    if core < first_efficient:
        return core // (spec.cores_per_cluster or 1)
    return spec.cores + (core - first_efficient) // EFFICIENCY_CORES_PER_L2
