"""The kubelet's notes on who has what: cpu_manager_state, memory_manager_state, device-plugins/kubelet_internal_checkpoint.

They tell what the PodResources API does not: CPUs and devices of ordinary init containers, and what a finished one
still holds. Their form is the kubelet's own affair; read here is what Kubernetes 1.31 to 1.37 write:

- until 1.36 the content stands at the top of the document;
- from 1.37 it stands in the string `data`, as JSON within JSON, which is then what counts; the top repeats what older
  kubelets understand.

Checksums are not looked at: they are sums over Go's print of a structure, so they prove nothing to others. Every parser
raises ParseError where a file is malformed, and its work is bounded whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from collectors.model.kubelet import (
    AssignedCpus,
    AssignedDevices,
    AssignedMemory,
    CpuManagerState,
    DeviceAllocation,
    DeviceManagerState,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
    MemoryNode,
    MemoryTable,
    RegisteredDevices,
    in_order,
)
from collectors.parse import MAX_ID, IdSet
from collectors.reader import FactReader
from collectors.strictjson import MAX_BYTES, IdLists, JsonValue, parse_json

KUBELET_ROOT = "/var/lib/kubelet"
"""The kubelet's directory, unless it was given another."""

T = TypeVar("T")


def read_checkpoints(reader: FactReader, *, root: str = KUBELET_ROOT) -> KubeletCheckpoints:
    """The three files below the kubelet's root; what is unreadable or malformed is a problem of the reader's."""
    return KubeletCheckpoints(
        cpu=_read(reader, f"{root}/cpu_manager_state", parse_cpu_manager_state),
        memory=_read(reader, f"{root}/memory_manager_state", parse_memory_manager_state),
        devices=_read(
            reader, f"{root}/device-plugins/kubelet_internal_checkpoint", parse_device_manager_state
        ),
    )


def _read(reader: FactReader, path: str, parse: Callable[[str], T]) -> T | None:
    text = reader.text(path, limit=MAX_BYTES)
    return None if text is None else reader.parsed(path, text, parse)


def parse_cpu_manager_state(text: str) -> CpuManagerState:
    """cpu_manager_state: the shared pool, and the CPUs of each container that has its own."""
    state = _content(text, "a checkpoint of the CPU manager")
    lists = IdLists()
    return CpuManagerState(
        policy=state.get("policyName").text(),
        shared_cpus=_cpus(lists, state.get("defaultCpuSet")),
        containers=in_order(
            AssignedCpus(pod_uid=uid, container=container, cpus=_cpus(lists, value))
            for uid, container, value in _by_container(state.get("entries"))
        ),
        pods=in_order(
            AssignedCpus(pod_uid=uid, container=None, cpus=_cpus(lists, value.get("cpuSet")))
            for uid, value in state.get("podEntries").items()
        ),
        baselines=in_order(
            AssignedCpus(pod_uid=uid, container=container, cpus=_cpus(lists, value.get("baseline")))
            for uid, container, value in _by_container(state.get("baselines"))
        ),
    )


def parse_memory_manager_state(text: str) -> MemoryManagerState:
    """memory_manager_state: what each NUMA node has left, and the memory of each container."""
    state = _content(text, "a checkpoint of the memory manager")
    return MemoryManagerState(
        policy=state.get("policyName").text(),
        nodes=in_order(_memory_node(key, value) for key, value in state.get("machineState").items()),
        containers=in_order(
            AssignedMemory(pod_uid=uid, container=container, blocks=_memory_blocks(value))
            for uid, container, value in _by_container(state.get("entries"))
        ),
        pods=in_order(
            AssignedMemory(pod_uid=uid, container=None, blocks=_memory_blocks(value.get("memoryBlocks")))
            for uid, value in state.get("podEntries").items()
        ),
    )


def parse_device_manager_state(text: str) -> DeviceManagerState:
    """kubelet_internal_checkpoint: the devices of each container, and those that are registered.

    What the plugins told the kubelet to hand into containers (AllocResp: variables, mounts) is never decoded.
    """
    data = parse_json(text, "a checkpoint of the device manager").get("Data")
    return DeviceManagerState(
        containers=in_order(_assigned_devices(data.get("PodDeviceEntries"))),
        registered=in_order(
            RegisteredDevices(resource=resource, device_ids=frozenset(each.text() for each in ids.elements()))
            for resource, ids in data.get("RegisteredDevices").items()
        ),
    )


def _content(text: str, expected: str) -> JsonValue:
    """The object that counts: the one in the string `data` where there is one, else the document."""
    document = parse_json(text, expected)
    inner = document.get("data")
    return document if inner.is_null else parse_json(inner.text(), f"{expected} in its data")


def _by_container(entries: JsonValue) -> Iterator[tuple[str, str, JsonValue]]:
    for uid, containers in entries.items():
        for container, value in containers.items():
            yield uid, container, value


def _cpus(lists: IdLists, value: JsonValue) -> IdSet:
    """A CPU list; empty where it is missing, as Go leaves out an empty string."""
    return frozenset() if value.is_null else lists.parsed(value)


def _memory_node(key: str, value: JsonValue) -> MemoryNode:
    if not (key.isascii() and key.isdecimal() and len(key) <= 5 and int(key) <= MAX_ID):
        value.fail("the id of a NUMA node as key")
    return MemoryNode(
        id=int(key),
        assignments=value.get("numberOfAssignments").integer(),
        group=_nodes(value.get("cells")),
        tables=in_order(
            MemoryTable(
                type=kind,
                total=table.get("total").integer(),
                system_reserved=table.get("systemReserved").integer(),
                allocatable=table.get("allocatable").integer(),
                reserved=table.get("reserved").integer(),
                free=table.get("free").integer(),
            )
            for kind, table in value.get("memoryMap").items()
        ),
    )


def _memory_blocks(blocks: JsonValue) -> tuple[MemoryBlock, ...]:
    return in_order(
        MemoryBlock(
            type=block.get("type").text(),
            size_bytes=block.get("size").integer(),
            numa_nodes=_nodes(block.get("numaAffinity")),
        )
        for block in blocks.elements()
    )


def _nodes(ids: JsonValue) -> IdSet:
    return frozenset(each.integer(largest=MAX_ID) for each in ids.elements())


def _assigned_devices(entries: JsonValue) -> Iterator[AssignedDevices]:
    """One for each container and resource: that is how the kubelet writes them."""
    for entry in entries.elements():
        resource = entry.get("ResourceName").text()
        nodes: dict[str, IdSet | None] = {}
        for key, ids in entry.get("DeviceIDs").items():
            node = _device_node(key, ids)
            for each in ids.elements():
                device_id = each.text()
                nodes[device_id] = _joined(nodes.get(device_id), node)
        yield AssignedDevices(
            pod_uid=entry.get("PodUID").text(),
            container=entry.get("ContainerName").text(),
            devices=tuple(
                DeviceAllocation(resource=resource, device_id=device_id, numa_nodes=nodes[device_id])
                for device_id in sorted(nodes)
            ),
        )


def _device_node(key: str, value: JsonValue) -> int | None:
    """The node that a group of devices sits on; None for the kubelet's -1, and for whatever else a plugin called a
    node and is none."""
    digits = key.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 20):
        value.fail("the id of a NUMA node as key")
    node = int(key)
    return node if 0 <= node <= MAX_ID else None


def _joined(nodes: IdSet | None, node: int | None) -> IdSet | None:
    if node is None:
        return nodes
    return frozenset({node}) | (nodes or frozenset())
