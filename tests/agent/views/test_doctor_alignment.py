"""What doctor finds in cgroups and annotations: one fixture per finding."""

from __future__ import annotations

from dataclasses import replace

from agent.views.doctor import diagnose
from agent.views.doctor_model import Examined, Finding, Severity
from collectors.model import Observed
from collectors.model.cgroup import ContainerCgroup, ContainerCgroups
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import TOPOLOGY_POLICY_WISH, Pod
from tests.agent.alignment.building import cgroup, machine, runs
from tests.agent.placement.building import container, listed, picture, spec

OWNER = listed("owner", container(cpus="2-5"))
OTHER = listed("other", container())
SPECS = (spec("owner", runs("o")), spec("other", runs("x"), qos="BestEffort"))


def found(kubelet: KubeletPicture | None, *cgroups: ContainerCgroup) -> dict[str, Finding]:
    """What this part of doctor finds, by check."""
    facts = ContainerCgroups(version=2, containers=cgroups)
    examined = Examined(snapshot=machine(kubelet), cgroups=Observed(facts=facts))
    checks = ("cpuset-differs", "cpuset-stale", "wish-without-effect")
    return {each.check: each for each in diagnose(examined) if each.check in checks}


def wishing(name: str, value: str) -> Pod:
    return replace(spec(name, runs(name)), annotations=((TOPOLOGY_POLICY_WISH, value),))


def test_cgroups_that_are_as_the_kubelet_says_are_no_finding() -> None:
    assert found(picture(OTHER, OWNER, specs=SPECS), cgroup("o", "2-5"), cgroup("x", "0-1,6-15")) == {}


def test_without_a_kubelet_there_is_nothing_to_compare() -> None:
    assert found(None) == {}


def test_a_cpuset_that_differs_from_the_kubelets_is_an_error() -> None:
    made = found(picture(OTHER, OWNER, specs=SPECS), cgroup("o", "0-15"))["cpuset-differs"]
    assert made.severity is Severity.ERROR
    assert made.what == "the cgroup of 1 container is not what the kubelet says"
    assert made.evidence == ("default/owner/app: CPUs 0-15 in its cgroup, 2-5 by the kubelet",)


def test_many_of_them_are_counted() -> None:
    pods = [listed(f"p{number}", container(cpus=str(number))) for number in range(1, 12)]
    specs = [spec(pod.name, runs(pod.name)) for pod in pods]
    made = found(picture(*pods, specs=specs), *(cgroup(pod.name, "0") for pod in pods))["cpuset-differs"]
    assert made.evidence[-1] == "and 3 more"
    assert len(made.evidence) == 9


def test_a_container_on_somebody_elses_cpus_is_a_warning() -> None:
    made = found(picture(OTHER, OWNER, specs=SPECS), cgroup("x", "0-15"))["cpuset-stale"]
    assert made.severity is Severity.WARNING
    assert made.evidence == ("default/other/app: CPUs 0-15 in its cgroup, 0-1,6-15 by the kubelet",)


def test_a_pool_that_is_too_small_for_a_moment_harms_nobody() -> None:
    assert found(picture(OTHER, OWNER, specs=SPECS), cgroup("x", "6-15")) == {}


def test_annotations_that_ask_in_vain_are_a_warning() -> None:
    pods = [listed("a", container(cpus="2")), listed("b", container(cpus="7-8"))]
    specs = [wishing("a", "single-numa-node"), wishing("b", "single-numa-node")]
    made = found(picture(*pods, specs=specs))["wish-without-effect"]
    assert made.severity is Severity.WARNING
    assert made.what == "annotations of 2 pods ask for a placement, and no kubelet reads them"
    assert made.evidence == (
        "default/b kubernetes.io/topology-policy=single-numa-node: it is on NUMA nodes 0-1",
        "default/a kubernetes.io/topology-policy=single-numa-node: it is on NUMA node 0",
    )


def test_annotations_that_came_true_by_themselves_are_a_note() -> None:
    kubelet = picture(listed("a", container(cpus="2")), specs=[wishing("a", "single-numa-node")])
    assert found(kubelet)["wish-without-effect"].severity is Severity.NOTE
