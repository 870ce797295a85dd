"""Captured nodes in the documentation's examples: the GPU server with a kubelet, and a machine of nine NUMA nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from agent.admission.machine import derive_machine
from agent.admission.memory.table import derive_table, take
from agent.admission.settings import settings_of
from collectors.kubelet.configuration import parse_configuration
from collectors.kubelet.plain import format_answers
from collectors.model.kubelet import (
    Allocatable,
    ContainerAllocation,
    DeviceAllocation,
    KubeletAnswers,
    MemoryBlock,
    MemoryNode,
    PodAllocation,
)
from collectors.parse import IdSet, format_id_list, parse_id_list
from tests.gpu_server import GPU_SERVER
from tests.hosts.machine import expected_snapshot, write_machine
from tests.hosts.spec import GIB, MIB, CpuSpec, HugePages, MachineSpec, MemorySpec

NINE_NODES = MachineSpec(
    name="nine NUMA nodes",
    cpus=CpuSpec(packages=9, cores=4, smt=2),
    memory=MemorySpec(bytes_per_node=32 * GIB, hugepages=(HugePages(size_bytes=2 * MIB, totals=(64,)),)),
)


_START = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
_USUAL = """\
topologyManagerPolicy: single-numa-node
cpuManagerPolicy: static
memoryManagerPolicy: Static
reservedSystemCPUs: "0,16,32,48"
systemReserved:
  memory: 1948Mi
reservedMemory:
- numaNode: 0
  limits:
    memory: 1Gi
- numaNode: 1
  limits:
    memory: 1Gi
