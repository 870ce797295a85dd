"""What must hold of the survey of a spoilt machine, given the survey of the sound one.

- Nothing fails: every subject has facts or says why it has none, and no reason is a defect of ours.
- Nothing is invented: where mutations only take away, each fact is the sound one or unknown. What is told by two
  files may come from the other one.
- The others stay: a fact that has nothing to do with the spoilt file is as it was.
- What is there but refused, or is no value, is named in the problems or in the error of a subject.
- Nothing from outside of the root appears anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from collectors.model import NumaKind, Snapshot
from collectors.reader import MAX_PROBLEMS
from tests.fuzz.mutations import CANARY, Kind, Mutation
from tests.hosts.leaves import Leaf, leaves

SUBJECTS = {
    "/sys/devices/system/cpu": ("cpus", "system"),
    "/sys/devices/system/node": ("numa", "system"),
    "/sys/devices/virtual/memory_tiering": ("numa",),
    "/sys/kernel/mm/hugepages": ("numa",),
    "/proc/meminfo": ("numa",),
    "/proc/driver/nvidia": ("numa",),
    "/proc/cpuinfo": ("cpus",),
    "/sys/devices/pci": ("pci", "devices"),
    "/sys/devices/platform": ("devices", "numa"),
    "/sys/bus/pci": ("pci", "devices"),
    "/sys/bus/dax": ("devices", "numa"),
    "/sys/bus/cxl": ("devices",),
    "/sys/class": ("devices",),
    "/sys/block": ("devices",),
}
"""Which subjects may lose facts when something below a path is spoilt; all of them below any other path"""

_ENTITY = re.compile(r"^/sys/devices/system/(?:cpu/cpu|node/node)([0-9]+)/(?!cpufreq/)")
_ONLINE_SIGN = re.compile(r"^/sys/devices/system/cpu/cpu[0-9]+(/topology(/.+)?|/online)?$")
NODE_DIRECTORIES = ("/sys/devices/system/node", "/sys/devices/system")
UNREADABLE = frozenset({Kind.DENIED, Kind.IO_ERROR, Kind.BUSY, Kind.LOOPING})
"""What is there for everyone to see, but cannot be read; all others look as if it had never been"""

PARTIAL = frozenset({"virtual_functions", "rdma_devices", "initiators", "offline_cpus"})
"""Fields that may hold a part of what there is: each item has a file of its own"""


def check(base: Mapping[Leaf, object], snapshot: Snapshot, mutations: Collection[Mutation]) -> Iterator[str]:
    """Everything that is wrong with the survey of a spoilt machine, as sentences."""
    yield from _failures(snapshot)
    facts = leaves(snapshot)
    if CANARY in repr(snapshot):
        yield "a file outside of the root was read"
    if all(mutation.takes_away for mutation in mutations):
        yield from _inventions(base, facts, mutations)
    yield from _collateral(base, facts, snapshot, mutations)


def _failures(snapshot: Snapshot) -> Iterator[str]:
    for subject, observed in snapshot.observed:
        if observed.facts is None and observed.error is None:
            yield f"{subject} has neither facts nor an error"
        if observed.error is not None and observed.error.startswith("defect"):
            yield f"{subject}: {observed.error}"


def _inventions(
    base: Mapping[Leaf, object], facts: Mapping[Leaf, object], mutations: Collection[Mutation]
) -> Iterator[str]:
    beyond_judgement = _looks_like_another_machine(base, facts, mutations)
    for name, value in facts.items():
        if name in base and base[name] == value:
            continue
        if not name.startswith(beyond_judgement) and not _is_known_loss(name, base, facts):
            yield f"invented: {name} is {value!r}, on the sound machine {base.get(name)!r}"


def _looks_like_another_machine(
    base: Mapping[Leaf, object], facts: Mapping[Leaf, object], mutations: Collection[Mutation]
) -> tuple[str, ...]:
    """Beginnings of facts that nobody could tell from those of a sound machine of another make."""
    found: list[str] = []
    absent = [mutation.path for mutation in mutations if mutation.kind not in UNREADABLE]
    # Without the directory of nodes it is a kernel without NUMA, which is told: from_kernel.
    if base.get("numa.from_kernel") and any(path in NODE_DIRECTORIES for path in absent):
        found.append("numa.")
    # Without node/online every directory is a node; real kernels have none for a node that is offline.
    if any(mutation.path == "/sys/devices/system/node/online" for mutation in mutations):
        offline = base.get("numa.offline")
        found += [f"numa.nodes[{node}]" for node in (offline if isinstance(offline, frozenset) else ())]
        found.append("numa.offline")
    # Without cpu/online it is the topology directory that tells which CPUs are online (old kernels).
    if any(_ONLINE_SIGN.match(path) for path in absent) and _lost_cpus(base, facts):
        found += ["cpus.", "numa.nodes"]
    return tuple(found)


def _lost_cpus(base: Mapping[Leaf, object], facts: Mapping[Leaf, object]) -> bool:
    sound, online = base.get("cpus.online"), facts.get("cpus.online")
    return isinstance(sound, frozenset) and isinstance(online, frozenset) and online < sound


def _is_known_loss(name: Leaf, base: Mapping[Leaf, object], facts: Mapping[Leaf, object]) -> bool:
    """Whether a fact that differs says less than the sound one, and nothing else."""
    value, sound = facts[name], base.get(name)
    owner, _, field = name.rpartition(".")
    if name.startswith("cpus.kinds["):
        known = _is_part_of_a_kind(name, base, facts)
    elif name.startswith("system.allowed."):
        known = sound is None  # left out where it is the whole machine, of which less is known now
    elif field == "hugepages_per_node" and _lost_pools(base, facts):
        known = True  # of the sizes that are still known
    elif value is False:  # "this is known" turned into "this is not known"
        known = field in ("cpus_known", "path_known", "hugepages_per_node")
    elif field == "path":
        known = facts.get(f"{owner}.path_known") is False
    elif name.startswith("numa.nodes[") and field == "cpus":
        known = _is_less_of_a_node(name, base, facts)
    elif field == "kind":  # whose memory it is, is told by other files than how much it is
        known = sound is NumaKind.DEVICE_MEMORY and value is NumaKind.MEMORY_ONLY
    elif field in PARTIAL and isinstance(value, frozenset | tuple):
        known = set(value) <= (set(sound) if isinstance(sound, frozenset | tuple) else set())
    else:
        known = value == ()
    return known


def _is_less_of_a_node(name: Leaf, base: Mapping[Leaf, object], facts: Mapping[Leaf, object]) -> bool:
    """Whether the CPUs of a node are not known any more, or not known to be online where nothing says what is."""
    value, owner = facts[name], name.rpartition(".")[0]
    if value == frozenset():
        return facts.get(f"{owner}.cpus_known") is False
    offline = base.get(f"{owner}.offline_cpus")
    sound = base.get(name)
    if "cpus.online" in facts or not isinstance(offline, frozenset) or not isinstance(sound, frozenset):
        return False
    return value == sound | offline


def _lost_pools(base: Mapping[Leaf, object], facts: Mapping[Leaf, object]) -> bool:
    return any(name.startswith("numa.machine_hugepages[") and name not in facts for name in base)


def _is_part_of_a_kind(name: Leaf, base: Mapping[Leaf, object], facts: Mapping[Leaf, object]) -> bool:
    """Whether a kind of CPU is a sound one without the CPUs that do not tell their speed any more."""
    kind, _, field = name.partition("].")
    cpus = facts.get(f"{kind.removesuffix(']')}].cpus")
    for other, sound in base.items():
        if not other.startswith("cpus.kinds[") or not other.endswith("].cpus"):
            continue
        if isinstance(cpus, frozenset) and isinstance(sound, frozenset) and cpus <= sound:
            value, whole = facts[name], base.get(other.removesuffix("cpus") + field)
            if isinstance(value, int) and isinstance(whole, int):
                return value <= whole  # the highest of its CPUs
            return field in ("", "cpus") or value == whole
    return False


def _collateral(
    base: Mapping[Leaf, object],
    facts: Mapping[Leaf, object],
    snapshot: Snapshot,
    mutations: Collection[Mutation],
) -> Iterator[str]:
    """Facts of subjects that nothing was done to, and of other CPUs and nodes than the spoilt one."""
    touched = {subject for mutation in mutations for subject in _subjects(mutation.path)}
    if "cpus" in touched:
        touched.add("numa")  # nodes have the CPUs that are online
    entities = [_ENTITY.match(mutation.path) if mutation.takes_away else None for mutation in mutations]
    for name, value in base.items():
        if facts.get(name) == value:
            continue
        if re.split(r"[.\[]", name, maxsplit=1)[0] not in touched:
            yield f"lost beside the spoilt: {name} was {value!r}, is {facts.get(name)!r}"
        elif all(entities) and _is_of_another(name, {match[1] for match in entities if match is not None}):
            yield f"lost of another: {name} was {value!r}, is {facts.get(name)!r}"


def _subjects(path: str) -> tuple[str, ...]:
    for prefix, subjects in SUBJECTS.items():
        if path.startswith(prefix):
            return subjects
    return ("system", "cpus", "numa", "pci", "devices")


_NUMBERED_FACT = re.compile(
    r"^(?:cpus\.cpus|numa\.nodes)\[([0-9]+)\]\.(?!cpus$|cpus_known$|offline_cpus$|kind$)"
)


def _is_of_another(name: Leaf, spoilt: Collection[str]) -> bool:
    match = _NUMBERED_FACT.match(name)
    return match is not None and match[1] not in spoilt


def unnamed(snapshot: Snapshot, paths: Collection[str]) -> Iterator[str]:
    """Those of some paths that could not be read and that the snapshot does not name."""
    named = {problem.path for _, observed in snapshot.observed for problem in observed.problems}
    errors = " ".join(observed.error or "" for _, observed in snapshot.observed)
    if any(len(observed.problems) > MAX_PROBLEMS for _, observed in snapshot.observed):
        return  # past the limit problems are counted, not named
    for path in sorted(paths):
        if path not in named and path not in errors:
            yield f"not named among the problems: {path}"
