"""Machines with memory and devices, pods that ask for them, and books about both: as short as a test can say them."""

from __future__ import annotations

from agent.admission.memory.manager import StaticMemory
from agent.admission.merging.rules import listed
from agent.admission.model import Books, Hint, HintRule, Hints, Machine, PluginDevice, Settings
from collectors.model.kubelet import DeviceAllocation, MemoryBlock
from collectors.model.pod import Amounts, ContainerRole, Pod, PodContainer

GATES = frozenset(("PodLevelResources", "PodLevelResourceManagers"))
STATIC = Settings(memory_policy="Static")
ANYWHERE = Hint(None, False)
"""What policy none merges to"""


def machine(*memory: int, pages: tuple[int, ...] = ()) -> Machine:
    """Node 0, 1, … with so much memory, and so much of it in hugepages-2Mi."""
    each = pages or (0,) * len(memory)
    amounts = [(("memory", size), ("hugepages-2Mi", huge)) for size, huge in zip(memory, each, strict=True)]
    nodes = tuple(range(len(memory)))
    return Machine(cpus=(), numa_nodes=nodes, memory=tuple(zip(nodes, amounts, strict=True)))


def container(
    name: str = "app",
    memory: int = 0,
    *,
    role: ContainerRole = ContainerRole.APP,
    pages: int = 0,
    cpu: int = 1000,
) -> PodContainer:
    """A container that fixes its CPU and memory; with 0 memory it asks for nothing."""
    wanted: Amounts = (("cpu", cpu), ("memory", memory), ("hugepages-2Mi", pages))
    amounts = tuple(each for each in wanted if memory and each[1])
    return PodContainer(name=name, role=role, requests=amounts, limits=amounts)


def init(name: str, memory: int, **more: int) -> PodContainer:
    """An ordinary init container."""
    return container(name, memory, role=ContainerRole.INIT, **more)


def sidecar(name: str, memory: int, **more: int) -> PodContainer:
    """A sidecar."""
    return container(name, memory, role=ContainerRole.SIDECAR, **more)


def pod(*containers: PodContainer, uid: str = "a", qos: str = "Guaranteed", whole: int = 0) -> Pod:
    """A pod; with so much memory as a whole."""
    amounts: Amounts = (("cpu", 4000), ("memory", whole)) if whole else ()
    return Pod(
        namespace="ns",
        name=uid,
        uid=uid,
        phase="Pending",
        qos_class=qos,
        containers=containers,
        requests=amounts,
        limits=amounts,
    )


def untouched(memory: StaticMemory | None = None, *devices: PluginDevice) -> Books:
    """Books of a kubelet that has given nothing yet."""
    return Books(
        cpus={},
        pod_cpus={},
        reusable_cpus={},
        memory_nodes=memory.untouched_table if memory else (),
        memory={},
        pod_memory={},
        devices=devices,
        device_holders={},
        reusable_devices={},
    )


def gpu(name: str, *nodes: int, healthy: bool = True, resource: str = "x/gpu") -> PluginDevice:
    """A device on these nodes; on none: its plugin tells no topology."""
    where = frozenset(nodes) if nodes else None
    device = DeviceAllocation(resource=resource, device_id=name, numa_nodes=where)
    return PluginDevice(device=device, healthy=healthy)


def block(size: int, *nodes: int, kind: str = "memory") -> MemoryBlock:
    """A block of memory on these nodes."""
    return MemoryBlock(type=kind, size_bytes=size, numa_nodes=frozenset(nodes))


def written_out(hints: Hints, resource: str) -> dict[int, bool]:
    """The hints of a resource: whether one is preferred, by its nodes. One that is not there fails."""
    found = hints[resource]
    assert found is not None
    return {
        hint.nodes or 0: hint.preferred for hint in (listed(found) if isinstance(found, HintRule) else found)
    }


def free(books: Books, kind: str = "memory") -> list[int]:
    """What each node has free."""
    return [table.free for node in books.memory_nodes for table in node.tables if table.type == kind]


def groups(books: Books) -> list[list[int]]:
    """The group of each node."""
    return [sorted(node.group) for node in books.memory_nodes]
