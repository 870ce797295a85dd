"""The kubelet's answers as JSON and back: how a capture keeps them.

Fields have the model's own names; what is unknown is null; sets of CPUs and NUMA nodes are the kernel's list strings.
What is read back may come from a stranger, so it is taken apart strictly and within bounds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

from collectors.model.kubelet import (
    Allocatable,
    ClaimAllocation,
    ClaimedDevice,
    ContainerAllocation,
    DeviceAllocation,
    KubeletAnswers,
    MemoryBlock,
    PodAllocation,
    in_order,
    in_order_of_name,
)
from collectors.parse import IdSet, format_id_list
from collectors.strictjson import IdLists, JsonValue, parse_json

API_VERSION = "numascope.dev/v1"
"""Rises when a field changes its meaning or goes; new fields do not raise it"""

KIND = "KubeletAnswers"

T = TypeVar("T")


def format_answers(answers: KubeletAnswers) -> str:
    """The answers as one JSON object; same answers, same text."""
    plain = {
        "api_version": API_VERSION,
        "kind": KIND,
        "read_at": answers.read_at,
        "allocatable": None if answers.allocatable is None else _plain_allocatable(answers.allocatable),
        "pods": [_plain_pod(pod) for pod in answers.pods],
    }
    return json.dumps(plain, indent=1) + "\n"


def parse_answers(text: str) -> KubeletAnswers:
    """The answers that `format_answers` wrote; raises ParseError where the text is no such thing."""
    document = parse_json(text, "the kubelet's answers")
    for key, value in (("api_version", API_VERSION), ("kind", KIND)):
        if document.get(key).text() != value:
            document.get(key).fail(value)
    return _Reader().answers(document)


def _plain_pod(pod: PodAllocation) -> dict[str, Any]:
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "cpus": format_id_list(pod.cpus),
        "memory": [_plain_memory(block) for block in pod.memory],
        "containers": [_plain_container(container) for container in pod.containers],
    }


def _plain_container(container: ContainerAllocation) -> dict[str, Any]:
    return {
        "name": container.name,
        "cpus": format_id_list(container.cpus),
        "memory": [_plain_memory(block) for block in container.memory],
        "devices": [_plain_device(device) for device in container.devices],
        "claims": [_plain_claim(claim) for claim in container.claims],
    }


def _plain_allocatable(pool: Allocatable) -> dict[str, Any]:
    return {
        "cpus": format_id_list(pool.cpus),
        "memory": [_plain_memory(block) for block in pool.memory],
        "devices": [_plain_device(device) for device in pool.devices],
    }


def _plain_memory(block: MemoryBlock) -> dict[str, Any]:
    return {"type": block.type, "size_bytes": block.size_bytes, "numa_nodes": _plain_nodes(block.numa_nodes)}


def _plain_device(device: DeviceAllocation) -> dict[str, Any]:
    return {
        "resource": device.resource,
        "device_id": device.device_id,
        "numa_nodes": _plain_nodes(device.numa_nodes),
    }


def _plain_nodes(nodes: IdSet | None) -> str | None:
    return None if nodes is None else format_id_list(nodes)


def _plain_claim(claim: ClaimAllocation) -> dict[str, Any]:
    return {
        "namespace": claim.namespace,
        "name": claim.name,
        "devices": [
            {
                "driver": device.driver,
                "pool": device.pool,
                "device": device.device,
                "share_id": device.share_id,
                "cdi_devices": list(device.cdi_devices),
            }
            for device in claim.devices
        ],
    }


class _Reader:
    """Reads one document; equal sets become one object."""

    def __init__(self) -> None:
        self._ids = IdLists()

    def answers(self, document: JsonValue) -> KubeletAnswers:
        read_at = document.get("read_at").number()
        if not math.isfinite(read_at):
            document.get("read_at").fail("a time")
        pool = document.get("allocatable")
        pods = _each(document.get("pods"), self._pod)
        return KubeletAnswers(
            pods=in_order_of_name(((pod.namespace, pod.name), pod) for pod in pods),
            allocatable=None if pool.is_null else self._allocatable(pool),
            read_at=read_at,
        )

    def _allocatable(self, pool: JsonValue) -> Allocatable:
        return Allocatable(
            cpus=self._ids.parsed(pool.get("cpus")),
            devices=self._devices(pool.get("devices")),
            memory=in_order(_each(pool.get("memory"), self._memory)),
        )

    def _pod(self, pod: JsonValue) -> PodAllocation:
        containers = _each(pod.get("containers"), self._container)
        return PodAllocation(
            namespace=pod.get("namespace").text(),
            name=pod.get("name").text(),
            cpus=self._ids.parsed(pod.get("cpus")),
            memory=in_order(_each(pod.get("memory"), self._memory)),
            containers=in_order_of_name((container.name, container) for container in containers),
        )

    def _container(self, container: JsonValue) -> ContainerAllocation:
        return ContainerAllocation(
            name=container.get("name").text(),
            cpus=self._ids.parsed(container.get("cpus")),
            memory=in_order(_each(container.get("memory"), self._memory)),
            devices=self._devices(container.get("devices")),
            claims=in_order(_each(container.get("claims"), _claim)),
        )

    def _memory(self, block: JsonValue) -> MemoryBlock:
        return MemoryBlock(
            type=block.get("type").text(),
            size_bytes=block.get("size_bytes").integer(),
            numa_nodes=self._nodes(block.get("numa_nodes")),
        )

    def _devices(self, devices: JsonValue) -> tuple[DeviceAllocation, ...]:
        listed = _each(devices, self._device)
        return in_order_of_name(((device.resource, device.device_id), device) for device in listed)

    def _device(self, device: JsonValue) -> DeviceAllocation:
        return DeviceAllocation(
            resource=device.get("resource").text(),
            device_id=device.get("device_id").text(),
            numa_nodes=self._nodes(device.get("numa_nodes")),
        )

    def _nodes(self, nodes: JsonValue) -> IdSet | None:
        return None if nodes.is_null else self._ids.parsed(nodes)


def _claim(claim: JsonValue) -> ClaimAllocation:
    return ClaimAllocation(
        namespace=claim.get("namespace").text(),
        name=claim.get("name").text(),
        devices=in_order(_each(claim.get("devices"), _claimed_device)),
    )


def _claimed_device(device: JsonValue) -> ClaimedDevice:
    share = device.get("share_id")
    return ClaimedDevice(
        driver=device.get("driver").text(),
        pool=device.get("pool").text(),
        device=device.get("device").text(),
        share_id=None if share.is_null else share.text(),
        cdi_devices=tuple(sorted(_each(device.get("cdi_devices"), JsonValue.text))),
    )


def _each(values: JsonValue, read: Callable[[JsonValue], T]) -> list[T]:
    return [read(value) for value in values.elements()]
