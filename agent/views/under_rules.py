"""On what an answer by the kubelet's rules stands: its settings, and how much of the node is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.admission.model import Settings
from agent.prediction.node import KnownNode
from agent.views.text import Branch, Section, name, plain, quiet, warn

_OPTIONS = (
    "full_pcpus_only",
    "distribute_cpus_across_numa",
    "align_by_socket",
    "distribute_cpus_across_cores",
    "strict_cpu_reservation",
    "prefer_align_cpus_by_uncorecache",
    "prefer_closest_numa_nodes",
)


def plain_basis(known: KnownNode, source: str) -> dict[str, Any]:
    """For programs."""
    settings = known.node.settings
    return {
        "source": source,
        "kubernetes_version": _version(settings),
        "topology_manager_policy": settings.topology_policy,
        "topology_manager_scope": settings.topology_scope,
        "cpu_manager_policy": settings.cpu_policy,
        "memory_manager_policy": settings.memory_policy,
        "options": list(_options(settings)),
        "what_if": list(known.what_if),
        "assumed": list(known.assumed),
        "inferred": list(known.inferred),
        "unknown": list(known.unknown),
    }


def basis_section(known: KnownNode, source: str) -> Section:
    """For people: the settings in a line, and below it what is not as sure as the kubelet's own word."""
    settings = known.node.settings
    options = ", ".join(_options(settings))
    rules = (
        f"topology manager {settings.topology_policy} (scope {settings.topology_scope}), "
        f"CPU manager {settings.cpu_policy}, memory manager {settings.memory_policy}"
        f"{', ' if options else ''}{options}; rules of Kubernetes {_version(settings)}"
    )
    lines = [
        *(Branch(line=(name("what if: "), plain(each))) for each in known.what_if),
        *(Branch(line=(quiet("assumed: "), plain(each))) for each in known.assumed),
        *(
            Branch(line=(quiet("inferred, since the kubelet's state files are not mounted: "), plain(each)))
            for each in known.inferred
        ),
        *(Branch(line=(warn("not known: "), plain(f"{each}; this may be wrong"))) for each in known.unknown),
    ]
    return Section(title=(name(source), plain(f": {rules}")), content=tuple(lines))


def _options(settings: Settings) -> Iterator[str]:
    return (option.replace("_", "-") for option in _OPTIONS if getattr(settings, option))


def _version(settings: Settings) -> str:
    return ".".join(map(str, settings.version))
