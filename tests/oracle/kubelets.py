"""Random settings of the kubelet for a machine: every policy and option that it would start with, and a few with which
it would not."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from agent.admission.versions import Version
from tests.oracle.machines import MIB
from tests.oracle.scenario import KubeletSpec, MachineSpec

POLICIES = ("best-effort", "restricted", "single-numa-node")
CPU_OPTIONS = (
    "full-pcpus-only",
    "distribute-cpus-across-numa",
    "align-by-socket",
    "distribute-cpus-across-cores",
    "strict-cpu-reservation",
    "prefer-align-cpus-by-uncorecache",
)
NEW_OPTIONS = {"strict-cpu-reservation": (1, 32), "prefer-align-cpus-by-uncorecache": (1, 32)}
"""The first version that knows them; all others are older than the oldest kubelet here"""
EXCLUSIVE = (
    ("full-pcpus-only", "distribute-cpus-across-cores"),
    ("distribute-cpus-across-numa", "distribute-cpus-across-cores"),
    ("prefer-align-cpus-by-uncorecache", "distribute-cpus-across-cores"),
    ("prefer-align-cpus-by-uncorecache", "distribute-cpus-across-numa"),
)
"""Pairs with which the kubelet does not start."""
SUBJECTS = ("cpu", "memory", "devices")


def random_kubelet(
    random: Random, machine: MachineSpec, subjects: Iterable[str], version: Version
) -> KubeletSpec:
    """Settings under which the managers of `subjects` have something to decide."""
    topology = random.choice(POLICIES) if random.random() < 0.87 else "none"
    static_cpus = "cpu" in subjects and random.random() < 0.9
    static_memory = "memory" in subjects and random.random() < 0.85
    reserved = _reserved_cpus(random, machine)
    kept = _reserved_memory(random, machine)
    return KubeletSpec(
        topology_policy=topology,
        topology_scope=random.choice(("container", "container", "pod")),
        topology_options=_topology_options(random, machine),
        cpu_policy="static" if static_cpus else "none",
        cpu_options=_cpu_options(random, topology, version) if static_cpus else (),
        memory_policy="Static" if static_memory else "None",
        reserved_cpus=reserved,
        reserved_cpu_millis=1000 * len(reserved)
        if reserved
        else random.choice((500, 1000, 1000, 1001, 2000)),
        reserved_memory=kept if static_memory else (),
        reserved_bytes=sum(dict(amounts).get("memory", 0) for _, amounts in kept),
        gates=(
            ("CPUManagerPolicyAlphaOptions", True),
            ("PodLevelResourceManagers", random.random() < 0.5),
        ),
    )


def _topology_options(random: Random, machine: MachineSpec) -> tuple[tuple[str, str], ...]:
    options = []
    if random.random() < 0.3 and machine.nodes[0].distances is not None:
        options.append(("prefer-closest-numa-nodes", "true"))
    if len(machine.nodes) > 8 and random.random() < 0.97:
        options.append(("max-allowable-numa-nodes", str(random.choice((len(machine.nodes), 16)))))
    return tuple(options)


def _cpu_options(random: Random, topology: str, version: Version) -> tuple[tuple[str, str], ...]:
    """Each by itself or together, as far as the kubelet takes them together."""
    wanted = [option for option in CPU_OPTIONS if random.random() < 0.22]
    if topology in ("single-numa-node", "none") and "align-by-socket" in wanted and random.random() < 0.98:
        wanted.remove("align-by-socket")
    for one, other in EXCLUSIVE:
        if one in wanted and other in wanted:
            wanted.remove(random.choice((one, other)))
    return tuple((option, "true") for option in wanted if version >= NEW_OPTIONS.get(option, version))


def _reserved_cpus(random: Random, machine: MachineSpec) -> tuple[int, ...]:
    """By name in half the cases: whole cores of node 0, or CPUs from anywhere."""
    online = [cpu.id for cpu in machine.online]
    if random.random() < 0.5 or len(online) < 3:
        return ()
    count = random.randint(1, max(1, min(4, len(online) // 4)))
    if random.random() < 0.5:
        return tuple(online[:count])
    return tuple(sorted(random.sample(online, count)))


def _reserved_memory(
    random: Random, machine: MachineSpec
) -> tuple[tuple[int, tuple[tuple[str, int], ...]], ...]:
    """On one node or spread; now and then some hugepages too, or more memory than hugepages leave."""
    candidates = [node for node in machine.nodes if node.memory > 900 * MIB]
    if not candidates:
        candidates = list(machine.nodes)
    chosen = random.sample(candidates, random.randint(1, min(3, len(candidates))))
    reserved = []
    for node in sorted(chosen, key=lambda each: each.id):
        amounts = [("memory", random.choice((100, 128, 200, 333)) * MIB)]
        pages_bytes = sum(size * 1024 * pages for size, pages in node.hugepages)
        if pages_bytes and random.random() < 0.06:
            amounts = [("memory", node.memory - pages_bytes + random.randint(1, 400) * MIB)]
        for size, pages in node.hugepages:
            if pages > 1 and random.random() < 0.1:
                amounts.append((page_resource(size), size * 1024 * random.randint(1, max(1, pages // 4))))
        reserved.append((node.id, tuple(amounts)))
    return tuple(reserved)


def page_resource(size_kib: int) -> str:
    """The resource of hugepages of this size."""
    return "hugepages-1Gi" if size_kib == 1 << 20 else f"hugepages-{size_kib // 1024}Mi"
