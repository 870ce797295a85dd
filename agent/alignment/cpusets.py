"""What the cgroups of containers leave to them, against what the kubelet says.

Under CPU policy static the kubelet tells the runtime the CPUs of every container: its own ones, or the shared pool. It
tells anew each time that it looks through all containers (cpuManagerReconcilePeriod, 10 s by default), so the pool of a
container may be that of ten seconds ago; CPUs of its own never change. Under policy none it tells nothing, and nothing
can be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.alignment.machine import Machine
from agent.alignment.model import Cpuset, CpusetVerdict
from agent.placement.holders import Holder
from agent.placement.model import CPU, Basis, Ledger
from collectors.model.cgroup import ContainerCgroup
from collectors.model.kubelet import ContainerAllocation
from collectors.model.kubelet_config import ConfigSource
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, PodContainer
from collectors.parse import IdSet

_NONE: IdSet = frozenset()
_STRICT = "strict-cpu-reservation"
_TELL_ALL = (ConfigSource.CONFIGZ, ConfigSource.FILE)
"""Sources of the kubelet's configuration that leave no option out"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The shared pool, and who has CPUs of its own."""

    gives_cpus: bool
    """Whether the kubelet gives out CPUs at all, and that is known"""
    shared: IdSet | None = None
    """None where it is not known exactly"""
    exclusive: IdSet = frozenset()
    """CPUs that the kubelet lists as somebody's own"""
    assigned: Mapping[tuple[str, str], IdSet] = field(default_factory=dict)
    """By pod uid and container, from the kubelet's own book where that is in sight; ordinary init containers too"""


def derive_pool(
    picture: KubeletPicture, ledger: Ledger, holders: tuple[Holder, ...], machine: Machine
) -> Pool:
    """The pool of this moment."""
    if ledger.cpu_basis is not Basis.KUBELET:
        return Pool(gives_cpus=False)
    exclusive = _NONE.union(*(_listed_cpus(holder) for holder in holders))
    book = None if picture.checkpoints is None else picture.checkpoints.cpu
    if book is not None and book.policy == "static":
        assigned = {(each.pod_uid, each.container or ""): each.cpus for each in book.containers}
        return Pool(gives_cpus=True, shared=book.shared_cpus, exclusive=exclusive, assigned=assigned)
    return Pool(gives_cpus=True, shared=_concluded(picture, ledger, machine), exclusive=exclusive)


def derive_cpuset(
    cgroup: ContainerCgroup, *, expected: IdSet | None, own: bool, nodes: IdSet | None, pool: Pool
) -> Cpuset:
    """One container's.

    Args:
        cgroup: what it has.
        expected: where it should run; None where that is not known.
        own: whether these CPUs are its own, or its pod's.
        nodes: where its memory should come from; None where the kubelet binds none to it.
        pool: who else has what.
    """
    extra = missing = _NONE
    if cgroup.cpus is not None and expected is not None:
        extra, missing = cgroup.cpus - expected, expected - cgroup.cpus
    elif cgroup.cpus is not None and not own:
        extra = cgroup.cpus & pool.exclusive
    return Cpuset(
        cpus=cgroup.cpus,
        nodes=cgroup.nodes,
        kubelet_cpus=expected,
        kubelet_nodes=nodes,
        verdict=_verdict(cgroup, expected=expected, own=own, nodes=nodes, pool=pool),
        extra=extra,
        missing=missing,
    )


def expected_cpus(
    holder: Holder,
    container: PodContainer | None,
    held: ContainerAllocation | None,
    *,
    pool: Pool,
    machine: Machine,
) -> tuple[IdSet | None, bool]:
    """Where a container should run, None where that is not known; and whether that is its own or its pod's."""
    own = held.cpus if held is not None else _NONE
    if not own and holder.spec is not None and container is not None:
        own = pool.assigned.get((holder.spec.uid, container.name), _NONE)
    if own:
        return own & machine.online, True
    if container is not None and _may_hold_unlisted(holder, container):
        return None, True
    if holder.allocation.cpus:
        others = (each.cpus for each in holder.allocation.containers)
        return holder.allocation.cpus.difference(*others) & machine.online or None, True
    return pool.shared, False


def _verdict(
    cgroup: ContainerCgroup, *, expected: IdSet | None, own: bool, nodes: IdSet | None, pool: Pool
) -> CpusetVerdict | None:
    if nodes is not None and cgroup.nodes is not None and cgroup.nodes != nodes:
        return CpusetVerdict.DIFFERS
    if cgroup.cpus is None or not pool.gives_cpus:
        return None
    if own:
        if expected is None:
            return None
        return CpusetVerdict.SAME if cgroup.cpus == expected else CpusetVerdict.DIFFERS
    fits = cgroup.cpus == expected if expected is not None else not cgroup.cpus & pool.exclusive
    return CpusetVerdict.SHARED if fits else CpusetVerdict.STALE


def _may_hold_unlisted(holder: Holder, container: PodContainer) -> bool:
    """The kubelet never lists ordinary init containers: one of a Guaranteed pod may have CPUs that nobody tells of."""
    guaranteed = holder.spec is not None and holder.spec.qos_class == "Guaranteed"
    return container.role is ContainerRole.INIT and guaranteed


def _listed_cpus(holder: Holder) -> IdSet:
    return holder.allocation.cpus.union(*(each.cpus for each in holder.allocation.containers))


def _concluded(picture: KubeletPicture, ledger: Ledger, machine: Machine) -> IdSet | None:
    """The pool without the kubelet's book: all CPUs that nobody holds, if it is certain who holds which, and whether the
    reserved ones are in it."""
    config = picture.config.facts
    uncertain = CPU in {
        *(inference.resource for inference in ledger.inferences),
        *(unplaced.resource for unplaced in ledger.unplaced),
    }
    if config is None or config.source not in _TELL_ALL or ledger.cpus is None or uncertain:
        return None
    strict = dict(config.cpu_manager_options).get(_STRICT) == "true"
    return (ledger.cpus.allocatable if strict else machine.online) - ledger.cpus.held
