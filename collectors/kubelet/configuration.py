"""A kubelet's configuration as facts: from the answer of /configz, from its file with the drop-ins, from its state files.

Pure. The answer of /configz is complete: the kubelet has filled in every default. A file is not, and what it leaves out
is what the kubelet's documentation says is the default; `defaulted` names it.

Sources: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ and, for drop-ins,
https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/. Every parser raises ParseError where a field
that we use is not what it ought to be; the other fields are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.pod import Amounts
from collectors.parse import MAX_ID, IdSet, ParseError
from collectors.quantity import parse_amount
from collectors.strictjson import IdLists, JsonValue, parse_json

API_GROUP = "kubelet.config.k8s.io/"
KIND = "KubeletConfiguration"

_TOPOLOGY_POLICY = "topologyManagerPolicy"
_TOPOLOGY_SCOPE = "topologyManagerScope"
_CPU_POLICY = "cpuManagerPolicy"
_MEMORY_POLICY = "memoryManagerPolicy"

DEFAULTS: Mapping[str, str] = {
    _TOPOLOGY_POLICY: "none",
    _TOPOLOGY_SCOPE: "container",
    _CPU_POLICY: "none",
    _MEMORY_POLICY: "None",
}
"""What the kubelet's documentation gives as the default of each field"""

DEFAULT_EVICTION_HARD: Mapping[str, str] = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
"""The same of `evictionHard`, on Linux"""


def parse_configz(text: str) -> KubeletConfig:
    """The configuration in the answer of /configz: what is in force."""
    value = parse_json(text, "the answer of /configz").get("kubeletconfig")
    return _config(value, source=ConfigSource.CONFIGZ, defaults={})


def parse_configuration(document: Mapping[str, Any], *, where: str) -> KubeletConfig:
    """The configuration in a file, with its drop-ins merged into it.

    Args:
        document: the file's content as values of JSON.
        where: the file's name, for the error.
    """
    value = JsonValue(document, where)
    check_kind(value)
    return _config(value, source=ConfigSource.FILE, defaults=DEFAULTS)


def check_kind(value: JsonValue) -> None:
    """Raises ParseError where a document is no KubeletConfiguration; the kubelet would not start with it."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if kind.is_null or kind.text() != KIND:
        kind.fail(KIND)
    if version.is_null or not version.text().startswith(API_GROUP):
        version.fail(f"{API_GROUP}<version>")


def with_default_eviction(document: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration file as the kubelet has it before drop-ins: with its thresholds of eviction where it names none.

    Where it names some, the others are off, unless `mergeDefaultEvictionSettings` is true. Drop-ins change what is then
    there and bring no default back.
    """
    given = document.get("evictionHard")
    if given is None:
        return {**document, "evictionHard": dict(DEFAULT_EVICTION_HARD)}
    if document.get("mergeDefaultEvictionSettings") is True and isinstance(given, Mapping):
        return {**document, "evictionHard": {**DEFAULT_EVICTION_HARD, **given}}
    return dict(document)


def without_empty_lists(document: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration file as the kubelet has it where there is a drop-in directory: it writes the file out and reads it
    again first, and an empty list is lost on the way, so that `enforceNodeAllocatable: []` is the default again."""
    return {key: value for key, value in document.items() if value != []}


def merge_drop_in(base: Mapping[str, Any], drop_in: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with a drop-in laid over it, as the kubelet does it (RFC 7396, JSON merge patch).

    Maps are merged key by key, everything else is replaced as a whole, lists too; null takes a key away, so that the
    default is back.
    """
    merged = dict(base)
    for key, value in drop_in.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge_drop_in(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def config_of_checkpoints(checkpoints: KubeletCheckpoints) -> KubeletConfig | None:
    """The two policies that the kubelet's state files carry; None where neither file is there."""
    cpu, memory = checkpoints.cpu, checkpoints.memory
    if cpu is None and memory is None:
        return None
    return KubeletConfig(
        source=ConfigSource.CHECKPOINTS,
        cpu_manager_policy=None if cpu is None else cpu.policy,
        memory_manager_policy=None if memory is None else memory.policy,
    )


def _config(value: JsonValue, *, source: ConfigSource, defaults: Mapping[str, str]) -> KubeletConfig:
    policies = {field: _word(value.get(field)) for field in DEFAULTS}
    left_out = tuple(field for field, word in policies.items() if word is None and field in defaults)
    policies.update({field: defaults[field] for field in left_out})
    return KubeletConfig(
        source=source,
        topology_manager_policy=policies[_TOPOLOGY_POLICY],
        topology_manager_scope=policies[_TOPOLOGY_SCOPE],
        topology_manager_options=_options(value.get("topologyManagerPolicyOptions")),
        cpu_manager_policy=policies[_CPU_POLICY],
        cpu_manager_options=_options(value.get("cpuManagerPolicyOptions")),
        memory_manager_policy=policies[_MEMORY_POLICY],
        reserved_cpus=_cpus(value.get("reservedSystemCPUs")),
        reserved_memory=_reserved_memory(value.get("reservedMemory")),
        system_reserved=_amounts(value.get("systemReserved")),
        kube_reserved=_amounts(value.get("kubeReserved")),
        eviction_hard=_options(value.get("evictionHard")),
        feature_gates=tuple(sorted((gate, on.boolean()) for gate, on in value.get("featureGates").items())),
        defaulted=left_out,
    )


def _word(value: JsonValue) -> str | None:
    """A policy; an empty one counts as left out, as it does for the kubelet."""
    return None if value.is_null else value.text() or None


def _options(value: JsonValue) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((option, setting.text()) for option, setting in value.items()))


def _cpus(value: JsonValue) -> IdSet | None:
    return None if value.is_null else IdLists().parsed(value) or None


def _reserved_memory(value: JsonValue) -> tuple[tuple[int, Amounts], ...]:
    """By node; where one comes twice, which the kubelet refuses, the later one counts."""
    by_node: dict[int, Amounts] = {}
    for each in value.elements():
        node = each.get("numaNode")
        by_node[0 if node.is_null else node.integer(largest=MAX_ID)] = _amounts(each.get("limits"))
    return tuple(sorted(by_node.items()))


def _amounts(value: JsonValue) -> Amounts:
    return tuple(sorted((resource, _amount(resource, amount)) for resource, amount in value.items()))


def _amount(resource: str, value: JsonValue) -> int:
    """A quantity, which may be written as a number where it has no unit."""
    text = value.text() if value.is_text else str(value.integer())
    try:
        amount = parse_amount(resource, text)
    except ParseError:
        value.fail("a quantity")
    if amount < 0:
        value.fail("a quantity that is not negative")
    return amount
