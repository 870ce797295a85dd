"""What doctor finds, by its checks; and how findings are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.views.doctor import diagnose, findings_page, is_wrong, plain_findings, worst_first
from agent.views.doctor_model import Examined, Finding, Severity, some
from collectors.model import HugePagePool, NumaTopology, Observed, PcieLink, Problem, Snapshot
from collectors.model.kubelet import (
    Allocatable,
    KubeletCheckpoints,
    MemoryBlock,
    MemoryManagerState,
    MemoryNode,
    MemoryTable,
)
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import ContainerRole, ContainerState, PodContainer
from tests.agent.placement.recorded import Recording, snapshot_of
from tests.agent.placement.test_recorded import OURS
from tests.agent.views.kubelets import CONFIG, GPU, POOL, devices, holds, on_two_nodes, picture, spec
from tests.agent.views.machines import GIB, function, ids, node, numa, printed, snapshot

MIB = 1 << 20


def found(examined: Examined | Snapshot) -> dict[str, Finding]:
    """By their check."""
    if isinstance(examined, Snapshot):
        examined = Examined(snapshot=examined)
    return {each.check: each for each in diagnose(examined)}


def on_nodes(*numbers: int, **options: str) -> Snapshot:
    """A machine of such NUMA nodes, whose topology manager has these options."""
    chosen = tuple(sorted((key.replace("_", "-"), value) for key, value in options.items()))
    kubelet = picture(config=replace(CONFIG, topology_manager_options=chosen))
    memory = numa(*(node(number, ids(number, number)) for number in numbers))
    return replace(snapshot(memory=memory), kubelet=kubelet)


def with_pages(total: int) -> NumaTopology:
    """Two nodes with that many hugepages of 2 MiB on node 0."""
    pool = HugePagePool(page_size_bytes=2 * MIB, total=total)
    return numa(node(0, ids(0, 3), hugepages=(pool,)), node(1, ids(4, 7)))


def counting(pages: int) -> Allocatable:
    """A kubelet that counted that many of them."""
    block = MemoryBlock(type="hugepages-2Mi", size_bytes=pages * 2 * MIB, numa_nodes=frozenset({0}))
    return replace(POOL, memory=(*POOL.memory, block))


# A machine, and what is right


def test_a_node_where_all_is_well_has_notes_only() -> None:
    findings = diagnose(Examined(snapshot=on_two_nodes(picture(holds("p", cpus=[1], memory=[(0, GIB)])))))
    assert [(each.check, each.severity) for each in findings] == [("policies", Severity.NOTE)]
    assert not is_wrong(findings)


@pytest.mark.parametrize("recording", OURS, ids=lambda recording: str(recording.name))
def test_a_real_kubelet_that_works_is_found_to(recording: Recording) -> None:
    for kubelet in (recording.picture, replace(recording.picture, checkpoints=None)):
        findings = diagnose(Examined(snapshot=snapshot_of(recording.numa, kubelet)))
        assert [found for found in findings if found.severity is Severity.ERROR] == []


def test_a_machine_without_a_kubelet_says_why() -> None:
    alone = Examined(snapshot=snapshot(memory=numa(node(0, ids(0, 3)))), no_kubelet="no such socket")
    assert found(alone)["no-kubelet"].evidence == ("no such socket",)


def test_a_subject_that_failed_and_files_that_could_not_be_read_are_named() -> None:
    problems = tuple(Problem(path=f"/sys/{number}", reason="broken") for number in range(10))
    machine = replace(
        snapshot(memory=numa(node(0, ids(0, 3)))),
        pci=Observed(error="/sys/bus/pci: I/O error"),
        devices=Observed(problems=problems),
    )
    findings = found(machine)
    assert findings["subject-unreadable"].what == "pci could not be read as a whole"
    evidence = findings["files-unreadable"].evidence
    assert (evidence[0], evidence[-1], len(evidence)) == ("/sys/0: broken", "and 2 more", 9)


def test_a_narrow_link_is_degraded_and_a_slow_one_is_not() -> None:
    narrow = PcieLink(speed_gts=16.0, max_speed_gts=16.0, width=8, max_width=16)
    slow = PcieLink(speed_gts=2.5, max_speed_gts=16.0, width=16, max_width=16)
    machine = snapshot(
        memory=numa(node(0, ids(0, 3))),
        pci=(
            function("0000:3b:00.0", 0x030200, link=narrow),
            function("0000:3c:00.0", 0x030200, link=slow),
            function("0000:3d:00.0", 0x030200),
        ),
    )
    assert found(machine)["links-degraded"].evidence == ("0000:3b:00.0 (x8 of x16)",)


def test_zones_that_no_scheduler_can_take_are_named() -> None:
    machine = snapshot(memory=numa(node(0, ids(0, 3)), node(64, ids(4, 7)), node(65)))
    assert found(machine)["zones-left-out"].what == "NUMA nodes 64-65 cannot be published"


# The kubelet's configuration


def test_more_numa_nodes_than_the_kubelet_takes_is_an_error() -> None:
    finding = found(on_nodes(*range(9)))["too-many-numa-nodes"]
    assert finding.what == "the kubelet does not start with 9 NUMA nodes: it takes 8"
    assert is_wrong([finding])
    assert "too-many-numa-nodes" not in found(on_nodes(*range(9), max_allowable_numa_nodes="9"))


def test_where_options_are_unknown_many_numa_nodes_are_a_question() -> None:
    machine = on_nodes(*range(9))
    assert machine.kubelet is not None
    config = Observed(facts=replace(CONFIG, source=ConfigSource.SETTINGS))
    finding = found(replace(machine, kubelet=replace(machine.kubelet, config=config)))["too-many-numa-nodes"]
    assert finding.severity is Severity.WARNING


def test_gaps_between_ids_are_an_error_with_the_option_that_cannot_stand_them() -> None:
    assert found(on_nodes(0, 2, prefer_closest_numa_nodes="true"))["sparse-ids"].evidence == (
        "NUMA nodes 0,2",
    )
    assert "sparse-ids" not in found(on_nodes(0, 1, prefer_closest_numa_nodes="true"))
    assert "sparse-ids" not in found(on_nodes(0, 2, prefer_closest_numa_nodes="false"))


@pytest.mark.parametrize(
    ("policy", "severity"), [("restricted", Severity.ERROR), ("single-numa-node", Severity.WARNING)]
)
def test_single_numa_node_never_compares_sets_of_nodes_and_so_does_not_panic(
    policy: str, severity: Severity
) -> None:
    machine = on_nodes(0, 2, prefer_closest_numa_nodes="true")
    assert machine.kubelet is not None
    config = machine.kubelet.config.facts
    assert config is not None
    other = replace(config, topology_manager_policy=policy)
    findings = found(replace(machine, kubelet=replace(machine.kubelet, config=Observed(facts=other))))
    assert findings["sparse-ids"].severity is severity


def test_a_topology_manager_that_is_off_stands_everything_and_aligns_nothing() -> None:
    machine = on_nodes(*range(9))
    assert machine.kubelet is not None
    off = replace(CONFIG, topology_manager_policy="none", cpu_manager_policy="none")
    findings = found(replace(machine, kubelet=replace(machine.kubelet, config=Observed(facts=off))))
    assert "topology-manager-off" in findings
    assert not {"too-many-numa-nodes", "cpu-manager-off"} & findings.keys()


def test_an_alignment_without_a_cpu_manager_is_none() -> None:
    config = replace(CONFIG, cpu_manager_policy="none")
    assert "cpu-manager-off" in found(on_two_nodes(picture(config=config)))


def test_policies_are_told_with_their_source_and_what_was_passed_over() -> None:
    config = KubeletConfig(
        source=ConfigSource.FILE,
        topology_manager_policy="restricted",
        topology_manager_scope="pod",
        cpu_manager_options=(("full-pcpus-only", "true"),),
        defaulted=("topologyManagerScope",),
    )
    seen = Observed(facts=config, problems=(Problem(path="/configz", reason="forbidden"),))
    finding = found(on_two_nodes(replace(picture(), config=seen)))["policies"]
    assert finding.what == "policies are from the kubelet's file, which its flags may override"
    assert finding.evidence == (
        "topology manager restricted, scope pod, CPU manager unknown, memory manager unknown; full-pcpus-only=true",
        "left out of the file, so the default: topologyManagerScope",
        "/configz: forbidden",
    )


def test_policies_that_nobody_tells_are_a_warning() -> None:
    seen: Observed[KubeletConfig] = Observed(problems=(Problem(path="/configz", reason="not asked"),))
    finding = found(on_two_nodes(replace(picture(), config=seen)))["policies-unknown"]
    assert (finding.severity, finding.evidence) == (Severity.WARNING, ("/configz: not asked",))


# Memory


def test_pods_that_ask_for_memory_that_nobody_binds_are_named() -> None:
    config = replace(CONFIG, memory_manager_policy="None")
    pods = [
        spec("asks", requests=(("cpu", 1000), ("memory", GIB))),
        spec("ended", phase="Succeeded", requests=(("memory", GIB),)),
        spec("burstable", qos="Burstable", requests=(("memory", GIB),)),
    ]
    finding = found(on_two_nodes(picture(pods=pods, config=config)))["memory-manager-off"]
    assert finding.what == "the memory manager is off, and 1 Guaranteed pod asked for memory"
    assert finding.evidence[0] == "default/asks"


def test_pods_without_memory_of_their_own_need_no_memory_manager() -> None:
    config = replace(CONFIG, memory_manager_policy="None")
    pods = [spec("burstable", qos="Burstable", requests=(("memory", GIB),))]
    assert "memory-manager-off" not in found(on_two_nodes(picture(pods=pods, config=config)))


def test_a_kubelet_that_gives_no_memory_from_nodes_has_counted_no_hugepages() -> None:
    kubelet = picture(pool=replace(POOL, memory=()))
    assert "hugepages-changed" not in found(replace(snapshot(memory=with_pages(512)), kubelet=kubelet))


def test_a_kubelet_on_a_machine_whose_numa_nodes_are_unknown_is_looked_at_all_the_same() -> None:
    findings = found(replace(snapshot(), kubelet=picture()))
    assert {"policies", "unknown"} <= findings.keys()


def test_without_specs_who_has_cpus_asks_for_memory_too() -> None:
    config = replace(CONFIG, memory_manager_policy="None")
    kubelet = replace(picture(holds("p", cpus=[1]), holds("q"), config=config), pods=Observed())
    assert found(on_two_nodes(kubelet))["memory-manager-off"].evidence[0] == "default/p"


@pytest.mark.parametrize("now", [256, 1024])
def test_hugepages_that_came_or_went_since_the_kubelet_started_are_an_error(now: int) -> None:
    machine = replace(snapshot(memory=with_pages(now)), kubelet=picture(pool=counting(512)))
    (line,) = found(machine)["hugepages-changed"].evidence
    assert line.startswith("hugepages-2Mi of NUMA node 0: 1 GiB for the kubelet, ")


def test_hugepages_that_the_kubelet_reserves_have_not_changed() -> None:
    config = replace(CONFIG, reserved_memory=((0, (("hugepages-2Mi", 12 * 2 * MIB),)),))
    machine = replace(snapshot(memory=with_pages(512)), kubelet=picture(pool=counting(500), config=config))
    assert "hugepages-changed" not in found(machine)


def test_the_kubelets_own_book_tells_how_many_hugepages_it_counted() -> None:
    table = MemoryTable(
        type="hugepages-2Mi", total=GIB, system_reserved=0, allocatable=GIB, reserved=0, free=GIB
    )
    book = MemoryManagerState(
        policy="Static", nodes=(MemoryNode(id=0, assignments=0, group=frozenset({0}), tables=(table,)),)
    )
    kubelet = replace(picture(pool=counting(100)), checkpoints=KubeletCheckpoints(memory=book))
    assert "hugepages-changed" not in found(replace(snapshot(memory=with_pages(512)), kubelet=kubelet))
    assert "hugepages-changed" in found(replace(snapshot(memory=with_pages(511)), kubelet=kubelet))


def test_hugepages_are_not_compared_where_the_reserve_or_their_number_is_unknown() -> None:
    settings = replace(CONFIG, source=ConfigSource.SETTINGS)
    unknown = replace(snapshot(memory=with_pages(1024)), kubelet=picture(pool=counting(512), config=settings))
    assert "hugepages-changed" not in found(unknown)
    pool = HugePagePool(page_size_bytes=2 * MIB)
    unread = numa(node(0, ids(0, 3), hugepages=(pool,)), node(1, ids(4, 7)))
    machine = replace(snapshot(memory=unread), kubelet=picture(pool=counting(512)))
    assert "hugepages-changed" not in found(machine)


# The kubelet's word


def test_state_files_that_cannot_be_used_are_named_with_what_was_expected() -> None:
    problem = Problem(path="/kubelet/cpu_manager_state", reason="expected a CPU list, found 'x'")
    finding = found(Examined(snapshot=on_two_nodes(picture()), state_problems=(problem,)))["state-file"]
    assert (finding.what, finding.evidence) == (
        "/kubelet/cpu_manager_state cannot be used",
        ("expected a CPU list, found 'x'",),
    )


def test_a_kubelet_that_does_not_answer_leaves_nothing_to_publish() -> None:
    silent = KubeletPicture(allocations=Observed(error="hangs"), allocatable=Observed(error="hangs"))
    findings = found(on_two_nodes(silent))
    assert findings["kubelet-silent"].evidence == ("hangs",)
    assert findings["unknown"].severity is Severity.ERROR


def test_a_device_without_topology_is_named_with_what_sysfs_says() -> None:
    pool = replace(POOL, devices=devices("0000:3b:00.0", "somewhere", numa_nodes=None))
    held = holds("p", cpus=[1], devices=devices("0000:3b:00.0", numa_nodes=None))
    machine = replace(
        on_two_nodes(picture(held, pool=pool)),
        pci=Observed(facts=(function("0000:3b:00.0", 0x030200, numa_node=1),)),
    )
    finding = found(machine)["devices-without-topology"]
    assert finding.what == f"2 devices of {GPU} without topology"
    assert finding.evidence[0] == "0000:3b:00.0: sysfs says NUMA node 1, somewhere: sysfs does not know it"


def test_on_one_numa_node_a_device_needs_no_topology() -> None:
    pool = replace(POOL, devices=devices("somewhere", numa_nodes=None))
    machine = replace(snapshot(memory=numa(node(0, ids(0, 7)))), kubelet=picture(pool=pool))
    assert "devices-without-topology" not in found(machine)


def test_contradictions_are_errors_with_their_holders() -> None:
    twice = [holds(name, devices=devices("gpu0", numa_nodes=[0])) for name in ("p", "q")]
    finding = found(on_two_nodes(picture(*twice)))["contradiction"]
    assert finding.what == f"{GPU}: gpu0 is held by two pods"
    assert finding.evidence == ("by 1 device", "held by default/p, default/q")


def test_what_is_concluded_of_init_containers_is_a_note() -> None:
    init = PodContainer(
        name="first",
        role=ContainerRole.INIT,
        requests=(("cpu", 3000), ("memory", 2 * GIB)),
        state=ContainerState.TERMINATED,
    )
    app = spec("p", requests=(("cpu", 1000), ("memory", GIB)))
    pod = replace(app, containers=(init, *app.containers))
    held = holds("p", cpus=[1], memory=[(0, GIB)])
    finding = found(on_two_nodes(picture(held, pods=[pod])))["concluded-init-container"]
    assert finding.severity is Severity.NOTE
    assert finding.evidence[0] == "cpu: 2 CPUs, default/p"


def test_cpus_that_are_missing_in_the_shared_pool_are_named() -> None:
    kubelet = replace(picture(holds("p", cpus=[1])), pods=Observed(), own_cpus=frozenset({0, 2, 3, 4, 5}))
    finding = found(on_two_nodes(kubelet))["concluded-unlisted-cpus"]
    assert finding.evidence == ("cpu: 2 CPUs (6-7)",)


def test_what_is_held_nobody_knows_where_is_a_warning() -> None:
    block = MemoryBlock(type="memory", size_bytes=GIB)
    held = holds("p")
    (container,) = held.containers
    lost = replace(held, containers=(replace(container, memory=(block,)),))
    finding = found(on_two_nodes(picture(lost)))["unplaced"]
    assert finding.what == "memory: 1 GiB held nobody knows on which NUMA node"


# How they are shown


def made(severity: Severity, **facts: object) -> Finding:
    return Finding(check="a-check", severity=severity, what="something", **facts)  # type: ignore[arg-type]


def test_the_worst_comes_first_and_the_rest_stays_in_order() -> None:
    note, error, other = made(Severity.NOTE), made(Severity.ERROR), made(Severity.ERROR, way_out="none")
    assert worst_first([note, error, other]) == (error, other, note)


def test_a_page_counts_then_tells_each_with_its_evidence_and_way_out() -> None:
    page = findings_page(
        (made(Severity.ERROR, evidence=("a fact",), way_out="a restart"), made(Severity.NOTE))
    )
    assert printed(page) == [
        "1 error, 1 note",
        "",
        "error: something [a-check]",
        "+-- a fact",
        "`-- way out: a restart",
        "note: something [a-check]",
    ]


def test_a_page_without_findings_says_so() -> None:
    assert printed(findings_page(())) == ["nothing found"]


def test_programs_get_every_field() -> None:
    assert plain_findings([made(Severity.WARNING)])["findings"] == [
        {
            "check": "a-check",
            "severity": "warning",
            "what": "something",
            "evidence": [],
            "way_out": None,
        }
    ]


def test_many_names_are_counted() -> None:
    assert some(range(10)) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
