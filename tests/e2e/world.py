"""A bed with the agent on it, and whether what the agent published is right."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.e2e.bed.agent import AgentRun
from tests.e2e.bed.api import NRT_PATH, Object
from tests.e2e.bed.bed import NODE_NAME, Bed
from tests.e2e.bed.identity import AgentIdentity
from tests.e2e.bed.manifests import CRDS, apply_manifests
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.scenario import delete_pods
from tests.e2e.truth import differences, published_zones, true_zones
from tests.hosts.spec import MachineSpec

RIGHT_SECONDS = 2.0
"""How long the published object may differ from the truth after the last change, or after a fault's end"""

REST_SECONDS = 3.0


class World:
    """A bed whose kubelet is restarted for other options, and the agent on it."""

    def __init__(self, bed: Bed, spec: MachineSpec) -> None:
        self.bed, self.spec = bed, spec
        apply_manifests(bed.api, CRDS)
        self.identity = AgentIdentity(bed)
        self.agent: AgentRun | None = None

    def configure(self, options: KubeletOptions) -> None:
        """A kubelet with these options and no pods, and no object of the agent's."""
        if self.agent is not None:
            self.agent.stop()
        delete_pods(self.bed)
        if options != self.bed.options:
            self.bed.stop_part("kubelet")
            self.bed.forget_allocations()
            self.bed.start_kubelet(options)
            self.bed.wait_for_devices()
        if published_zones(self.bed):
            self.bed.api.delete(f"{NRT_PATH}/{NODE_NAME}")

    def start_agent(self, *, state_visible: bool, environment: Mapping[str, str] | None = None) -> None:
        """A new agent in place of the one that runs."""
        if self.agent is not None:
            self.agent.stop()
        self.agent = AgentRun(self.bed, self.identity, state_visible=state_visible, environment=environment)
        self.agent.wait_until_ready()

    def differences(self, *, seconds: float = RIGHT_SECONDS) -> list[str]:
        """What is not as it must be, once the agent has had its time."""
        found: list[str] = []

        def right() -> bool:
            found[:] = differences(
                true_zones(self.bed, self.spec), published_zones(self.bed), summed=self._placed_by_chance()
            )
            return not found

        try:
            wait_until(right, what="the right object", seconds=seconds)
        except TimeoutError:
            assert self.agent is not None
            return [*found, *self.agent.log().splitlines()[-10:]]
        return []

    def _placed_by_chance(self) -> frozenset[str]:
        """Under topology policy none the kubelet may give a pod's devices from any node. Where the one lies that its
        init container alone had, nobody but the device manager's book knows."""
        blind = self.agent is not None and not self.agent.state_visible
        return (
            frozenset({"example.com/gpu"})
            if blind and self.bed.options.topology_policy == "none"
            else frozenset()
        )

    def nrt(self) -> Object:
        """The published object."""
        return self.bed.api.get(f"{NRT_PATH}/{NODE_NAME}")

    def nrt_at_rest(self) -> Object:
        """The published object, once it has not changed for some time: the kubelet moves containers to other CPUs every
        two seconds here, and the agent sees its own move a second later."""
        seen = self.nrt()
        since = time.monotonic()

        def rests() -> bool:
            nonlocal seen, since
            if (now := self.nrt())["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"]:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > REST_SECONDS

        wait_until(rests, what="the object to rest", seconds=20)
        return seen
