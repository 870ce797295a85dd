"""Which pods the fingerprint is made of, beside what the scheduler counts."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.views.fingerprinted import (
    PENDING_SECONDS,
    FingerprintMethod,
    asks_for_exclusive,
    changes_at,
    fingerprinted_pods,
)
from collectors.model import Observed
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Amounts, ContainerRole
from tests.agent.views.kubelets import GPU, devices, holds, picture, spec

NOW = 1_700_000_000.0
PUBLISHED = frozenset({"cpu", "memory", GPU})


def names(
    kubelet: KubeletPicture,
    method: FingerprintMethod = FingerprintMethod.ALL,
    *,
    binds_memory: bool = True,
) -> list[str] | None:
    """The pods that count, without their namespace."""
    pods = fingerprinted_pods(kubelet, method, now=NOW, published=PUBLISHED, binds_memory=binds_memory)
    return None if pods is None else sorted(name for _, name in pods)


def without_specs(kubelet: KubeletPicture) -> KubeletPicture:
    return KubeletPicture(allocations=kubelet.allocations)


def test_pods_that_run_and_are_listed_count() -> None:
    listed = [holds(name) for name in ("runs", "ended", "failed", "unknown", "no-spec")]
    pods = [
        spec("runs"),
        spec("ended", phase="Succeeded"),
        spec("failed", phase="Failed"),
        spec("unknown", phase="Unknown"),
        spec("not-listed-yet"),
    ]
    assert names(picture(*listed, pods=pods)) == ["runs"]


@pytest.mark.parametrize(
    ("started_at", "counts"),
    [(None, True), (NOW - 1, True), (NOW - PENDING_SECONDS + 1, True), (NOW - PENDING_SECONDS, False)],
)
def test_a_pod_that_starts_counts_as_one_that_runs_for_a_while(
    started_at: float | None, counts: bool
) -> None:
    pending = spec("starts", phase="Pending", started_at=started_at)
    assert names(picture(holds("starts"), pods=[pending])) == (["starts"] if counts else [])


def test_without_specs_every_listed_pod_counts() -> None:
    assert names(without_specs(picture(holds("a"), holds("b")))) == ["a", "b"]


def test_where_nobody_is_listed_or_nothing_is_wanted_there_is_none() -> None:
    assert names(KubeletPicture(pods=Observed(facts=(spec("a"),)))) is None
    assert names(picture(holds("a")), FingerprintMethod.OFF) is None


@pytest.mark.parametrize(
    ("qos", "requests", "exclusive"),
    [
        ("Guaranteed", (("cpu", 2000),), True),
        ("Guaranteed", (("cpu", 1500),), False),
        ("Guaranteed", (("cpu", 0), ("memory", 0)), False),
        ("Guaranteed", (("cpu", 1500), ("memory", 1)), True),
        ("Guaranteed", (("hugepages-2Mi", 1 << 21),), True),
        ("Guaranteed", (("ephemeral-storage", 1),), False),
        ("Burstable", (("cpu", 2000), ("memory", 1)), False),
        ("BestEffort", ((GPU, 1),), True),
        ("BestEffort", (("example.com/not-published", 1),), False),
        ("BestEffort", (("attachable.kubernetes.io/volume", 1),), False),
        ("BestEffort", (), False),
    ],
)
def test_pods_with_something_of_their_own_are_those_of_the_scheduler(
    qos: str, requests: Amounts, exclusive: bool
) -> None:
    pod = spec("a", qos=qos, requests=requests)
    assert asks_for_exclusive(pod, PUBLISHED) is exclusive
    kubelet = picture(holds("a"), pods=[pod])
    assert names(kubelet, FingerprintMethod.EXCLUSIVE) == (["a"] if exclusive else [])
    assert names(kubelet) == ["a"]


@pytest.mark.parametrize(
    ("role", "exclusive"),
    [(ContainerRole.APP, True), (ContainerRole.SIDECAR, True), (ContainerRole.INIT, False)],
)
def test_what_an_init_container_has_is_not_for_long(role: ContainerRole, exclusive: bool) -> None:
    assert asks_for_exclusive(spec("a", requests=((GPU, 1),), role=role), PUBLISHED) is exclusive


def test_without_specs_what_the_kubelet_lists_tells_who_has_something() -> None:
    listed = without_specs(
        picture(
            holds("cpus", cpus=[1]),
            holds("memory", memory=[(0, 1)]),
            holds("gpu", devices=devices("gpu0", numa_nodes=[0])),
            holds("nothing"),
        )
    )
    assert names(listed, FingerprintMethod.EXCLUSIVE) == ["cpus", "gpu", "memory"]


def test_without_specs_and_without_bound_memory_nobody_can_tell() -> None:
    """A Guaranteed pod with half a CPU counts for the scheduler, and the kubelet lists it with nothing."""
    listed = without_specs(picture(holds("a")))
    assert names(listed, FingerprintMethod.EXCLUSIVE, binds_memory=False) is None
    assert names(listed, FingerprintMethod.ALL, binds_memory=False) == ["a"]


PHASES = st.sampled_from(("Pending", "Running", "Succeeded", "Failed"))


def scheduler_counts(phases: Iterable[str]) -> list[str]:
    return [f"p{number}" for number, phase in enumerate(phases) if phase == "Running"]


@given(phases=st.lists(PHASES, max_size=6))
def test_once_no_pod_is_starting_both_sides_count_the_same(phases: list[str]) -> None:
    pods = [spec(f"p{number}", phase=phase, started_at=NOW - 3600.0) for number, phase in enumerate(phases)]
    assert names(picture(*(holds(pod.name) for pod in pods), pods=pods)) == scheduler_counts(phases)


def test_what_counts_changes_by_itself_when_the_first_pod_has_been_pending_for_long() -> None:
    pods = [
        spec("runs", started_at=NOW - 5),
        spec("unknown", phase="Pending"),
        spec("late", phase="Pending", started_at=NOW - PENDING_SECONDS),
        spec("soon", phase="Pending", started_at=NOW - 10),
        spec("later", phase="Pending", started_at=NOW - 5),
    ]
    assert changes_at(picture(pods=pods), NOW) == NOW - 10 + PENDING_SECONDS
    assert changes_at(picture(pods=pods[:3]), NOW) is None
    assert changes_at(KubeletPicture(), NOW) is None