"""

CONFIGURATIONS = {
    "kubelet.yaml": _START + _USUAL,
    "new.yaml": _START + _USUAL.replace("cpuManagerPolicy: static", "cpuManagerPolicy: none"),
    "short.yaml": _START + _USUAL.replace("1948Mi", "2Gi"),
    "reserved.yaml": _START + _USUAL.replace("0,16,32,48", "0-1,32-33"),
    "many.yaml": _START
    + "topologyManagerPolicy: restricted\n"
    + 'topologyManagerPolicyOptions:\n  max-allowable-numa-nodes: "9"\n'
    + 'cpuManagerPolicy: static\nreservedSystemCPUs: "0,36"\n'
    + "memoryManagerPolicy: Static\nsystemReserved:\n  memory: 924Mi\n"
    + "reservedMemory:\n- numaNode: 0\n  limits:\n    memory: 1Gi\n",
    "half.yaml": _START + "topologyManagerPolicy: restricted\n",
}
"""By the names that the pages give them"""

TRAINER = parse_id_list("1,3-4,33,35-36")
GPU = "example.com/gpu"


def write_gpu_server(folder: Path) -> None:
    """The machine alone."""
    write_machine(GPU_SERVER, folder)


def write_node(folder: Path) -> None:
    """The same machine with a kubelet: one pod holds CPUs, memory and two GPUs."""
    _write_node(folder, {})


def write_changed_node(folder: Path) -> None:
    """The same, but that since the kubelet started the firmware has taken 4 MiB of node 1, and half of node 0's
    hugepages have gone."""
    _write_node(folder, {(0, "hugepages-2Mi"): GIB, (1, "memory"): 4 * MIB})


def _write_node(folder: Path, more: Mapping[tuple[int, str], int]) -> None:
    """`more`: bytes by NUMA node and resource that the kubelet found beyond what is there now."""
    write_machine(GPU_SERVER, folder)
    kubelet = folder / "kubelet"
    (kubelet / "device-plugins").mkdir(parents=True)
    cpus, nodes = _as_the_kubelet_found_it(more)
    pool = cpus - TRAINER
    state = {
        "policyName": "static",
        "defaultCpuSet": format_id_list(pool),
        "entries": {"7c0a41f5-uid": {"trainer": format_id_list(TRAINER)}},
    }
    (kubelet / "cpu_manager_state").write_text(json.dumps(state))
    block = MemoryBlock(type="memory", size_bytes=64 * GIB, numa_nodes=frozenset({0}))
    (kubelet / "memory_manager_state").write_text(json.dumps(_memory_state(take(nodes, block, 64 * GIB))))
    (kubelet / "podresources.json").write_text(format_answers(_answers(cpus, nodes)))


def write_nine_nodes(folder: Path) -> None:
    """A machine with more NUMA nodes than a kubelet takes by itself, and a kubelet that knows a GPU on each."""
    write_machine(NINE_NODES, folder)
    (folder / "kubelet").mkdir()
    gpus = tuple(
        DeviceAllocation(resource=GPU, device_id=f"gpu{node}", numa_nodes=frozenset({node}))
        for node in range(9)
    )
    answers = KubeletAnswers(pods=(), allocatable=Allocatable(devices=gpus), read_at=0.0)
    (folder / "kubelet" / "podresources.json").write_text(format_answers(answers))


def _as_the_kubelet_found_it(more: Mapping[tuple[int, str], int]) -> tuple[IdSet, tuple[MemoryNode, ...]]:
    snapshot = expected_snapshot(GPU_SERVER, now=0.0)
    assert snapshot.cpus.facts is not None
    assert snapshot.numa.facts is not None
    machine = derive_machine(snapshot.cpus.facts, snapshot.numa.facts)
    memory = tuple(
        (node, tuple((kind, size + more.get((node, kind), 0)) for kind, size in amounts))
        for node, amounts in machine.memory
    )
    machine = replace(machine, memory=memory)
    settings = settings_of(
        parse_configuration(yaml.safe_load(CONFIGURATIONS["kubelet.yaml"]), where="kubelet.yaml")
    )
    return snapshot.cpus.facts.online, derive_table(machine, settings)


def _memory_state(nodes: tuple[MemoryNode, ...]) -> dict[str, object]:
    return {
        "policyName": "Static",
        "machineState": {
            str(node.id): {
                "numberOfAssignments": node.assignments,
                "cells": sorted(node.group),
                "memoryMap": {
                    table.type: {
                        "total": table.total,
                        "systemReserved": table.system_reserved,
                        "allocatable": table.allocatable,
                        "reserved": table.reserved,
                        "free": table.free,
                    }
                    for table in node.tables
                },
            }
            for node in nodes
        },
        "entries": {
            "7c0a41f5-uid": {
                "trainer": [{"numaAffinity": [0], "type": "memory", "size": 64 * GIB}],
            }
        },
    }


def _answers(cpus: IdSet, nodes: tuple[MemoryNode, ...]) -> KubeletAnswers:
    gpus = tuple(
        DeviceAllocation(resource=GPU, device_id=f"gpu{number}", numa_nodes=frozenset({number // 2}))
        for number in range(4)
    )
    trainer = ContainerAllocation(
        name="trainer",
        cpus=TRAINER,
        memory=(MemoryBlock(type="memory", size_bytes=64 * GIB, numa_nodes=frozenset({0})),),
        devices=gpus[:2],
    )
    return KubeletAnswers(
        pods=(PodAllocation(namespace="ml", name="trainer-0", containers=(trainer,)),),
        allocatable=Allocatable(
            cpus=cpus - parse_id_list("0,16,32,48"),
            devices=gpus,
            memory=tuple(
                MemoryBlock(type=table.type, size_bytes=table.allocatable, numa_nodes=frozenset({node.id}))
                for node in nodes
                for table in node.tables
            ),
        ),
        read_at=0.0,
    )


HOSTS = {
    "gpu-server.tar.xz": write_gpu_server,
    "node.tar.xz": write_node,
    "changed-node.tar.xz": write_changed_node,
    "nine-nodes.tar.xz": write_nine_nodes,
}
"""By the names that the pages give them"""
