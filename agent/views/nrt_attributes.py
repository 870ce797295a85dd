"""The attributes of a NodeResourceTopology: how the kubelet decides, what the figures stand on, and which pods they
were made with. Pure; docs/nrt.md says what each is for.

Values are text. An attribute whose fact is unknown is left out: consumers then fall back on their own defaults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from agent.placement.model import Basis, InferenceKind, Ledger
from collectors.model.kubelet_config import ConfigSource, KubeletConfig

Attribute = tuple[str, str]
"""(name, value)"""

POLICY = "topologyManagerPolicy"
SCOPE = "topologyManagerScope"
MAX_NUMA_NODES = "topologyManagerMaxNUMANodes"
FINGERPRINT = "nodeTopologyPodsFingerprint"
FINGERPRINT_METHOD = "nodeTopologyPodsFingerprintMethod"

SOURCE = "numascope.dev/source"
"""Where the numbers come from: `kubelet`, or `machine` where no kubelet was asked"""
CPU_SOURCE = "numascope.dev/cpu-source"
"""`machine` where the kubelet gives no CPUs from nodes, so that none is ever taken away"""
MEMORY_SOURCE = "numascope.dev/memory-source"
"""The same of memory and hugepages"""
TOPOLOGY_OPTIONS = "numascope.dev/topology-manager-options"
CPU_POLICY = "numascope.dev/cpu-manager-policy"
CPU_OPTIONS = "numascope.dev/cpu-manager-options"
MEMORY_POLICY = "numascope.dev/memory-manager-policy"
INFERRED = "numascope.dev/inferred"
"""Of a zone: resources in whose figures something is concluded; of the object: what kinds of conclusions there are"""
UNATTRIBUTED = "numascope.dev/unattributed"
"""What lies on no known NUMA node and so in no zone: `example.com/gpu=2`"""
UNPLACED = "numascope.dev/unplaced"
"""What is held nobody knows on which NUMA node, and so is gone from no zone: `memory=1073741824`"""
CONTRADICTIONS = "numascope.dev/contradictions"
"""Resources whose facts contradict each other; the figures say the cautious of the two"""
LEFT_OUT = "numascope.dev/zones-left-out"
"""NUMA nodes whose id no scheduler can take"""

_LEVELS = {
    "best-effort": "BestEffort",
    "restricted": "Restricted",
    "single-numa-node": "SingleNUMANode",
}
_SCOPES = {"container": "ContainerLevel", "pod": "PodLevel"}


def attributes_of_config(config: KubeletConfig) -> Iterator[Attribute]:
    """How the kubelet decides, as far as it is known."""
    known = (
        (POLICY, config.topology_manager_policy),
        (SCOPE, config.topology_manager_scope),
        (CPU_POLICY, config.cpu_manager_policy),
        (MEMORY_POLICY, config.memory_manager_policy),
        (TOPOLOGY_OPTIONS, _format_options(config.topology_manager_options)),
        (CPU_OPTIONS, _format_options(config.cpu_manager_options)),
    )
    yield from ((name, value) for name, value in known if value)
    if config.source in (ConfigSource.CONFIGZ, ConfigSource.FILE):
        yield MAX_NUMA_NODES, str(config.max_numa_nodes)


def attributes_of_ledger(ledger: Ledger) -> Iterator[Attribute]:
    """What of the figures is no plain word of the kubelet's."""
    if ledger.cpu_basis is Basis.MACHINE:
        yield CPU_SOURCE, "machine"
    if ledger.memory_basis is Basis.MACHINE:
        yield MEMORY_SOURCE, "machine"
    kinds = {each.kind for each in ledger.inferences}
    if kinds:
        yield INFERRED, ",".join(kind.value for kind in InferenceKind if kind in kinds)
    if ledger.unattributed:
        yield UNATTRIBUTED, ",".join(f"{each.resource}={each.capacity}" for each in ledger.unattributed)
    if ledger.unplaced:
        held: Counter[str] = Counter()
        for each in ledger.unplaced:
            held[each.resource] += each.amount
        yield UNPLACED, ",".join(f"{resource}={amount}" for resource, amount in sorted(held.items()))
    if ledger.contradictions:
        yield CONTRADICTIONS, ",".join(sorted({each.resource for each in ledger.contradictions}))


def topology_policies(config: KubeletConfig) -> list[str]:
    """The deprecated list `topologyPolicies` of one word, for consumers that read nothing else: policy and scope in
    one; empty where they are unknown."""
    policy, scope = config.topology_manager_policy, config.topology_manager_scope
    if policy == "none":
        return ["None"]
    level, place = _LEVELS.get(policy or ""), _SCOPES.get(scope or "")
    return [f"{level}{place}"] if level and place else []


def attribute_list(attributes: Iterable[Attribute]) -> list[dict[str, Any]]:
    """Attributes as they stand in the object, by name."""
    return [{"name": name, "value": value} for name, value in sorted(attributes)]


def _format_options(options: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f"{option}={value}" for option, value in options)
