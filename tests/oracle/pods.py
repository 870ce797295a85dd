"""Random pods for a machine, as the API server would have them: defaults filled in, and nothing that it would refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.oracle.kubelets import page_resource
from tests.oracle.machines import MIB
from tests.oracle.scenario import MachineSpec, Object, PluginSpec

Amounts = dict[str, int]
"""Thousandths for cpu, bytes for memory and hugepages, else a count"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fashion:
    """What pods of one scenario look like."""

    machine: MachineSpec
    plugins: Sequence[PluginSpec]
    cpu_sizes: tuple[int, ...]
    """Whole CPUs that containers like to ask for"""
    memory_size: int
    """Bytes that a container asks for at the most, mostly"""
    many_devices: bool
    """Whether a container asks for more than one resource of devices"""
    pod_level: bool
    """Whether the API server takes resources of pods as a whole"""


def fashion_for(
    random: Random, machine: MachineSpec, plugins: Sequence[PluginSpec], *, pod_level: bool
) -> Fashion:
    """Sizes under which such a machine is full after some pods, and pods often just do not fit into a node."""
    per_node = [sum(cpu.node == node.id for cpu in machine.online) for node in machine.nodes]
    largest, total = max(per_node), len(machine.online)
    sizes = [1, 1, 1, 2, 2, 2, 3, max(1, largest // 2), max(1, total // 8), max(1, total // 4)]
    if random.random() < 0.4:
        sizes += [largest, largest + 1, max(1, total // 2), max(1, largest - 1)]
    even = random.random() < 0.4
    node_memory = max(node.memory for node in machine.nodes)
    return Fashion(
        machine=machine,
        plugins=plugins,
        cpu_sizes=tuple(size + size % 2 if even else size for size in sizes),
        memory_size=int(node_memory * random.choice((0.1, 0.25, 0.5, 1.1))),
        many_devices=len(machine.nodes) <= 4,
        pod_level=pod_level,
    )


def random_pod(random: Random, fashion: Fashion, number: int) -> Object:
    """One pod; its uid is `pod-<number>`."""
    kind = random.random() * (1 if fashion.pod_level else 0.84)
    app = [
        _container(random, fashion, kind, f"app{each}") for each in range(random.choice((1, 1, 1, 2, 2, 3)))
    ]
    init = []
    if random.random() < 0.3:
        for each in range(random.choice((1, 1, 2, 3))):
            container = _container(random, fashion, kind, f"init{each}")
            if random.random() < 0.4:
                container["restartPolicy"] = "Always"
            init.append(container)
    spec: Object = {"nodeName": "node", "restartPolicy": "Always", "containers": app}
    if init:
        spec["initContainers"] = init
    if kind > 0.84:
        spec["resources"] = _of_the_pod(random, fashion, [*init, *app])
    name = f"pod-{number}"
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}


def _container(random: Random, fashion: Fashion, kind: float, name: str) -> Object:
    """Guaranteed with whole CPUs mostly (kind below 0.6), with fractions, burstable, best effort, or in a pod with
    resources of its own (above 0.84), where containers may ask for nothing."""
    limits: Amounts = {}
    requests: Amounts = {}
    if kind < 0.68 or (kind < 0.8 and random.random() < 0.3) or (kind > 0.84 and random.random() < 0.6):
        limits = {"cpu": 1000 * random.choice(fashion.cpu_sizes), "memory": _memory(random, fashion)}
        if 0.6 < kind < 0.68 or random.random() < 0.06:
            limits["cpu"] = max(100, limits["cpu"] - random.choice((100, 500, 999)))
        requests = dict(limits)
    elif kind < 0.8:
        requests = {"cpu": random.choice((100, 500, 1000, 2500)), "memory": _memory(random, fashion) // 2}
        if random.random() < 0.5:
            limits = {resource: amount * 2 for resource, amount in requests.items()}
    if kind < 0.8 and limits:
        for resource, amount in _hugepages(random, fashion).items():
            limits[resource] = requests[resource] = amount
    for resource, amount in _devices(random, fashion).items():
        limits[resource] = requests[resource] = amount
    resources = {
        key: _quantities(amounts) for key, amounts in (("limits", limits), ("requests", requests)) if amounts
    }
    return {"name": name, "image": "image", "resources": resources}


def _memory(random: Random, fashion: Fashion) -> int:
    size = int(fashion.memory_size * random.uniform(0.1, 1)) // MIB * MIB or MIB
    return size + random.randrange(MIB) if random.random() < 0.05 else size


def _hugepages(random: Random, fashion: Fashion) -> Amounts:
    found = {}
    for size, pages in fashion.machine.hugepages().items():
        if pages and random.random() < 0.45:
            found[page_resource(size)] = size * 1024 * random.randint(1, max(1, pages // 3))
    if random.random() < 0.002:  # a size that the machine may not know
        found[page_resource(1 << 20)] = 1 << 30
    return found


def _devices(random: Random, fashion: Fashion) -> Amounts:
    found: Amounts = {}
    for plugin in fashion.plugins:
        if (fashion.many_devices or not found) and random.random() < 0.25:
            most = len(plugin.devices) + 1 if random.random() < 0.1 else min(4, len(plugin.devices))
            found[plugin.resource] = random.randint(1, max(1, most))
    return found


def _of_the_pod(random: Random, fashion: Fashion, containers: list[Object]) -> Object:
    """Resources of the pod as a whole, never less than its containers ask for together."""
    floor: Amounts = {"cpu": 0, "memory": 0}
    for container in containers:
        for amounts in container["resources"].values():
            for resource in floor:
                amount = _number(resource, amounts.get(resource, "0"))
                container_most = max(floor[resource], amount)
                floor[resource] = container_most
    total = {resource: amount * len(containers) for resource, amount in floor.items()}
    extra = random.choice((0, 0, 1000, 2000, 500))
    limits = {
        "cpu": max(total["cpu"] + extra, 1000 * random.choice(fashion.cpu_sizes)),
        "memory": max(total["memory"], _memory(random, fashion)),
    }
    requests = dict(limits)
    if random.random() < 0.25:
        limits = {resource: amount + 1000 * MIB for resource, amount in limits.items()}
    return {"limits": _quantities(limits), "requests": _quantities(requests)}


def _number(resource: str, quantity: str) -> int:
    return int(quantity.removesuffix("m")) if resource == "cpu" else int(quantity)


def _quantities(amounts: Amounts) -> dict[str, str]:
    return {
        resource: f"{amount}m" if resource == "cpu" else str(amount) for resource, amount in amounts.items()
    }
