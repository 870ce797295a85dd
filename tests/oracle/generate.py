"""Random scenarios: the same seed and number make the same one, whatever else is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from agent.admission.versions import NEWEST, Version
from tests.oracle.demands import LABELS, add_demands, random_taints
from tests.oracle.kubelets import SUBJECTS, page_resource, random_kubelet
from tests.oracle.machines import MIB, random_machine
from tests.oracle.pods import Fashion, fashion_for, random_pod
from tests.oracle.scenario import DeviceSpec, KubeletSpec, MachineSpec, PluginSpec, Scenario, Step

POD_LEVEL: Version = (1, 34)
"""From here on the API server takes resources of a pod as a whole by default"""
RESOURCES = ("example.com/gpu", "example.com/nic", "example.org/fpga")
EVENTS = {"admit": 60, "advance": 22, "remove": 13, "health": 2.5, "unplug": 0.8, "restart": 2.5}
"""What happens, by weight. Every scenario begins with a pod."""


def random_scenario(
    seed: str,
    number: int,
    *,
    subjects: Iterable[str] = SUBJECTS,
    without: Iterable[str] = (),
    version: Version = NEWEST,
) -> Scenario:
    """Scenario `number` of a seed: only the managers of `subjects` have a policy, no step is of `without`, and nothing
    is in it that a kubelet of `version` does not know."""
    random = Random(f"{seed}/{number}")
    machine = random_machine(random)
    kubelet = random_kubelet(random, machine, subjects, version)
    plugins = _plugins(random, machine) if "devices" in subjects else ()
    fashion = fashion_for(random, machine, plugins, pod_level=version >= POD_LEVEL)
    demanding = random.random() < 0.08
    return Scenario(
        name=f"{seed}/{number}",
        machine=machine,
        kubelet=kubelet,
        allocatable=_allocatable(random, machine, kubelet),
        labels=tuple(LABELS.items()) if demanding else (),
        taints=random_taints(random) if demanding else (),
        plugins=plugins,
        settle=random.random() < 0.5,
        verbose=random.random() < 0.1,
        steps=tuple(_steps(random, fashion, set(without), demanding=demanding)),
    )


def _steps(random: Random, fashion: Fashion, without: set[str], *, demanding: bool) -> Iterator[Step]:
    events = {event: weight for event, weight in EVENTS.items() if event not in without}
    if not fashion.plugins:
        events = {event: weight for event, weight in events.items() if event not in ("health", "unplug")}
    pods = 0
    for position in range(random.randint(10, 20)):
        event = "admit" if position == 0 else random.choices(list(events), list(events.values()))[0]
        if event == "admit":
            pod = random_pod(random, fashion, pods)
            if demanding and random.random() < 0.4:
                add_demands(random, pod)
            yield Step(op="admit", pod=pod)
            pods += 1
        elif event == "health":
            yield Step(op="health", plugin=_changed(random, random.choice(fashion.plugins)))
        elif event == "unplug":
            yield Step(op="unplug", plugin=random.choice(fashion.plugins))
        else:
            yield Step(
                op=event,
                nth=random.randrange(12) if event != "restart" else 0,
                plugins_late=event == "restart" and random.random() < 0.3,
            )


def _allocatable(random: Random, machine: MachineSpec, kubelet: KubeletSpec) -> tuple[tuple[str, str], ...]:
    """As the kubelet computes it, of the machine less its reserve; now and then less, or room for few pods."""
    pages = machine.hugepages()
    memory = (
        machine.memory - kubelet.reserved_bytes - sum(size * 1024 * count for size, count in pages.items())
    )
    cpu = 1000 * len(machine.online) - kubelet.reserved_cpu_millis
    if random.random() < 0.1:
        cpu, memory = cpu * 3 // 4, memory * 3 // 4
    amounts = {
        "cpu": f"{max(0, cpu)}m",
        "memory": str(max(0, memory)),
        "ephemeral-storage": str(100_000 * MIB),
        "pods": str(random.choice((4, 8)) if random.random() < 0.06 else 110),
    }
    for size, count in pages.items():
        reserved = sum(dict(held).get(page_resource(size), 0) for _, held in kubelet.reserved_memory)
        amounts[page_resource(size)] = str(size * 1024 * count - reserved)
    return tuple(amounts.items())


def _plugins(random: Random, machine: MachineSpec) -> tuple[PluginSpec, ...]:
    most = 3 if len(machine.nodes) <= 5 else 1
    return tuple(_plugin(random, machine, RESOURCES[number]) for number in range(random.randint(0, most)))


def _plugin(random: Random, machine: MachineSpec, resource: str) -> PluginSpec:
    """Devices of one node each mostly; of two, of none, without topology, or mixed."""
    ids = [node.id for node in machine.nodes]
    kind = random.random()
    short = resource.rpartition("/")[2]
    devices = tuple(
        DeviceSpec(id=f"{short}{number}", nodes=_nodes(random, ids, kind, number))
        for number in range(random.choice((1, 2, 2, 3, 4, 4, 6, 8)))
    )
    return _changed(random, PluginSpec(resource=resource, devices=devices), ill=0.04)


def _nodes(random: Random, ids: list[int], kind: float, number: int) -> tuple[int, ...] | None:
    if kind < 0.12 or (kind < 0.24 and random.random() < 0.4):
        return None
    if kind < 0.28:
        return ()
    if kind < 0.42 and len(ids) > 1:
        return tuple(sorted(random.sample(ids, 2)))
    if kind < 0.7:
        return (ids[number % len(ids)],)
    return (random.choice(ids),)


def _changed(random: Random, plugin: PluginSpec, *, ill: float = 0.3) -> PluginSpec:
    """The plugin with other devices ill, and another way to answer."""
    devices = tuple(replace(device, unhealthy=random.random() < ill) for device in plugin.devices)
    ids = [device.id for device in devices]
    return replace(
        plugin,
        devices=devices,
        preferred=tuple(random.sample(ids, random.randint(0, len(ids)))) if random.random() < 0.3 else None,
        preferred_error="no idea" if random.random() < 0.03 else "",
        allocate_error="no more of these today" if random.random() < 0.03 else "",
    )
