"""A scenario played by agent.admission, step by step beside the oracle, whose answers say which pod a step meant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.admission.admit import NodeUnderRules, admit, remove, restarted, settled, start
from agent.admission.devices.manager import Devices
from agent.admission.machine import derive_machine
from agent.admission.model import (
    AllocationError,
    Books,
    Decision,
    DevicePlugin,
    Outcome,
    PluginDevice,
)
from agent.admission.settings import settings_of
from agent.admission.versions import NEWEST, Version
from agent.admission.whole_node.wishes import Labels, NodeObject, Taint, Wishes
from agent.sources.pod_json import pod_from_json
from agent.workloads.node_wishes import wishes_of_spec
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import Amounts, ContainerState, Pod, PodContainer
from collectors.quantity import parse_amount
from collectors.strictjson import JsonValue
from tests.oracle.facts import config_facts, cpu_facts, numa_facts
from tests.oracle.scenario import Object, PluginSpec, Scenario, Step

GRPC = "rpc error: code = Unknown desc = "
"""How an error that a plugin returns reads at the other end"""


@dataclass(slots=True, kw_only=True)
class Ours:
    """The node of a scenario as our rules see it now."""

    node: NodeUnderRules
    allocatable: Amounts
    labels: Labels
    taints: tuple[Taint, ...]
    plugins: dict[str, PluginSpec]
    away: set[str] = field(default_factory=set)
    """Resources whose plugin is gone; the kubelet still knows its devices, and takes all of them for ill"""
    running: set[tuple[str, str]] = field(default_factory=set)
    decisions: list[tuple[str, Decision]] = field(default_factory=list)
    """What the last step decided: (uid, decision)"""

    @classmethod
    def at(cls, scenario: Scenario, *, version: Version = NEWEST) -> Ours:
        """The node at the scenario's beginning, with all plugins registered."""
        machine = derive_machine(cpu_facts(scenario.machine), numa_facts(scenario.machine))
        node = NodeUnderRules.at(machine, settings_of(config_facts(scenario.kubelet), version=version))
        allocatable = tuple(
            (resource, parse_amount(resource, quantity)) for resource, quantity in scenario.allocatable
        )
        plugins = {plugin.resource: plugin for plugin in scenario.plugins}
        ours = cls(
            node=node,
            allocatable=allocatable,
            labels=(*scenario.labels, ("kubernetes.io/hostname", "node"), ("kubernetes.io/os", "linux")),
            taints=tuple(Taint(**taint) for taint in scenario.taints),
            plugins=plugins,
        )
        ours.show_devices(there=True)
        return ours

    def play(self, step: Step, told: Object) -> str | None:
        """One step; returns what would keep a container from starting."""
        self.decisions = []
        error = None
        self._follow(told)
        if step.op == "admit":
            assert step.pod is not None
            spec, metadata = (JsonValue(step.pod[part], part) for part in ("spec", "metadata"))
            self._admit(pod_from_json(step.pod), wishes_of_spec(spec, metadata))
        elif step.op == "restart":
            self._restart(late=step.plugins_late)
        elif step.op == "unplug":
            assert step.plugin is not None
            self.away.add(step.plugin.resource)
            self.show_devices(there=True)
        elif step.op == "health":
            assert step.plugin is not None
            self.plugins[step.plugin.resource] = step.plugin
            self.away.discard(step.plugin.resource)
            self.show_devices(there=True)
            self._write_devices()
        elif told.get("did") == "remove":
            self.node = self.node.with_books(remove(self.node.books, told["uid"]))
        elif told.get("did") == "start":
            error = self._start(told["uid"], told["container"])
        elif told.get("did") == "finish":
            self.running.discard((told["uid"], told["container"]))
        return error

    def _follow(self, told: Object) -> None:
        """Where the kubelet had a choice among devices, ours is the one that it made."""
        devices = {(each.device.resource, each.device.device_id): each.device for each in self.books.devices}
        held_then = told.get("given") or told.get("state", {}).get("devices", {})
        known = {
            (uid, name): tuple(
                devices[resource, each]
                for resource, ids in held.items()
                for each in ids
                if (resource, each) in devices
            )
            for uid, containers in held_then.items()
            for name, held in containers.items()
        }
        manager = Devices(self.node.machine, self.node.settings, known=known)
        self.node = replace(self.node, managers=replace(self.node.managers, devices=manager))

    def settle(self) -> None:
        """What the kubelet's loops find out by and by."""
        self.node = self.node.with_books(settled(self.node))

    def _admit(self, pod: Pod, wishes: Wishes) -> None:
        decision, books = admit(self.node, pod, wishes)
        self.node = self.node.with_books(books)
        self.decisions.append((pod.uid, decision))

    def _start(self, uid: str, name: str) -> str | None:
        pod, container = self._find(uid, name)
        try:
            self.node = self.node.with_books(start(self.node, pod, container))
        except AllocationError as error:
            if error.books is not None:
                self.node = self.node.with_books(error.books)
            return str(error)
        self.running.add((uid, name))
        return None

    def _find(self, uid: str, name: str) -> tuple[Pod, PodContainer]:
        pod = next(each for each in self.node.books.pods if each.uid == uid)
        return pod, next(each for each in pod.containers if each.name == name)

    def _restart(self, *, late: bool) -> None:
        """A kubelet that comes up over its checkpoints and admits its pods anew before it knows that these are all."""
        books = self.node.books
        self.node = self.node.with_books(restarted(books))
        self.away.clear()
        self.show_devices(there=not late)
        for pod in books.pods:
            self._admit(self._with_states(pod), books.wishes[pod.uid])
            if self.decisions[-1][1].outcome not in (Outcome.ADMITTED, Outcome.REFUSED):
                return
        self.node = self.node.with_books(replace(self.node.books, starting=False))
        self.show_devices(there=True)
        if late:
            self._write_devices()

    def _write_devices(self) -> None:
        """A plugin has told anew which devices it has."""
        books = self.node.books
        self.node = self.node.with_books(replace(books, written_devices=books.device_holders))

    def _with_states(self, pod: Pod) -> Pod:
        containers = tuple(
            replace(
                each,
                state=ContainerState.RUNNING
                if (pod.uid, each.name) in self.running
                else ContainerState.WAITING,
            )
            for each in pod.containers
        )
        return replace(pod, containers=containers)

    def show_devices(self, *, there: bool) -> None:
        """The books and the Node object with what plugins offer; after a restart they may not be there yet."""
        plugins = self.plugins.values()
        devices = tuple(
            PluginDevice(
                device=DeviceAllocation(
                    resource=plugin.resource,
                    device_id=device.id,
                    numa_nodes=None if device.nodes is None else frozenset(device.nodes),
                ),
                healthy=not device.unhealthy and plugin.resource not in self.away,
            )
            for plugin in plugins
            for device in plugin.devices
            if there
        )
        books = replace(
            self.node.books,
            devices=devices,
            plugins=tuple(_answers(plugin, there=there) for plugin in plugins),
        )
        healthy = {
            plugin.resource: sum(not device.unhealthy for device in plugin.devices)
            if there and plugin.resource not in self.away
            else 0
            for plugin in plugins
        }
        allocatable = tuple(sorted({**dict(self.allocatable), **healthy}.items()))
        node = NodeObject(name="node", labels=self.labels, taints=self.taints, allocatable=allocatable)
        self.node = replace(self.node, books=books, node=node)

    @property
    def books(self) -> Books:
        """As they are now."""
        return self.node.books


def _answers(plugin: PluginSpec, *, there: bool) -> DevicePlugin:
    if not there:
        return DevicePlugin(resource=plugin.resource)
    return DevicePlugin(
        resource=plugin.resource,
        preference=plugin.preferred,
        preference_error=_as_grpc(plugin.preferred_error),
        allocate_error=_as_grpc(plugin.allocate_error),
    )


def _as_grpc(error: str) -> str | None:
    return f"{GRPC}{error}" if error else None
