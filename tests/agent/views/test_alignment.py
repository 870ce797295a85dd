"""`numascope pods`: its table, what it points at, and its plain form."""

from __future__ import annotations

from dataclasses import replace

from agent.alignment.model import Alignment
from agent.views.alignment import alignment_page, chosen_pods, plain_alignment
from collectors.model.cgroup import HugePagesByNode
from collectors.model.kubelet import ClaimAllocation, ClaimedDevice
from collectors.model.pod import NUMA_NODE_WISH, TOPOLOGY_POLICY_WISH
from tests.agent.alignment.building import align, by_node, cgroup, machine, runs
from tests.agent.placement.building import CONFIG, block, container, device, listed, picture, spec
from tests.agent.placement.test_device_nodes import FAR, FUNCTIONS
from tests.agent.views.machines import printed

GIB = 1 << 30
TRAINER = listed(
    "trainer",
    container(
        cpus="2-3",
        memory=[block(4 * GIB, 0), block(GIB, 0, kind="hugepages-2Mi")],
        devices=[device("g0", 0), device("g1", 0), device("n", resource="example.com/nic")],
    ),
)
ALIGNMENT = align(
    picture(
        TRAINER,
        listed("web", container()),
        specs=[spec("trainer", runs("t")), spec("web", runs("w"), qos="Burstable")],
    ),
    replace(
        cgroup("t", "2-3", "0", pages=(3 * GIB, GIB)),
        hugepages=(HugePagesByNode(page_size_bytes=2 << 20, by_node=by_node(GIB, 0)),),
    ),
    cgroup("w", "0-15", pages=(0, 0)),
)


def lines(alignment: Alignment, *, wide: bool = False) -> list[str]:
    return printed(alignment_page(alignment, wide=wide))


def cells(alignment: Alignment, row: str, *, wide: bool = False) -> dict[str, str]:
    """A row of the table by its header."""
    table = next(
        section.content
        for section in alignment_page(alignment, wide=wide)
        if hasattr(section.content, "rows") and hasattr(section.content, "header")
    )
    found = next(each for each in table.rows if each[0] == row)
    return dict(zip(table.header, found, strict=True))


def test_a_row_says_what_a_container_holds_and_where() -> None:
    assert cells(ALIGNMENT, "default/trainer/app") == {
        "container": "default/trainer/app",
        "CPUs": "2-3 (one core)",
        "memory": "4 GiB on 0, 1 GiB hugepages-2Mi on 0",
        "devices": "2 example.com/gpu on 0, 1 example.com/nic on ?",
        "NUMA nodes": "0",
        "aligned": "?",
        "cpuset": "same",
        "remote memory": "20%",
    }


def test_a_container_that_shares_holds_nothing() -> None:
    assert list(cells(ALIGNMENT, "default/web/app").values()) == [
        "default/web/app", "shared", "-", "-", "-", "-", "stale", "-",
    ]  # fmt: skip


def test_the_wide_form_has_cgroups_pages_and_addresses() -> None:
    found = cells(ALIGNMENT, "default/trainer/app", wide=True)
    assert list(found.values())[8:] == [
        "Guaranteed", "2-3", "0", "3 GiB on 0, 1 GiB on 1; hugepages-2Mi 1 GiB on 0, 0 B on 1", "-",
    ]  # fmt: skip


def test_a_pod_of_several_containers_has_a_row_of_its_own() -> None:
    held = listed("p", container("one", cpus="2"), container("two", cpus="8"), memory=[block(GIB, 1)])
    found = cells(align(picture(held)), "default/p", wide=True)
    assert list(found.values()) == [
        "default/p", "", "1 GiB on 1", "-", "0-1", "no: several sockets, distance 21", "", "", "-", "", "", "", "",
    ]  # fmt: skip


def test_a_claimed_device_is_shown_with_its_address() -> None:
    device = ClaimedDevice(driver="gpu.example.com", pool="node", device=FAR)
    held = replace(container(), claims=(ClaimAllocation(namespace="n", name="c", devices=(device,)),))
    alignment = align(picture(listed("p", held)), of=machine(pci=FUNCTIONS))
    found = cells(alignment, "default/p/app", wide=True)
    assert (found["devices"], found["PCI addresses"]) == ("1 gpu.example.com on 1", FAR)


def test_the_head_says_under_which_policies() -> None:
    assert lines(ALIGNMENT)[:4] == [
        "topology manager  single-numa-node, container scope",
        "CPU manager       static",
        "memory manager    Static",
        "cgroups           version 2",
    ]
    assert lines(Alignment())[:6] == [
        "topology manager  unknown",
        "CPU manager       unknown",
        "memory manager    unknown",
        "cgroups           not in sight",
        "",
        "no pods hold anything here",
    ]


