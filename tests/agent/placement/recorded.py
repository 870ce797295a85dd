"""Snapshots of the recorded scenarios: a real kubelet's answers, its files and its pods' specs on a synthetic server.

And an independent look at the kubelet's own files, as plain JSON, for what must come out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from collectors.kubelet.answers import AnswerDecoder
from collectors.kubelet.checkpoints import (
    parse_cpu_manager_state,
    parse_device_manager_state,
    parse_memory_manager_state,
)
from collectors.kubelet.plain import parse_answers
from collectors.model import (
    CpuTopology,
    Devices,
    HugePagePool,
    NumaKind,
    NumaNode,
    NumaTopology,
    Observed,
    Snapshot,
    System,
)
from collectors.model.kubelet import Allocatable, KubeletCheckpoints, PodAllocation
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Amounts, ContainerRole, ContainerState, Pod, PodContainer
from collectors.parse import IdSet, parse_id_list
from collectors.quantity import parse_millis, parse_quantity

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Recording:
    """One moment of one scenario."""

    scenario: Path
    moment: Path

    @property
    def name(self) -> str:
        return f"{self.scenario.name}/{self.moment.name}"

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The machine: which CPU is where, and how much memory each node has."""
        tree: dict[str, Any] = json.loads((self.scenario / "tree.json").read_text())
        return tree

    @cached_property
    def numa(self) -> NumaTopology:
        ids = self.tree["ids"] or list(range(len(self.tree["mem_kb"])))
        nodes = [
            NumaNode(
                id=number,
                kind=NumaKind.CPU_AND_MEMORY,
                cpus=frozenset(int(cpu) for cpu, at in self.tree["cpus"].items() if at["numa"] == number),
                memory_total_bytes=self.tree["mem_kb"][index] * KIB,
                hugepages=_pools(self.tree["huge2m"][index], self.tree["huge1g"][index]),
            )
            for index, number in enumerate(ids)
        ]
        nodes.extend(
            NumaNode(
                id=int(number),
                kind=NumaKind.MEMORY_ONLY,
                cpus=frozenset(),
                memory_total_bytes=size * KIB,
                hugepages=_pools(0, 0),
            )
            for number, size in (self.tree["memonly"] or {}).items()
        )
        return NumaTopology(nodes=tuple(nodes), from_kernel=True)

    @cached_property
    def picture(self) -> KubeletPicture:
        """Everything that is known of the kubelet, with its checkpoints, without its shared pool."""
        allocatable, allocations = self._answers()
        return KubeletPicture(
            allocatable=Observed(facts=allocatable),
            allocations=Observed(facts=allocations),
            pods=self._pods(),
            config=self._config(),
            checkpoints=KubeletCheckpoints(
                cpu=parse_cpu_manager_state((self.moment / "cpu_manager_state").read_text()),
                memory=parse_memory_manager_state((self.moment / "memory_manager_state").read_text()),
                devices=parse_device_manager_state((self.moment / "kubelet_internal_checkpoint").read_text()),
            ),
        )

    def _answers(self) -> tuple[Allocatable | None, tuple[PodAllocation, ...]]:
        ours = self.moment / "podresources.json"
        if ours.is_file():
            answers = parse_answers(ours.read_text())
            return answers.allocatable, answers.pods
        folder = self.moment / "podresources"
        folder = folder if folder.is_dir() else self.moment
        decoder = AnswerDecoder()
        pool = decoder.allocatable((folder / "allocatable.pb").read_bytes())
        return pool, decoder.pods((folder / "list.pb").read_bytes())

    def _pods(self) -> Observed[tuple[Pod, ...]]:
        file = self.moment / "pods.json"
        if not file.is_file():
            return Observed()
        return Observed(facts=tuple(pod_of(each) for each in json.loads(file.read_text())["items"]))

    def _config(self) -> Observed[KubeletConfig]:
        file = self.moment / "configz.json"
        if not file.is_file():
            return Observed()
        config = json.loads(file.read_text())["kubeletconfig"]
        return Observed(
            facts=KubeletConfig(
                source=ConfigSource.CONFIGZ,
                topology_manager_policy=config["topologyManagerPolicy"],
                topology_manager_scope=config["topologyManagerScope"],
                cpu_manager_policy=config["cpuManagerPolicy"],
                memory_manager_policy=config["memoryManagerPolicy"],
                reserved_cpus=parse_id_list(config["reservedSystemCPUs"]),
                feature_gates=tuple(sorted(config.get("featureGates", {}).items())),
            )
        )

    @property
    def shared_pool(self) -> IdSet:
        """What a container without exclusive CPUs may run on once the kubelet has caught up."""
        return parse_id_list(_state(self.moment / "cpu_manager_state")["defaultCpuSet"])

    def free_cpus(self) -> dict[int, int]:
        """By node: the shared pool without reserved CPUs. Empty where the kubelet gives none out."""
        if _state(self.moment / "cpu_manager_state")["policyName"] != "static":
            return {}
        assert self.picture.allocatable.facts is not None
        free = self.shared_pool & self.picture.allocatable.facts.cpus
        return {node.id: len(free & node.cpus) for node in self.numa.nodes if node.cpus}

    def free_memory(self) -> dict[tuple[int, str], int]:
        """By node and type: the memory manager's own figure, and what it still holds for pods that have ended."""
        state = _state(self.moment / "memory_manager_state")
        free = {
            (int(node), kind): table["free"]
            for node, book in state.get("machineState", {}).items()
            for kind, table in book["memoryMap"].items()
        }
        for uid, containers in state.get("entries", {}).items():
            if uid in self._live_uids():
                continue
            for block in (block for blocks in containers.values() for block in blocks):
                assert len(block["numaAffinity"]) == 1
                free[block["numaAffinity"][0], block["type"]] += block["size"]
        return free

    def free_devices(self) -> dict[tuple[int | None, str], int]:
        """By node (None: none) and resource: healthy devices that no live pod has, one on two nodes on both. Where there
        is one node only, every device is on it."""
        nowhere = self.numa.nodes[0].id if len(self.numa.nodes) == 1 else None
        data = json.loads((self.moment / "kubelet_internal_checkpoint").read_text())["Data"]
        taken = {
            (entry["ResourceName"], each)
            for entry in data["PodDeviceEntries"] or ()
            if entry["PodUID"] in self._live_uids()
            for ids in entry["DeviceIDs"].values()
            for each in ids
        }
        topology = json.loads((self.scenario / "devices.json").read_text())
        free: dict[tuple[int | None, str], int] = {}
        for resource, devices in topology.items():
            for device in devices:
                # A device with an empty topology vanishes from what the kubelet calls allocatable.
                if device.get("health") or device.get("numa") == []:
                    continue
                for node in set(device.get("numa", [nowhere])):
                    key = node, resource
                    free[key] = free.get(key, 0) + ((resource, device["id"]) not in taken)
        return free

    def _live_uids(self) -> set[str]:
        pods = json.loads((self.moment / "pods.json").read_text())["items"]
        return {
            str(each["metadata"]["uid"])
            for each in pods
            if each["status"].get("phase") not in ("Failed", "Succeeded")
        }

    def __str__(self) -> str:
        return self.name


