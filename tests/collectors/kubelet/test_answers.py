"""The kubelet's answers, from bytes to facts."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubelet import answers
from collectors.kubelet.answers import AnswerDecoder
from collectors.kubelet.wire import podresources_pb2 as wire
from collectors.model.kubelet import (
    ClaimAllocation,
    ClaimedDevice,
    ContainerAllocation,
    DeviceAllocation,
    MemoryBlock,
)
from collectors.parse import ParseError
from tests.collectors.kubelet.recordings import Recorded, allocatable_of, json_beside, pod_of


def topology(*nodes: int) -> bytes:
    return wire.Topology(nodes=[wire.Node(id=node) for node in nodes]).SerializeToString()


def device(resource: str, *ids: str, nodes: bytes | None = None) -> bytes:
    return wire.Device(resource=resource, ids=ids, topology=nodes).SerializeToString()


def memory(kind: str, size: int, *nodes: int) -> bytes:
    return wire.Memory(type=kind, size_bytes=size, topology=topology(*nodes)).SerializeToString()


def container_of(**fields: Any) -> ContainerAllocation:
    pod = wire.Pod(name="p", namespace="n", containers=[wire.Container(name="c", **fields)])
    (container,) = AnswerDecoder().pod(wire.OnePod(pod=pod).SerializeToString()).containers
    return container


def test_a_device_on_two_nodes_is_one_device() -> None:
    entries = [device("x/nic", "a", nodes=topology(1)), device("x/nic", "a", nodes=topology(0))]
    found = container_of(devices=entries).devices
    assert found == (DeviceAllocation(resource="x/nic", device_id="a", numa_nodes=frozenset({0, 1})),)


@pytest.mark.parametrize("order", [1, -1])
def test_an_entry_without_topology_takes_nothing_from_one_with(order: int) -> None:
    entries = [device("x/nic", "a"), device("x/nic", "a", nodes=topology(3))][::order]
    assert container_of(devices=entries).devices[0].numa_nodes == frozenset({3})


def test_no_topology_an_empty_one_and_node_0_are_told_apart() -> None:
    entries = [
        device("x/gpu", "none"),
        device("x/gpu", "empty", nodes=b""),
        device("x/gpu", "zero", nodes=topology(0)),
    ]
    nodes = {each.device_id: each.numa_nodes for each in container_of(devices=entries).devices}
    assert nodes == {"none": None, "empty": frozenset(), "zero": frozenset({0})}


def test_a_node_that_cannot_be_is_passed_over_as_a_plugin_may_send_anything() -> None:
    entries = [
        device("x/gpu", "minus", nodes=topology(-1)),
        device("x/gpu", "mixed", nodes=topology(-1, 2)),
        device("x/gpu", "huge", nodes=topology(1 << 40)),
    ]
    nodes = {each.device_id: each.numa_nodes for each in container_of(devices=entries).devices}
    assert nodes == {"minus": None, "mixed": frozenset({2}), "huge": None}


def test_memory_blocks_of_the_same_type_stay_apart() -> None:
    entries = [memory("memory", 2, 1), memory("memory", 2, 0), memory("hugepages-1Gi", 7, 0, 1)]
    assert container_of(memory=entries).memory == (
        MemoryBlock(type="hugepages-1Gi", size_bytes=7, numa_nodes=frozenset({0, 1})),
        MemoryBlock(type="memory", size_bytes=2, numa_nodes=frozenset({0})),
        MemoryBlock(type="memory", size_bytes=2, numa_nodes=frozenset({1})),
    )


def test_the_order_within_an_entry_does_not_matter() -> None:
    found = [
        container_of(devices=[device("x/gpu", *ids, nodes=topology(*nodes))]).devices
        for ids, nodes in ((("a", "b"), (0, 1)), (("b", "a"), (1, 0)))
    ]
    assert found[0] == found[1]
    assert [each.device_id for each in found[0]] == ["a", "b"]


def test_claims_keep_their_devices_and_share() -> None:
    claim = wire.Claim(
        name="gpus",
        namespace="n",
        devices=[
            wire.ClaimedDevice(
                driver="d",
                pool="p",
                device="1",
                share="s",
                cdi=[wire.CdiDevice(name="b"), wire.CdiDevice(name="a")],
            ),
            wire.ClaimedDevice(driver="d", pool="p", device="0"),
        ],
    )
    assert container_of(claims=[claim]).claims == (
        ClaimAllocation(
            namespace="n",
            name="gpus",
            devices=(
                ClaimedDevice(driver="d", pool="p", device="0"),
                ClaimedDevice(driver="d", pool="p", device="1", share_id="s", cdi_devices=("a", "b")),
            ),
        ),
    )


def test_pods_of_the_same_name_are_both_kept_in_an_order_that_their_content_decides() -> None:
    one, other = wire.Pod(name="p", namespace="n", cpus=[1]), wire.Pod(name="p", namespace="n", cpus=[0])
    decoder = AnswerDecoder()
    found = [
        decoder.pods(wire.PodList(pods=pods).SerializeToString()) for pods in ([one, other], [other, one])
    ]
    assert found[0] == found[1]
    assert [pod.cpus for pod in found[0]] == [frozenset({0}), frozenset({1})]


def test_cpus_are_read_packed_and_one_by_one() -> None:
    packed, single = b"\x1a\x02\x05\x07", b"\x18\x05\x18\x07"
    pods = [wire.Container.FromString(b"\x0a\x01c" + cpus) for cpus in (packed, single)]
    assert [list(each.cpus) for each in pods] == [[5, 7], [5, 7]]


@pytest.mark.parametrize("cpu", [-1, 1 << 16, 1 << 40])
def test_a_cpu_that_cannot_be_is_malformed(cpu: int) -> None:
    with pytest.raises(ParseError, match="ids of CPUs"):
        container_of(cpus=[0, cpu])


def test_an_answer_to_get_without_a_pod_is_malformed() -> None:
    with pytest.raises(ParseError, match="a pod"):
        AnswerDecoder().pod(b"")


def test_a_damaged_entry_is_malformed() -> None:
    with pytest.raises(ParseError, match="devices of a resource"):
        container_of(devices=[b"\xff"])


def test_an_answer_of_countless_items_is_refused() -> None:
    with pytest.raises(ParseError, match="more than"):
        AnswerDecoder().pods(b"\x0a\x00" * (answers.MAX_ITEMS + 1))


def test_a_second_answer_with_the_same_content_gives_the_same_devices_again() -> None:
    data = {
        order: wire.PodList(
            pods=[
                wire.Pod(
                    name="p",
                    containers=[
                        wire.Container(
                            name="c", devices=[device("x/nic", each) for each in ("a", "b")[::order]]
                        )
                    ],
                )
            ]
        ).SerializeToString()
        for order in (1, -1)
    }
    decoder = AnswerDecoder()
    first, second = decoder.pods(data[1]), decoder.pods(data[-1])
    devices = zip(first[0].containers[0].devices, second[0].containers[0].devices, strict=True)
    assert all(one is other for one, other in devices)


def test_what_is_remembered_is_forgotten_once_it_is_mostly_not_in_use() -> None:
    decoder = AnswerDecoder()
    for turn in range(50):
        entries = [device("x/nic", f"{turn}-{each}") for each in range(100)]
        pod = wire.Pod(name="p", containers=[wire.Container(name="c", devices=entries)])
        decoder.pods(wire.PodList(pods=[pod]).SerializeToString())
    assert len(decoder._devices) < 2000


ids = st.integers(min_value=0, max_value=65_535)
names = st.sampled_from(["a", "b", "c", "Ä", ""])
topologies = st.none() | st.lists(st.integers(min_value=-2, max_value=9), max_size=3).map(
    lambda nodes: topology(*nodes)
)
device_entries = st.builds(
    lambda resource, listed, nodes: device(resource, *listed, nodes=nodes),
    names,
    st.lists(names, max_size=3),
    topologies,
)
memory_entries = st.builds(
    lambda kind, size, nodes: wire.Memory(type=kind, size_bytes=size, topology=nodes).SerializeToString(),
    names,
    st.integers(min_value=0, max_value=(1 << 64) - 1),
    topologies,
)
claims = st.builds(
    wire.Claim,
    name=names,
    namespace=names,
    devices=st.lists(
        st.builds(wire.ClaimedDevice, driver=names, device=names, share=st.none() | names), max_size=3
    ),
)
containers = st.builds(
    wire.Container,
    name=names,
    cpus=st.lists(ids, max_size=5),
    devices=st.lists(device_entries, max_size=4),
    memory=st.lists(memory_entries, max_size=3),
    claims=st.lists(claims, max_size=2),
)
pods = st.builds(
    wire.Pod,
    name=names,
    namespace=names,
    cpus=st.lists(ids, max_size=5),
    memory=st.lists(memory_entries, max_size=3),
    containers=st.lists(containers, max_size=3),
)
pod_lists = st.builds(wire.PodList, pods=st.lists(pods, max_size=5))


def shuffled(message: Message, source: random.Random) -> bytes:
    """The same message with every repeated field in another order."""
    copy = type(message).FromString(message.SerializeToString())
    _shuffle(copy, source)
    return copy.SerializeToString()


def _shuffle(message: Message, source: random.Random) -> None:
    for field, value in message.ListFields():
        if not hasattr(value, "extend"):
            continue
        items = list(value)
        source.shuffle(items)
        for item in items:
            if isinstance(item, Message):
                _shuffle(item, source)
        copies = [
            type(item).FromString(item.SerializeToString()) if isinstance(item, Message) else item
            for item in items
        ]
        message.ClearField(field.name)
        getattr(message, field.name).extend(copies)


@given(message=pod_lists, source=st.randoms(use_true_random=False))
def test_the_order_of_an_answer_does_not_matter(message: wire.PodList, source: random.Random) -> None:
    expected = AnswerDecoder().pods(message.SerializeToString())
    assert AnswerDecoder().pods(shuffled(message, source)) == expected


@given(message=pod_lists, earlier=pod_lists)
def test_what_was_decoded_before_changes_nothing(message: wire.PodList, earlier: wire.PodList) -> None:
    decoder = AnswerDecoder()
    decoder.pods(earlier.SerializeToString())
    assert decoder.pods(message.SerializeToString()) == AnswerDecoder().pods(message.SerializeToString())


CALLS: list[Callable[[AnswerDecoder, bytes], object]] = [
    AnswerDecoder.pods,
    AnswerDecoder.pod,
    AnswerDecoder.allocatable,
]


@given(data=st.binary(max_size=200), call=st.sampled_from(CALLS))
def test_any_bytes_are_facts_or_malformed(
    data: bytes, call: Callable[[AnswerDecoder, bytes], object]
) -> None:
    with contextlib.suppress(ParseError):
        hash(call(AnswerDecoder(), data))


@given(message=pod_lists, cut=st.integers(min_value=0), byte=st.integers(min_value=0, max_value=255))
def test_a_damaged_answer_is_facts_or_malformed(message: wire.PodList, cut: int, byte: int) -> None:
    data = bytearray(message.SerializeToString())
    if data:
        data[cut % len(data)] = byte
    with contextlib.suppress(ParseError):
        AnswerDecoder().pods(bytes(data))


@pytest.mark.shared
def test_every_recorded_answer_equals_its_json_form(recorded: Recorded) -> None:
    decoder = AnswerDecoder()
    for path in recorded("list.pb"):
        expected = sorted(
            map(pod_of, json_beside(path).get("podResources", [])), key=lambda pod: (pod.namespace, pod.name)
        )
        assert decoder.pods(path.read_bytes()) == tuple(expected), path
    for path in recorded("allocatable.pb"):
        assert decoder.allocatable(path.read_bytes()) == allocatable_of(json_beside(path)), path
    for path in recorded("get/*.pb"):
        assert decoder.pod(path.read_bytes()) == pod_of(json_beside(path)["podResources"]), path


@pytest.mark.shared
def test_every_recorded_list_says_the_same_in_any_order(recorded: Recorded) -> None:
    source = random.Random(7)
    for path in recorded("list.pb"):
        data = path.read_bytes()
        again = shuffled(wire.PodList.FromString(data), source)
        assert AnswerDecoder().pods(again) == AnswerDecoder().pods(data), path


@pytest.mark.shared
def test_get_says_of_a_pod_what_list_says(recorded: Recorded) -> None:
    decoder = AnswerDecoder()
    for path in recorded("list.pb"):
        listed = decoder.pods(path.read_bytes())
        gets = path.parent / "get"
        for pod in listed if gets.is_dir() else ():
            assert decoder.pod((gets / f"{pod.namespace}_{pod.name}.pb").read_bytes()) == pod, path
