from __future__ import annotations

import dataclasses

import pytest

from agent.admission.cpus.manager import NoCpus
from agent.admission.model import AllocationError, Hint, Machine, NeverAnswersError
from collectors.parse import format_id_list
from tests.agent.admission.cpus.builders import (
    ANYWHERE,
    MANAGERS,
    admit,
    app,
    books,
    held,
    hints_for_cpus,
    init,
    irregular,
    machine,
    pod,
    shared,
    sidecar,
    static,
)

TWO_SOCKETS = machine(sockets=2, cores=4)  # node 0: 0-3,8-11; node 1: 4-7,12-15
ON_NODE_1 = Hint(0b10, True)


class TestReservedCpus:
    def test_by_number_they_are_the_lowest_whole_cores(self) -> None:
        assert static(TWO_SOCKETS, reserved=2).reserved == {0, 8}
        assert static(TWO_SOCKETS, reserved=3).reserved == {0, 1, 8}

    def test_by_number_they_follow_the_options_for_containers(self) -> None:
        assert static(TWO_SOCKETS, reserved=2, distribute_cpus_across_cores=True).reserved == {0, 1}

    def test_by_list_they_are_that_list(self) -> None:
        assert static(TWO_SOCKETS, reserved="0,5").reserved == {0, 5}

    def test_more_than_the_machine_has_are_all_it_has(self) -> None:
        assert len(static(TWO_SOCKETS, reserved=17).reserved) == 16

    def test_of_a_machine_whose_cpus_are_unknown_there_are_none(self) -> None:
        nothing = Machine(cpus=(), numa_nodes=())
        manager = static(nothing, reserved=1, full_pcpus_only=True, distribute_cpus_across_numa=True)
        assert manager.reserved == frozenset()

    def test_they_stay_in_the_shared_pool_unless_the_reservation_is_strict(self) -> None:
        assert len(static(TWO_SOCKETS, reserved=2).untouched_pool) == 16
        strict = static(TWO_SOCKETS, reserved=2, strict_cpu_reservation=True)
        assert format_id_list(strict.untouched_pool) == "1-7,9-15"

    def test_nobody_gets_them(self) -> None:
        manager = static(machine(cores=2), reserved="0")
        after = admit(manager, books(manager), pod(app(3)))
        assert held(after) == "1-3"
        assert shared(after) == "0"


