"""Writes /sys/devices/system/cpu and /proc/cpuinfo of a synthetic machine.

Layout: Documentation/admin-guide/cputopology.rst and Documentation/ABI/testing/sysfs-devices-system-cpu. The kernel
takes `topology` and `cache` away from a CPU that goes offline, and the CPU out of every other one's maps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from collectors.model import IdSet
from tests.hosts.cpu import Place, online_cpus, online_groups, package_id, place_cpus, possible_count
from tests.hosts.spec import CpuSpec, KernelSpec, MachineSpec, SetForms, TopologyNames
from tests.hosts.text import id_list, id_mask
from tests.hosts.tree import Tree

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"
MAX_KHZ = {False: 3_800_000, True: 2_900_000}
"""By whether the core is an efficiency core"""
BASE_KHZ = {False: 2_100_000, True: 1_500_000}
CAPACITY = {False: 1024, True: 640}
CACHES: tuple[tuple[int, str, int, Callable[[Place], Hashable]], ...] = (
    (1, "Data", 48, lambda place: place.core),
    (1, "Instruction", 32, lambda place: place.core),
    (2, "Unified", 2048, lambda place: place.cluster),
    (3, "Unified", 36864, lambda place: place.l3),
)
"""Level, type, KiB and what it is shared by"""
MODEL_NAME = "Intel(R) Xeon(R) Platinum 8480+"
VENDOR = "GenuineIntel"
FLAGS = " ".join(
    (
        "fpu vme de pse tsc msr pae mce cx8 apic sep lm mtrr pge mca cmov pat",
        *(f"feature{n}" for n in range(60)),
    )
)


def write_cpus(tree: Tree, spec: MachineSpec) -> None:
    """All CPUs of the machine."""
    places = place_cpus(spec.cpus)
    _write_sets(tree, spec.cpus, spec.kernel)
    siblings = _siblings(places, spec)
    caches = _caches(places)
    for place in places:
        here = f"{CPU}/cpu{place.id}"
        tree.file(f"{here}/uevent", f"DRIVER=processor\nOF_CPU={place.id}")
        if place.id != 0 or not place.online:  # the first CPU cannot be taken offline by hand, most often
            tree.file(f"{here}/online", _text(spec, str(int(place.online))))
        if place.online:
            _write_topology(tree, spec, place, siblings)
            _write_caches(tree, spec, place, caches)
            _write_speed(tree, spec, place)
    if spec.cpus.efficiency_cores:
        _write_kinds(tree, places)
    _write_cpuinfo(tree, places)


def write_set(
    tree: Tree, spec: MachineSpec, path: str, ids: Iterable[int], *, map_name: str, list_name: str
) -> None:
    """A set of CPUs in the forms that the kernel has: a map, a list, or both."""
    members = frozenset(ids)
    if spec.kernel.forms is not SetForms.LISTS:
        mask = id_mask(members, possible_count(spec.cpus))
        tree.file(f"{path}/{map_name}", _text(spec, mask))
    if spec.kernel.forms is not SetForms.MAPS:
        tree.file(f"{path}/{list_name}", _text(spec, id_list(members)))


def _text(spec: MachineSpec, text: str) -> bytes:
    return f"{text}\n".encode() + (b"\0" if spec.kernel.nuls else b"")


def _write_sets(tree: Tree, cpus: CpuSpec, kernel: KernelSpec) -> None:
    possible = possible_count(cpus)
    present = possible - cpus.spare
    tree.file(f"{CPU}/kernel_max", "8191")
    tree.file(f"{CPU}/offline", id_list(frozenset(range(possible)) - online_cpus(cpus)))
    if kernel.online_files:
        nul = b"\0" if kernel.nuls else b""
        tree.file(f"{CPU}/online", f"{id_list(online_cpus(cpus))}\n".encode() + nul)
        tree.file(f"{CPU}/present", f"{id_list(range(present))}\n".encode() + nul)
        tree.file(f"{CPU}/possible", f"{id_list(range(possible))}\n".encode() + nul)
    if kernel.isolation_files:
        tree.file(f"{CPU}/isolated", id_list(cpus.isolated))
        # A kernel with the option built in but not used prints a null pointer.
        tree.file(f"{CPU}/nohz_full", id_list(cpus.nohz_full) if cpus.nohz_full else "  (null)")


def _siblings(places: tuple[Place, ...], spec: MachineSpec) -> dict[int, list[tuple[str, str, IdSet]]]:
    """By CPU: (name of the map, name of the list, the CPUs) for each kind of group."""
    names = spec.kernel.names
    kinds: list[tuple[Callable[[Place], Hashable], str, str]] = []
    if names is not TopologyNames.NEW:
        kinds.append((lambda place: place.core, "thread_siblings", "thread_siblings_list"))
        kinds.append((lambda place: place.package, "core_siblings", "core_siblings_list"))
    if names is not TopologyNames.OLD:
        kinds.append((lambda place: place.core, "core_cpus", "core_cpus_list"))
        kinds.append((lambda place: place.package, "package_cpus", "package_cpus_list"))
    if spec.kernel.dies:
        kinds.append((lambda place: place.die, "die_cpus", "die_cpus_list"))
    if spec.kernel.clusters:
        kinds.append((lambda place: place.cluster, "cluster_cpus", "cluster_cpus_list"))
    found: dict[int, list[tuple[str, str, IdSet]]] = {}
    for key, map_name, list_name in kinds:
        for _, cpus in online_groups(places, key):
            for cpu in cpus:
                found.setdefault(cpu, []).append((map_name, list_name, cpus))
    return found


def _write_topology(
    tree: Tree, spec: MachineSpec, place: Place, siblings: dict[int, list[tuple[str, str, IdSet]]]
) -> None:
    here = f"{CPU}/cpu{place.id}/topology"
    tree.file(f"{here}/physical_package_id", _text(spec, str(package_id(spec.cpus, place.package))))
    tree.file(f"{here}/core_id", _text(spec, str(place.core_id)))
    if spec.kernel.dies:
        tree.file(f"{here}/die_id", _text(spec, str(place.die[1])))
    if spec.kernel.clusters:
        tree.file(f"{here}/cluster_id", _text(spec, str(place.cluster[1])))
    for map_name, list_name, cpus in siblings[place.id]:
        write_set(tree, spec, here, cpus, map_name=map_name, list_name=list_name)


def _caches(places: tuple[Place, ...]) -> dict[int, list[tuple[int, int, str, int, IdSet]]]:
    """By CPU: (id, level, type, KiB, the CPUs) of each of its caches."""
    found: dict[int, list[tuple[int, int, str, int, IdSet]]] = {}
    for level, kind, size, key in CACHES:
        for number, (_, cpus) in enumerate(online_groups(places, key)):
            for cpu in cpus:
                found.setdefault(cpu, []).append((number, level, kind, size, cpus))
    return found


def _write_caches(
    tree: Tree, spec: MachineSpec, place: Place, caches: dict[int, list[tuple[int, int, str, int, IdSet]]]
) -> None:
    for index, (number, level, kind, size, cpus) in enumerate(caches[place.id]):
        here = f"{CPU}/cpu{place.id}/cache/index{index}"
        for name, value in (("id", number), ("level", level), ("type", kind), ("size", f"{size}K")):
            tree.file(f"{here}/{name}", _text(spec, str(value)))
        tree.file(f"{here}/coherency_line_size", "64")
        write_set(tree, spec, here, cpus, map_name="shared_cpu_map", list_name="shared_cpu_list")


def _write_speed(tree: Tree, spec: MachineSpec, place: Place) -> None:
    policy = f"{CPU}/cpufreq/policy{place.id}"
    tree.file(f"{policy}/cpuinfo_max_freq", str(MAX_KHZ[place.efficient]))
    tree.file(f"{policy}/cpuinfo_min_freq", "800000")
    tree.file(f"{policy}/base_frequency", str(BASE_KHZ[place.efficient]))
    tree.file(f"{policy}/related_cpus", str(place.id))
    tree.link(f"{CPU}/cpu{place.id}/cpufreq", policy)
    if spec.cpus.efficiency_cores:
        tree.file(f"{CPU}/cpu{place.id}/cpu_capacity", str(CAPACITY[place.efficient]))


def _write_kinds(tree: Tree, places: tuple[Place, ...]) -> None:
    for efficient, name in ((False, "cpu_core"), (True, "cpu_atom")):
        cpus = [place.id for place in places if place.online and place.efficient is efficient]
        tree.file(f"/sys/devices/{name}/type", "4" if name == "cpu_core" else "10")
        tree.file(f"/sys/devices/{name}/cpus", id_list(cpus))
        tree.link(f"/sys/bus/event_source/devices/{name}", f"/sys/devices/{name}")


def _write_cpuinfo(tree: Tree, places: tuple[Place, ...]) -> None:
    blocks = (
        f"processor\t: {place.id}\nvendor_id\t: {VENDOR}\ncpu family\t: 6\nmodel\t\t: 143\n"
        f"model name\t: {MODEL_NAME}\nstepping\t: 8\nflags\t\t: {FLAGS}\n"
        for place in places
        if place.online
    )
    tree.file("/proc/cpuinfo", "\n".join(blocks))