def recordings(folder: Path) -> list[Recording]:
    """Every moment of every scenario that has a machine, in order."""
    return [
        Recording(scenario=file.parents[1], moment=file.parent)
        for file in sorted(folder.glob("*/*/cpu_manager_state"))
        if (file.parents[1] / "tree.json").is_file()
    ]


def snapshot_of(numa: NumaTopology, picture: KubeletPicture | None) -> Snapshot:
    """A machine with nothing but its NUMA nodes, and a kubelet."""
    online = frozenset[int]().union(*(node.cpus for node in numa.nodes))
    return Snapshot(
        taken_at=0.0,
        system=Observed(facts=System()),
        cpus=Observed(facts=CpuTopology(online=online)),
        numa=Observed(facts=numa),
        pci=Observed(facts=()),
        devices=Observed(facts=Devices()),
        kubelet=picture,
    )


def pod_of(plain: dict[str, Any]) -> Pod:
    """A pod from the API's JSON."""
    spec, status = plain["spec"], plain["status"]
    states = {
        each["name"]: ContainerState(next(iter(each["state"])))
        for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
        if each.get("state")
    }
    containers = [(each, True) for each in spec.get("initContainers", ())]
    containers += [(each, False) for each in spec["containers"]]
    return Pod(
        namespace=plain["metadata"]["namespace"],
        name=plain["metadata"]["name"],
        uid=plain["metadata"]["uid"],
        phase=status.get("phase", "Pending"),
        qos_class=status.get("qosClass"),
        containers=tuple(
            PodContainer(
                name=each["name"],
                role=_role(each, first=first),
                requests=_amounts(each.get("resources", {}).get("requests", {})),
                limits=_amounts(each.get("resources", {}).get("limits", {})),
                state=states.get(each["name"]),
            )
            for each, first in containers
        ),
        requests=_amounts(spec.get("resources", {}).get("requests", {})),
        limits=_amounts(spec.get("resources", {}).get("limits", {})),
    )


def _role(container: dict[str, Any], *, first: bool) -> ContainerRole:
    if not first:
        return ContainerRole.APP
    return ContainerRole.SIDECAR if container.get("restartPolicy") == "Always" else ContainerRole.INIT


def _amounts(quantities: dict[str, str]) -> Amounts:
    return tuple(
        sorted(
            (name, parse_millis(text) if name == "cpu" else parse_quantity(text))
            for name, text in quantities.items()
        )
    )


def _pools(small: int, big: int) -> tuple[HugePagePool, ...]:
    return (
        HugePagePool(page_size_bytes=2 * MIB, total=small),
        HugePagePool(page_size_bytes=GIB, total=big),
    )


def _state(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    inner: dict[str, Any] = json.loads(document["data"]) if "data" in document else document
    return inner
