"""Whether a kubelet takes the CPU manager's state file as it finds it.

It wants its own policy in it, every reserved CPU in the shared pool (under strict-cpu-reservation none), nobody's CPUs in
the pool, and all CPUs together to be those that are online.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.admission.cpus.manager import StaticCpus
from agent.admission.versions import POD_LEVEL_RESOURCE_MANAGERS
from agent.kubelet_config.drain import drain_steps
from agent.kubelet_config.model import CPU_STATE, Objection, Start
from collectors.model.kubelet import AssignedCpus, CpuManagerState
from collectors.parse import IdSet, format_id_list

_NONE: IdSet = frozenset()


def cpu_state_objections(start: Start) -> Iterator[Objection]:
    """The first thing that the kubelet finds wrong with cpu_manager_state, or nothing; a missing file is nothing."""
    state, policy = start.checkpoints.cpu, start.config.cpu_manager_policy
    if state is None:
        return
    if state.policy != policy:
        yield policy_objection(start, CPU_STATE, "cpuManagerPolicy", (policy or "none", state.policy))
    elif policy == "static":
        yield from _static(start, state)


def policy_objection(start: Start, file: str, field: str, policies: tuple[str, str]) -> Objection:
    """A state file of another policy; `policies` are the new one and that of the file."""
    new, old = policies
    return Objection(
        check="state-policy",
        what=f"{field} is {new}, and {start.root}/{file} is of policy {old}",
        says=f'configured policy "{new}" differs from state checkpoint policy "{old}"',
        way_out=f"{drain_steps(start.root, file)}; or stay with {field}: {old}",
        state_file=f"{start.root}/{file}",
    )


def _static(start: Start, state: CpuManagerState) -> Iterator[Objection]:
    entries = _entries(start, state)
    if not state.shared_cpus:
        if state.containers:
            yield _objection(start, "the shared pool is empty", says="default cpuset cannot be empty")
        return
    reserved = StaticCpus(start.hardware.machine, start.settings).reserved
    strict = start.settings.strict_cpu_reservation
    online = start.hardware.cpus - (reserved if strict else _NONE)
    for found in (
        _pool(start, state, reserved, strict=strict),
        _overlap(start, state),
        _all(start, state.shared_cpus.union(*(each.cpus for each in entries)), online),
    ):
        if found is not None:
            yield found
            return


def _pool(start: Start, state: CpuManagerState, reserved: IdSet, *, strict: bool) -> Objection | None:
    """Reserved CPUs and the shared pool."""
    if strict:
        inside = reserved & state.shared_cpus
        if not inside:
            return None
        return _objection(
            start,
            "reserved CPUs are in the shared pool, and strict-cpu-reservation keeps them out of it",
            says="some of strictly reserved cpus: ",
            evidence=(f"reserved and in the pool: {format_id_list(inside)}",),
        )
    outside = reserved - state.shared_cpus
    if not outside:
        return None
    return _objection(
        start,
        "CPUs that are to be reserved are not in the shared pool: somebody has them, or they were strictly reserved",
        says="not all reserved cpus: ",
        evidence=(
            f"to be reserved and not in the pool: {format_id_list(outside)}",
            *_holders(state, outside),
        ),
    )


def _overlap(start: Start, state: CpuManagerState) -> Objection | None:
    """CPUs that are somebody's and in the pool: nobody but an editor makes such a file."""
    for each in state.containers:
        both = each.cpus & state.shared_cpus
        if both:
            return _objection(
                start,
                "CPUs are in the shared pool and somebody's",
                says="overlaps with default cpuset",
                evidence=tuple(_holders(state, both)),
            )
    return None


def _all(start: Start, known: IdSet, online: IdSet) -> Objection | None:
    if known == online:
        return None
    came, gone = online - known, known - online
    return _objection(
        start,
        "the machine's CPUs are not those that it knows",
        says="current set of available CPUs ",
        evidence=tuple(
            f"{words}: {format_id_list(cpus)}"
            for words, cpus in (
                ("online or to be shared, and not in the file", came),
                ("in the file, and not online or not to be shared", gone),
            )
            if cpus
        ),
    )


def _entries(start: Start, state: CpuManagerState) -> tuple[AssignedCpus, ...]:
    pods = state.pods if POD_LEVEL_RESOURCE_MANAGERS in start.settings.gates else ()
    return (*state.containers, *pods)


def _holders(state: CpuManagerState, cpus: IdSet) -> Iterator[str]:
    for each in state.containers:
        if each.cpus & cpus:
            yield f"pod {each.pod_uid}, container {each.container} has {format_id_list(each.cpus & cpus)}"


def _objection(start: Start, what: str, *, says: str, evidence: tuple[str, ...] = ()) -> Objection:
    return Objection(
        check="cpu-state",
        what=f"{start.root}/{CPU_STATE} does not fit: {what}",
        says=says,
        evidence=evidence,
        way_out=drain_steps(start.root, CPU_STATE),
        state_file=f"{start.root}/{CPU_STATE}",
    )
