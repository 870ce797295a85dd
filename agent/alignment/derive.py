"""The alignment of every pod of a node, from one snapshot and what the cgroups said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.alignment.cpusets import Pool, derive_cpuset, derive_pool, expected_cpus
from agent.alignment.fit import derive_fit
from agent.alignment.machine import Machine
from agent.alignment.model import Alignment, ContainerAlignment, Cpuset, Fit, Part, PodAlignment
from agent.alignment.pages import derive_pages
from agent.alignment.parts import PartFinder
from agent.alignment.wishes import derive_wishes
from agent.placement.device_nodes import DeviceFinder
from agent.placement.holders import Holder, live_holders
from agent.placement.ledger import derive_ledger
from agent.placement.model import Basis
from collectors.model import Observed, Snapshot
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups
from collectors.model.kubelet import ContainerAllocation
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, PodContainer
from collectors.parse import IdSet

_NONE: IdSet = frozenset()
_NO_CONFIG = KubeletConfig(source=ConfigSource.SETTINGS)


def derive_alignment(snapshot: Snapshot, cgroups: Observed[ContainerCgroups]) -> Alignment:
    """What every pod holds that the kubelet lists and that has not ended. Same facts, same alignment, in any order.

    `cgroups` are those of the containers that run: `running_containers` names them.
    """
    picture = snapshot.kubelet
    if picture is None:
        return Alignment(unknown=("there is no kubelet",))
    facts = cgroups.facts or ContainerCgroups()
    config = picture.config.facts or _NO_CONFIG
    node = _Node(snapshot, picture, facts)
    return Alignment(
        topology_manager_policy=config.topology_manager_policy,
        topology_manager_scope=config.topology_manager_scope,
        cpu_manager_policy=config.cpu_manager_policy,
        memory_manager_policy=config.memory_manager_policy,
        cgroup_version=facts.version,
        pods=tuple(node.pod(holder) for holder in node.holders),
        unknown=tuple(_unknown(snapshot, picture, cgroups)),
    )


def running_containers(snapshot: Snapshot) -> frozenset[str]:
    """The ids of all containers that run: these have a cgroup."""
    pods = () if snapshot.kubelet is None else snapshot.kubelet.pods.facts or ()
    return frozenset(
        container.container_id
        for pod in pods
        for container in pod.containers
        if container.container_id is not None and container.state is ContainerState.RUNNING
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    """One container by all that is known of it."""

    name: str
    spec: PodContainer | None
    held: ContainerAllocation | None


class _Node:
    """What all pods of a node have in common."""

    def __init__(self, snapshot: Snapshot, picture: KubeletPicture, cgroups: ContainerCgroups) -> None:
        numa = snapshot.numa.facts
        self.holders = live_holders(picture)
        self._machine = Machine(snapshot)
        self._parts = PartFinder(self._machine, DeviceFinder(snapshot, () if numa is None else numa.nodes))
        ledger = derive_ledger(snapshot)
        self._memory_bound = ledger.memory_basis is Basis.KUBELET
        self._pool: Pool = derive_pool(picture, ledger, self.holders, self._machine)
        self._cgroups: Mapping[str, ContainerCgroup] = {
            each.container_id: each for each in cgroups.containers
        }

    def pod(self, holder: Holder) -> PodAlignment:
        """One pod's."""
        allocation, spec = holder.allocation, holder.spec
        containers = tuple(self._container(holder, each) for each in _containers(holder))
        whole = (*self._parts.of_cpus(allocation.cpus), *self._parts.of_memory(allocation.memory))
        fit = derive_fit((*whole, *(part for each in containers for part in each.parts)), self._machine)
        return PodAlignment(
            namespace=allocation.namespace,
            name=allocation.name,
            uid=None if spec is None else spec.uid,
            qos_class=None if spec is None else spec.qos_class,
            containers=containers,
            parts=whole,
            fit=fit,
            wishes=derive_wishes(spec, fit, self._runs_on(containers)),
        )

    def _container(self, holder: Holder, container: _Container) -> ContainerAlignment:
        held = container.held
        parts: tuple[Part, ...] = ()
        if held is not None:
            parts = (
                *self._parts.of_cpus(held.cpus),
                *self._parts.of_memory(held.memory),
                *self._parts.of_devices(held.devices),
                *self._parts.of_claims(held.claims),
            )
        own = held.cpus if held is not None else _NONE
        cgroup = self._cgroup(container)
        cpuset = None if cgroup is None else self._cpuset(holder, container, cgroup)
        cpus = own if cpuset is None or cpuset.cpus is None else cpuset.cpus
        return ContainerAlignment(
            name=container.name,
            role=None if container.spec is None else container.spec.role.value,
            parts=parts,
            fit=derive_fit(parts, self._machine) if parts else Fit(),
            cpu_level=self._machine.level_of_cpus(own),
            cpuset=cpuset,
            pages=None if cgroup is None else derive_pages(cgroup, self._machine.nodes_of_cpus(cpus)),
        )

    def _cgroup(self, container: _Container) -> ContainerCgroup | None:
        container_id = None if container.spec is None else container.spec.container_id
        return None if container_id is None else self._cgroups.get(container_id)

    def _cpuset(self, holder: Holder, container: _Container, cgroup: ContainerCgroup) -> Cpuset:
        expected, own = expected_cpus(
            holder, container.spec, container.held, pool=self._pool, machine=self._machine
        )
        blocks = container.held.memory if container.held is not None and self._memory_bound else ()
        nodes = _NONE.union(*(block.numa_nodes or _NONE for block in blocks))
        return derive_cpuset(cgroup, expected=expected, own=own, nodes=nodes or None, pool=self._pool)

    def _runs_on(self, containers: tuple[ContainerAlignment, ...]) -> IdSet | None:
        """The nodes of all CPUs that a pod may run on; None where some of them are not known."""
        nodes: set[int] = set()
        for container in containers:
            own = _NONE.union(*(part.cpus for part in container.parts))
            cpus = container.cpuset.cpus if container.cpuset is not None else own or None
            if cpus is None:
                return None
            nodes |= self._machine.nodes_of_cpus(cpus)
        return frozenset(nodes)


def _containers(holder: Holder) -> Iterator[_Container]:
    """The containers of a pod in their order; of the ordinary init containers those that run."""
    held = {each.name: each for each in holder.allocation.containers}
    for spec in () if holder.spec is None else holder.spec.containers:
        if spec.role is not ContainerRole.INIT or spec.state is ContainerState.RUNNING:
            yield _Container(name=spec.name, spec=spec, held=held.pop(spec.name, None))
    for each in held.values():
        yield _Container(name=each.name, spec=None, held=each)


def _unknown(
    snapshot: Snapshot, picture: KubeletPicture, cgroups: Observed[ContainerCgroups]
) -> Iterator[str]:
    if picture.allocations.facts is None:
        yield f"what pods hold: {picture.allocations.error or 'the kubelet has not answered yet'}"
    if snapshot.numa.facts is None:
        yield "the NUMA nodes of this machine"
    if picture.pods.facts is None:
        reason = picture.pods.error or "no source of pods' specs is open to us"
        yield f"the containers' cgroups, which only the pods' specs name: {reason}"
    elif cgroups.facts is None or cgroups.facts.version is None:
        yield f"the containers' cgroups: {cgroups.error or 'none are in sight here'}"
    else:
        missing = len(running_containers(snapshot)) - len(cgroups.facts.containers)
        if missing > 0:
            words = "1 container" if missing == 1 else f"{missing} containers"
            yield f"the cgroups of {words} that should run are not in sight"