class TestHints:
    def test_a_container_in_the_shared_pool_has_no_wish(self) -> None:
        manager = static(TWO_SOCKETS)
        half = pod(app(0.5))
        assert manager.hints(books(manager), half, half.containers[0]) == {}
        assert manager.pod_hints(books(manager), half) == {}

    def test_a_container_wants_nodes_with_enough_unreserved_cpus(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        eight = pod(app(8))
        found = hints_for_cpus(manager.hints(books(manager), eight, eight.containers[0]))
        assert found == {0b10: True, 0b11: False}

    def test_a_container_that_has_its_cpus_wants_the_nodes_it_is_on(self) -> None:
        manager = static(TWO_SOCKETS)
        again = pod(app(2))
        found = manager.hints(books("0-3", cpus={("pod", "app"): "4,12"}), again, again.containers[0])
        assert hints_for_cpus(found) == {0b10: True, 0b11: False}

    def test_a_container_that_has_another_number_than_it_asks_for_fits_nowhere(self) -> None:
        manager = static(TWO_SOCKETS)
        grown = pod(app(3))
        before = books("0-3", cpus={("pod", "app"): "4,12"})
        assert manager.hints(before, grown, grown.containers[0]) == {"cpu": ()}
        assert manager.pod_hints(before, grown) == {"cpu": ()}

    def test_a_container_wants_the_nodes_of_cpus_that_its_init_container_leaves(self) -> None:
        manager = static(TWO_SOCKETS)
        later = pod(init(2), app(4))
        before = books("0-3,5-11,13-15", cpus={("pod", "init"): "4,12"}, reusable={"pod": "4,12"})
        found = manager.hints(before, later, later.containers[1])
        assert hints_for_cpus(found) == {0b10: True, 0b11: False}

    def test_a_pod_wants_what_its_containers_need_at_a_time(self) -> None:
        manager = static(TWO_SOCKETS)
        found = manager.pod_hints(books(manager), pod(init(8), sidecar(2), app(4)))
        assert hints_for_cpus(found) == {0b10: True, 0b11: False}

    def test_a_pod_that_has_all_its_cpus_wants_the_nodes_it_is_on(self) -> None:
        manager = static(TWO_SOCKETS)
        both = pod(app(1, "a"), app(1, "b"))
        before = books("0-3", cpus={("pod", "a"): "4", ("pod", "b"): "12"})
        assert hints_for_cpus(manager.pod_hints(before, both)) == {0b10: True, 0b11: False}

    def test_a_pod_that_has_some_of_its_cpus_wants_their_nodes_too(self) -> None:
        manager = static(TWO_SOCKETS)
        both = pod(app(1, "a"), app(1, "b"))
        before = books("0-3,5-15", cpus={("pod", "a"): "4"})
        assert hints_for_cpus(manager.pod_hints(before, both)) == {0b10: True, 0b11: False}

    def test_with_align_by_socket_the_nodes_of_a_socket_are_preferred_together(self) -> None:
        four_nodes = machine(sockets=2, nodes=4, cores=2, threads=1)
        manager = static(four_nodes, reserved="0", align_by_socket=True)
        two = pod(app(2))
        found = hints_for_cpus(manager.hints(books(manager), two, two.containers[0]))
        assert found[0b1100]
        assert not found[0b0110]


class TestAllocate:
    def test_cpus_come_from_the_hints_nodes_and_leave_the_shared_pool(self) -> None:
        manager = static(TWO_SOCKETS)
        after = admit(manager, books(manager), pod(app(4)), ON_NODE_1)
        assert held(after) == "4-5,12-13"
        assert shared(after) == "0-3,6-11,14-15"

    def test_what_the_hints_nodes_lack_comes_from_elsewhere(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        after = admit(manager, books("0-5"), pod(app(4)), ON_NODE_1)
        assert held(after) == "1-2,4-5"

    def test_a_container_in_the_shared_pool_changes_nothing(self) -> None:
        manager = static(TWO_SOCKETS)
        before = books(manager)
        assert admit(manager, before, pod(app(0.5))) is before

    def test_the_number_in_a_shortage_is_what_was_missing_in_the_end(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        with pytest.raises(AllocationError) as caught:
            admit(manager, books("0-5"), pod(app(8)), ON_NODE_1)
        assert caught.value.reason == "UnexpectedAdmissionError"
        assert str(caught.value) == (
            "Allocate failed due to not enough cpus available to satisfy request: requested=6, available=3,"
            " which is unexpected"
        )

    def test_with_align_by_socket_the_hints_socket_is_used_up_first(self) -> None:
        four_nodes = machine(sockets=2, nodes=4, cores=2, threads=1)
        manager = static(four_nodes, reserved="0", align_by_socket=True)
        after = admit(manager, books(manager), pod(app(3)), Hint(0b0100, True))
        assert held(after) == "4-6"

    def test_prefer_align_cpus_by_uncorecache_keeps_a_container_in_one_cache(self) -> None:
        manager = static(
            machine(cores=8, threads=1, caches=2), reserved="0-1", prefer_align_cpus_by_uncorecache=True
        )
        assert held(admit(manager, books(manager), pod(app(3)))) == "4-6"

    def test_distribute_cpus_across_numa_shares_evenly(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0,8", distribute_cpus_across_numa=True, full_pcpus_only=True)
        assert held(admit(manager, books(manager), pod(app(12)), Hint(0b11, True))) == "1-6,9-14"

    def test_a_container_that_has_its_cpus_keeps_them(self) -> None:
        manager = static(TWO_SOCKETS)
        before = books("0-3", cpus={("pod", "app"): "4,12"})
        after = admit(manager, before, pod(app(2)))
        assert (held(after), shared(after)) == ("4,12", "0-3")


class TestInitContainers:
    def test_an_app_container_gets_the_cpus_of_the_init_container_before_it(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        after = admit(manager, books(manager), pod(init(2), app(2)), ON_NODE_1)
        assert held(after, container="init") == held(after) == "4,12"

    def test_what_an_app_container_needs_less_than_its_init_container_stays_taken(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        after = admit(manager, books(manager), pod(init(4), app(2)), ON_NODE_1)
        assert held(after) == "4,12"
        assert shared(after) == "0-3,6-11,14-15"
        assert after.reusable_cpus == {"pod": {5, 13}}

    def test_a_second_app_container_does_not_get_what_the_first_has(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        after = admit(manager, books(manager), pod(init(2), app(2, "a"), app(2, "b")), ON_NODE_1)
        assert (held(after, container="a"), held(after, container="b")) == ("4,12", "5,13")

    def test_a_sidecar_keeps_its_cpus(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0")
        after = admit(manager, books(manager), pod(sidecar(2), app(2)), ON_NODE_1)
        assert (held(after, container="sidecar"), held(after)) == ("4,12", "5,13")

    def test_what_another_pod_left_to_itself_is_forgotten(self) -> None:
        manager = static(TWO_SOCKETS)
        after = admit(manager, books(manager, reusable={"other": "3"}), pod(init(1)))
        assert set(after.reusable_cpus) == {"pod"}


class TestWholeCores:
    def test_a_request_of_half_a_core_is_refused(self) -> None:
        manager = static(TWO_SOCKETS, full_pcpus_only=True)
        with pytest.raises(AllocationError) as caught:
            admit(manager, books(manager), pod(app(3)))
        assert caught.value.reason == "SMTAlignmentError"
        assert str(caught.value) == "SMT Alignment Error: requested 3 cpus not multiple cpus per core = 2"

    def test_a_request_that_only_the_siblings_of_reserved_cpus_could_fill_is_refused(self) -> None:
        manager = static(machine(cores=2), reserved="0", full_pcpus_only=True)
        with pytest.raises(AllocationError) as caught:
            admit(manager, books("0-2"), pod(app(2)))
        assert caught.value.reason == "SMTAlignmentError"
        assert str(caught.value) == (
            "SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 1, requested CPUs = 2, "
            "CPUs per core = 2"
        )

    def test_a_request_of_whole_cores_is_met(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", full_pcpus_only=True)
        assert held(admit(manager, books(manager), pod(app(4)))) == "1-2,9-10"

    def test_a_container_that_has_half_a_core_already_keeps_it(self) -> None:
        manager = static(TWO_SOCKETS, full_pcpus_only=True)
        before = books("0-3", cpus={("pod", "app"): "4"})
        assert held(admit(manager, before, pod(app(1)))) == "4"

    def test_distributed_over_nodes_with_half_a_core_the_kubelet_never_answers(self) -> None:
        manager = static(
            machine(sockets=4, cores=3),
            reserved="0,3,6-7,9",
            full_pcpus_only=True,
            distribute_cpus_across_numa=True,
        )
        with pytest.raises(NeverAnswersError):
            admit(manager, books(manager), pod(app(14)), Hint(0b1111, True))


class TestForget:
    def test_the_cpus_of_pods_that_are_gone_return_to_the_shared_pool(self) -> None:
        manager = static(TWO_SOCKETS)
        one = admit(manager, books(manager), pod(init(4), app(2), uid="one"))
        both = admit(manager, one, pod(app(2), uid="two"))
        after = manager.forget(both, frozenset({"two"}))
        assert {uid for uid, _ in after.cpus} == {"two"}
        assert after.shared_cpus == manager.untouched_pool - both.cpus["two", "app"]

    def test_nothing_changes_while_all_live(self) -> None:
        manager = static(TWO_SOCKETS)
        before = admit(manager, books(manager), pod(app(2)))
        assert manager.forget(before, frozenset({"pod"})) is before


class TestPodsAsAWhole:
    def test_they_run_in_the_shared_pool_where_they_are_not_managed(self) -> None:
        manager = static(TWO_SOCKETS)
        whole = pod(app(2), cpus=4)
        before = books(manager)
        assert manager.hints(before, whole, whole.containers[0]) == {}
        assert manager.pod_hints(before, whole) == {}
        assert admit(manager, before, whole) is before

    def test_one_at_a_time_their_containers_get_cpus_like_others(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", gates=MANAGERS)
        assert held(admit(manager, books(manager), pod(app(2), cpus=4), ON_NODE_1)) == "4,12"

    def test_their_cpus_are_taken_together_and_then_divided(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", gates=MANAGERS)
        whole = pod(init(4), sidecar(2), app(2, "own"), app(0.5, "sharing"), cpus=6)
        after = manager.allocate_pod(books(manager), whole, ON_NODE_1)
        assert format_id_list(after.pod_cpus["pod"]) == "4-6,12-14"
        assert held(after, container="init") == "4-5,12-13"
        assert held(after, container="sidecar") == "4,12"
        assert held(after, container="own") == "5,13"
        assert held(after, container="sharing") == "6,14"
        assert shared(after) == "0-3,7-11,15"

    def test_an_init_container_without_cpus_of_its_own_has_all_but_those_of_sidecars_before_it(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", gates=MANAGERS)
        whole = pod(sidecar(2), init(0.5), sidecar(0.5, "late"), app(1), cpus=4)
        after = manager.allocate_pod(books(manager), whole, ON_NODE_1)
        assert held(after, container="init") == "5,13"
        assert held(after, container="late") == "13"

    def test_their_hints_are_for_what_they_ask_for_as_a_whole(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", gates=MANAGERS)
        found = manager.pod_hints(books(manager), pod(app(1), cpus=8))
        assert hints_for_cpus(found) == {0b10: True, 0b11: False}

    def test_with_nothing_to_share_they_fit_nowhere_and_are_refused(self) -> None:
        manager = static(TWO_SOCKETS, gates=MANAGERS)
        whole = pod(app(4, "all"), app(0.5, "sharing"), cpus=4)
        assert manager.pod_hints(books(manager), whole) == {"cpu": ()}
        with pytest.raises(AllocationError) as caught:
            manager.allocate_pod(books(manager), whole, ON_NODE_1)
        assert caught.value.reason == "EmptyPodSharedPoolError"
        assert str(caught.value).startswith("pod rejected, sum of exclusive container cpu requests")

    def test_a_fraction_as_a_whole_leaves_them_in_the_shared_pool(self) -> None:
        manager = static(TWO_SOCKETS, gates=MANAGERS)
        before = books(manager)
        assert manager.allocate_pod(before, pod(app(1), cpus=2.5), ANYWHERE) is before

    def test_containers_that_ask_for_more_than_the_pod_leave_its_cpus_taken_for_ever(self) -> None:
        manager = static(TWO_SOCKETS, reserved="0", gates=MANAGERS)
        with pytest.raises(AllocationError) as caught:
            manager.allocate_pod(books(manager), pod(app(4), cpus=2), ON_NODE_1)
        assert caught.value.books is not None
        assert manager.forget(caught.value.books, frozenset()).pod_cpus == {"pod": {4, 12}}

    def test_all_their_cpus_return_when_they_are_gone(self) -> None:
        manager = static(TWO_SOCKETS, gates=MANAGERS)
        taken = manager.allocate_pod(books(manager), pod(app(1), cpus=4), ON_NODE_1)
        after = manager.forget(taken, frozenset())
        assert after.shared_cpus == manager.untouched_pool
        assert (after.cpus, after.pod_cpus) == ({}, {})


class TestOlderKubelets:
    def test_before_1_37_a_container_that_has_half_a_core_is_refused_after_a_restart(self) -> None:
        manager = static(TWO_SOCKETS, full_pcpus_only=True, version=(1, 36))
        with pytest.raises(AllocationError) as caught:
            admit(manager, books("0-3", cpus={("pod", "app"): "4"}), pod(app(1)))
        assert caught.value.reason == "SMTAlignmentError"

    def test_1_31_gives_the_wrong_reason_where_no_core_is_free(self) -> None:
        for version, words in (
            ((1, 31), "requested 2 cpus not multiple cpus per core = 2"),
            ((1, 32), "not enough free physical CPUs: available physical CPUs = 0,"),
        ):
            manager = static(machine(cores=2), reserved="0", full_pcpus_only=True, version=version)
            with pytest.raises(AllocationError) as caught:
                admit(manager, books("0"), pod(app(2)))
            assert words in str(caught.value)

    @pytest.mark.parametrize(
        ("version", "gates", "passed_over"),
        [
            ((1, 33), ("PodLevelResources",), False),
            ((1, 34), ("PodLevelResources",), True),
            ((1, 35), (), False),
            ((1, 36), (), True),
        ],
    )
    def test_pods_as_a_whole_were_not_always_passed_over(
        self, version: tuple[int, int], gates: tuple[str, ...], passed_over: bool
    ) -> None:
        manager = static(TWO_SOCKETS, gates=gates, version=version)
        whole = pod(app(2), cpus=4)
        assert (manager.hints(books(manager), whole, whole.containers[0]) == {}) is passed_over
        assert (manager.pod_hints(books(manager), whole) == {}) is passed_over
        assert (admit(manager, books(manager), whole).cpus == {}) is passed_over


class TestPolicyNone:
    def test_nobody_wishes_or_gets_anything(self) -> None:
        manager = NoCpus()
        two = pod(app(2), cpus=2)
        before = books("0-15")
        assert manager.hints(before, two, two.containers[0]) == manager.pod_hints(before, two) == {}
        assert manager.allocate(before, two, two.containers[0], ANYWHERE) is before
        assert manager.allocate_pod(before, two, ANYWHERE) is before
        assert manager.forget(before, frozenset()) is before


def test_uneven_cores_may_give_a_cpu_to_two_containers() -> None:
    manager = static(
        irregular(
            (0, 0, 0, 0), (1, 0, 0, 0), (2, 2, 0, 0), (3, 2, 0, 0), (4, 4, 0, 0), (5, 5, 0, 0), (6, 6, 0, 0)
        ),
        reserved="6",
    )
    before = dataclasses.replace(books("1,6"), cpus={("other", "app"): frozenset({0})})
    with pytest.raises(AllocationError):
        admit(manager, before, pod(app(2)))
