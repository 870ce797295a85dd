"""The Node object as the kubelet writes it, from the machine and the configuration: for those who may not read nodes.

Allocatable is what the machine has, less what is reserved for the system, for the kubelet, and for eviction; memory less
all hugepages too. Name, labels, taints, the number of pods and the disk are not known here, and refuse nobody.

Source: https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/
"""

from __future__ import annotations

import struct

from agent.admission.model import Books, Machine
from agent.admission.whole_node.requirements import amount_of
from agent.admission.whole_node.wishes import NodeObject
from agent.placement.model import CPU, MEMORY, hugepages_resource
from collectors.model import NumaTopology
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.parse import ParseError
from collectors.quantity import parse_quantity

_TELL_THE_RESERVE = (ConfigSource.CONFIGZ, ConfigSource.FILE)


def derive_node_object(
    machine: Machine, numa: NumaTopology, config: KubeletConfig, books: Books
) -> NodeObject:
    """What is allocatable on the node; nothing where the reserve or the machine's memory is not known.

    Args:
        machine: the CPUs.
        numa: memory and hugepages of the whole machine.
        config: the kubelet's.
        books: for the devices.
    """
    if config.source not in _TELL_THE_RESERVE or numa.memory_total_bytes is None:
        return NodeObject()
    cpus = len(machine.cpus) if machine.cpu_count is None else machine.cpu_count
    hugepages = {
        hugepages_resource(pool.page_size_bytes): (pool.total or 0) * pool.page_size_bytes
        for pool in numa.machine_hugepages
    }
    allocatable = {
        resource: max(0, amount - _reserved(resource, config, numa.memory_total_bytes))
        for resource, amount in {CPU: 1000 * cpus, MEMORY: numa.memory_total_bytes, **hugepages}.items()
    }
    allocatable[MEMORY] = max(0, allocatable[MEMORY] - sum(hugepages.values()))
    return NodeObject(allocatable=tuple(sorted({**_devices(books), **allocatable}.items())))


def _reserved(resource: str, config: KubeletConfig, memory: int) -> int:
    if resource == CPU:
        return config.reserved_cpu_millis or 0
    reserved = amount_of(config.system_reserved, resource) + amount_of(config.kube_reserved, resource)
    return reserved + (_eviction(config, memory) if resource == MEMORY else 0)


def _eviction(config: KubeletConfig, memory: int) -> int:
    """Bytes that are kept free before pods are evicted. A share of memory is taken in the kubelet's single precision."""
    threshold = dict(config.eviction_hard).get("memory.available", "0")
    try:
        if threshold.endswith("%"):
            return int(memory * _single(_single(float(threshold[:-1])) / 100))
        return parse_quantity(threshold)
    except (ParseError, ValueError):
        return 0


def _single(number: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    return single


def _devices(books: Books) -> dict[str, int]:
    """Healthy devices by resource. Of a plugin that is away the kubelet says 0."""
    counts = {plugin.resource: 0 for plugin in books.plugins if plugin.registered}
    for each in books.devices:
        counts[each.device.resource] = counts.get(each.device.resource, 0) + each.healthy
    return counts
