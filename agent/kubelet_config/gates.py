"""Feature gates: which of a configuration's the kubelet of a version does not take, and which an option needs.

Of the hundreds of gates those are known here that concern CPUs, memory and topology; of the others nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.admission.versions import Version
from agent.kubelet_config.model import Objection, Start


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """The life of a gate."""

    since: Version
    locked: Version | None = None
    """From then on it is on and cannot be turned off"""
    gone: Version | None = None
    """From then on the kubelet knows none of that name"""


_GATES: Mapping[str, _Gate] = {
    "CPUManager": _Gate(since=(1, 8), locked=(1, 26), gone=(1, 33)),
    "TopologyManager": _Gate(since=(1, 16), locked=(1, 27), gone=(1, 31)),
    "MemoryManager": _Gate(since=(1, 21), locked=(1, 32), gone=(1, 36)),
    "CPUManagerPolicyOptions": _Gate(since=(1, 22), locked=(1, 33)),
    "TopologyManagerPolicyOptions": _Gate(since=(1, 26), locked=(1, 36)),
    "PodLevelResourceManagers": _Gate(since=(1, 36)),
    "CPUManagerPolicyAlphaOptions": _Gate(since=(1, 23)),
    "CPUManagerPolicyBetaOptions": _Gate(since=(1, 23)),
    "TopologyManagerPolicyAlphaOptions": _Gate(since=(1, 26)),
    "TopologyManagerPolicyBetaOptions": _Gate(since=(1, 26)),
}


def gate_objections(start: Start) -> Iterator[Objection]:
    """Gates that this version does not know, or does not let anybody turn off."""
    for name, on in start.config.feature_gates:
        gate = _GATES.get(name)
        if gate is None:
            continue
        version = ".".join(map(str, start.version))
        if start.version < gate.since or (gate.gone is not None and start.version >= gate.gone):
            yield Objection(
                check="gate-unknown",
                what=f"Kubernetes {version} knows no feature gate {name}",
                says=f"unrecognized feature gate: {name}",
                way_out=f"take {name} out of featureGates"
                + (": what it turned on is always on" if gate.locked else ""),
            )
        elif not on and gate.locked is not None and start.version >= gate.locked:
            yield Objection(
                check="gate-locked",
                what=f"feature gate {name} cannot be turned off in Kubernetes {version}",
                says=f"cannot set feature gate {name} to false, feature is locked to true",
                way_out=f"take {name} out of featureGates",
            )
