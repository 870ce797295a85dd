"""Recorded scenarios played again: the same machine, the same settings, the same pods one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.admission.admit import NodeUnderRules, admit, start
from agent.admission.machine import derive_machine
from agent.admission.model import Books, Decision, DevicePlugin, Machine, Outcome, PluginDevice, Settings
from agent.admission.settings import settings_of
from agent.admission.whole_node.wishes import NodeObject, Wishes
from agent.sources.pod_json import pod_from_json
from collectors.kubelet.configuration import parse_configz
from collectors.model import Cache, CacheType, Cpu, CpuTopology, NumaNode, NumaTopology
from collectors.model.kubelet import DeviceAllocation
from collectors.model.kubelet_config import KubeletConfig
from collectors.model.pod import Pod, PodContainer
from collectors.quantity import parse_amount
from tests.agent.placement.recorded import Recording

BROKEN = "example.com/broken"
BROKEN_ERROR = "rpc error: code = Unknown desc = fakedp: this resource always fails to allocate"
"""The plugin whose Allocate always fails, and its words"""


def replays(folder: Path) -> list[Replay]:
    """The scenarios in which pods came one after the other."""
    return [Replay(file.parent) for file in sorted(folder.glob("*/podset.json"))]


@dataclass(frozen=True)
class Replay:
    """One recorded scenario."""

    folder: Path

    @cached_property
    def recording(self) -> Recording:
        return Recording(scenario=self.folder, moment=self.folder / "pods")

    @cached_property
    def machine(self) -> Machine:
        return derive_machine(self.cpus, self.numa)

    @property
    def numa(self) -> NumaTopology:
        numa, tree = self.recording.numa, self.recording.tree
        sockets = {at["numa"]: at["socket"] for at in tree["cpus"].values()}
        far = 21 if tree["numa_per_socket"] == 1 else 32
        order = sorted(node.id for node in numa.nodes)
        return replace(numa, nodes=tuple(_with_distances(node, order, sockets, far) for node in numa.nodes))

    @property
    def cpus(self) -> CpuTopology:
        return cpu_topology(self.recording.tree["cpus"])

    @property
    def config(self) -> KubeletConfig:
        return parse_configz((self.folder / "pods" / "configz.json").read_text())

    @property
    def settings(self) -> Settings:
        return settings_of(self.config)

    @cached_property
    def node_object(self) -> NodeObject:
        node = json.loads((self.folder / "empty" / "node.json").read_text())
        return NodeObject(
            name=node["metadata"]["name"],
            labels=tuple(sorted(node["metadata"]["labels"].items())),
            taints=(),
            allocatable=tuple(
                sorted(
                    (name, parse_amount(name, text)) for name, text in node["status"]["allocatable"].items()
                )
            ),
        )

    @property
    def devices(self) -> tuple[PluginDevice, ...]:
        told = json.loads((self.folder / "devices.json").read_text())
        return tuple(
            PluginDevice(
                device=DeviceAllocation(
                    resource=resource,
                    device_id=each["id"],
                    numa_nodes=frozenset(each["numa"]) if "numa" in each else None,
                ),
                healthy="health" not in each,
            )
            for resource, devices in told.items()
            for each in devices
        )

    def beginning(self) -> NodeUnderRules:
        """The kubelet with its plugins, before any pod."""
        node = NodeUnderRules.at(self.machine, self.settings, node=self.node_object)
        plugins = (DevicePlugin(resource=BROKEN, allocate_error=BROKEN_ERROR),)
        return node.with_books(replace(node.books, devices=self.devices, plugins=plugins))

    def fates(self) -> Iterator[tuple[Pod, Decision, Books]]:
        """Each pod as it was recorded, what we say of it, and the books then. Containers start between two pods."""
        node = self.beginning()
        specs = {each["metadata"]["name"]: each["spec"] for each in self.podset}
        for pod in self.pods:
            decision, books = admit(node, pod, Wishes(node_selector=_selector(specs[pod.name])))
            node = node.with_books(books)
            if decision.outcome is Outcome.ADMITTED:
                for container in self._started(pod):
                    node = node.with_books(start(node, pod, container))
            yield pod, decision, node.books

    @property
    def podset(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads((self.folder / "podset.json").read_text())["items"]
        return items

    @property
    def pods(self) -> list[Pod]:
        """Those that the API server took, in the order in which they came."""
        items = json.loads((self.folder / "pods" / "pods.json").read_text())["items"]
        known = {each["metadata"]["name"]: pod_from_json(each) for each in items}
        return [known[name] for each in self.podset if (name := each["metadata"]["name"]) in known]

    def _started(self, pod: Pod) -> list[PodContainer]:
        """All of them, but where an init container was still running."""
        return list(pod.containers if pod.phase == "Running" else pod.containers[:1])


def cpu_topology(cpus: dict[str, dict[str, int]]) -> CpuTopology:
    """The recorded machine's CPUs, with their last-level caches."""
    caches: dict[int, set[int]] = {}
    for cpu, at in cpus.items():
        caches.setdefault(at["l3"], set()).add(int(cpu))
    return CpuTopology(
        online=frozenset(map(int, cpus)),
        cpus=tuple(
            Cpu(id=int(cpu), online=True, package_id=at["socket"], core_id=at["core"])
            for cpu, at in cpus.items()
        ),
        caches=tuple(
            Cache(level=3, type=CacheType.UNIFIED, cpus=frozenset(members), id=number)
            for number, members in caches.items()
        ),
    )


def _with_distances(node: NumaNode, order: list[int], sockets: dict[int, int], far: int) -> NumaNode:
    def distance(other: int) -> int:
        if other == node.id:
            return 10
        if other not in sockets or node.id not in sockets:
            return 24
        return 12 if sockets[other] == sockets[node.id] else far

    return replace(node, distances=tuple((other, distance(other)) for other in order))


def _selector(spec: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(spec.get("nodeSelector", {}).items()))