def after(title: str, alignment: Alignment) -> list[str]:
    found = lines(alignment)
    return found[found.index(title) + 1 :]


def test_what_is_not_as_it_could_be_is_pointed_at() -> None:
    apart = listed("p", container(cpus="2", memory=[block(1, 1)]))
    pod = replace(
        spec("p", runs("c")),
        annotations=(
            (NUMA_NODE_WISH, "0"),
            (TOPOLOGY_POLICY_WISH, "best-effort"),
        ),
    )
    found = after("to look at", align(picture(apart, specs=[pod]), cgroup("c", "2-3", "0")))
    memory = "memory of NUMA node 0 in its cgroup, 1 by the kubelet"
    unsure = "it is on NUMA nodes 0-1; whether fewer would have done is not known"
    annotation = " (no kubelet reads this annotation)"
    assert [line.removesuffix(annotation) for line in found] == [
        "default/p/app is not on one NUMA node: cpu on 0, memory on 1",
        f"default/p/app differs: CPUs 2-3 in its cgroup, 2 by the kubelet; {memory}",
        "default/p asks in vain for cpu-set.kubernetes.io/numa-node=0: it is on NUMA nodes 0-1",
        f"default/p asks for kubernetes.io/topology-policy=best-effort: {unsure}",
    ]
    assert [line.endswith(annotation) for line in found] == [False, False, True, True]


def test_memory_of_other_nodes_alone_is_pointed_at() -> None:
    held = listed("p", container(cpus="2", memory=[block(1, 0)]))
    alignment = align(picture(held, specs=[spec("p", runs("c"))]), cgroup("c", "2", "0-1"))
    assert after("to look at", alignment) == [
        "default/p/app differs: memory of NUMA nodes 0-1 in its cgroup, 0 by the kubelet"
    ]


def test_a_wish_that_came_true_is_no_warning() -> None:
    pod = replace(spec("trainer", runs("t")), annotations=((NUMA_NODE_WISH, "0"),))
    alignment = align(picture(TRAINER, specs=[pod]), cgroup("t", "2-3", "0"))
    assert after("to look at", alignment) == [
        "default/trainer asks for cpu-set.kubernetes.io/numa-node=0: it is on NUMA node 0 (no kubelet reads this annotation)"
    ]


def test_cpus_of_others_are_named_where_the_pool_is_not_certain() -> None:
    kubelet = picture(
        TRAINER, listed("web", container()), specs=[spec("web", runs("w"), qos="Burstable")], config=None
    )
    assert after("to look at", align(kubelet, cgroup("w", "2-15")))[0] == (
        "default/web/app stale: CPUs 2-15 in its cgroup, of which 2-3 are somebody's own"
    )


def test_what_is_not_known_comes_last() -> None:
    assert after("not known", align(picture(TRAINER)))[0].startswith("the containers' cgroups, which only")


def test_a_cpuset_without_a_verdict_is_a_question_mark() -> None:
    off = replace(CONFIG, cpu_manager_policy="none", memory_manager_policy="None")
    kubelet = picture(listed("p", container()), specs=[spec("p", runs("c"))], config=off)
    assert cells(align(kubelet, cgroup("c", "0-15")), "default/p/app")["cpuset"] == "?"


def test_apart_at_no_known_level_is_just_apart() -> None:
    held = listed("p", container(memory=[block(1, 0, 1)]))
    plain = align(picture(held), of=replace(machine(), cpus=replace(machine().cpus, facts=None)))
    assert cells(plain, "default/p/app")["aligned"] == "no: distance 21"


def test_programs_get_every_field() -> None:
    plain = plain_alignment(ALIGNMENT)
    assert (plain["api_version"], plain["kind"], plain["cgroup_version"]) == (
        "numascope.dev/v1",
        "Alignment",
        2,
    )
    (app,) = plain["pods"][0]["containers"]
    assert app["parts"][0] == {
        "resource": "cpu",
        "amount": 2,
        "nodes": "0",
        "source": "kubelet",
        "cpus": "2-3",
        "devices": [],
        "claim": None,
        "pci_addresses": [],
    }
    assert app["cpuset"]["verdict"] == "same"
    assert app["pages"]["remote_share"] == 0.2
    assert app["pages"]["by_node"] == [{"node": 0, "bytes": 3 * GIB}, {"node": 1, "bytes": GIB}]


def test_pods_are_chosen_by_namespace_and_name() -> None:
    assert [pod.name for pod in chosen_pods(ALIGNMENT, namespace=None, names=["web"]).pods] == ["web"]
    assert chosen_pods(ALIGNMENT, namespace="other", names=[]).pods == ()
    assert chosen_pods(ALIGNMENT, namespace="default", names=[]) == ALIGNMENT
