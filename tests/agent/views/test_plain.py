"""The public JSON form: nothing forgotten, nothing invented."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.views.plain import format_hex, plain, plain_snapshot
from collectors.model import NumaKind, Observed, PciDevice, PcieLink, Problem, Snapshot
from collectors.model.kubelet import RegisteredDevices
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.parse import parse_id_list
from tests.agent.views.machines import function, ids, node, numa, snapshot
from tests.hosts.machine import expected_snapshot
from tests.hosts.shapes import DESKTOP, SHAPES
from tests.hosts.spec import MachineSpec

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def test_sets_are_the_kernels_lists_enums_their_value_and_unknown_is_null() -> None:
    shown = plain(node(0, ids(0, 3) | {8}, kind=NumaKind.CPU_AND_MEMORY, memory_free_bytes=None))
    assert shown["cpus"] == "0-3,8"
    assert shown["kind"] == "cpu+memory"
    assert shown["memory_free_bytes"] is None
    assert shown["offline_cpus"] == ""


def test_distances_are_by_node_id() -> None:
    assert plain(node(0, distances=((0, 10), (8, 40))))["distances"] == {"0": 10, "8": 40}


def test_amounts_options_and_gates_are_by_name() -> None:
    pod = Pod(
        namespace="default", name="web", uid="1", phase="Running", requests=(("cpu", 1500),), started_at=1.0
    )
    config = KubeletConfig(
        source=ConfigSource.CONFIGZ,
        feature_gates=(("PodsAPI", True),),
        reserved_memory=((0, (("memory", 1024),)),),
    )
    assert (plain(pod)["requests"], plain(pod)["limits"]) == ({"cpu": 1500}, {})
    assert plain(pod)["started_at"] == "1970-01-01T00:00:01.000Z"
    assert plain(config)["feature_gates"] == {"PodsAPI": True}
    assert plain(config)["reserved_memory"] == {"0": {"memory": 1024}}
    assert plain(config)["reserved_cpus"] is None


def test_devices_by_name_are_a_list_also_where_there_are_none() -> None:
    assert plain(RegisteredDevices(resource="gpu", device_ids=frozenset()))["device_ids"] == []
    assert plain(RegisteredDevices(resource="gpu", device_ids=frozenset("ba")))["device_ids"] == ["a", "b"]


def test_pci_ids_are_hexadecimal_and_links_are_nested() -> None:
    shown = plain(
        function(
            "0000:01:00.0", 0x020000, vendor_id=0x8086, device_id=0x10, link=PcieLink(speed_gts=2.5, width=1)
        )
    )
    assert (shown["class_code"], shown["vendor_id"], shown["device_id"]) == ("0x020000", "0x8086", "0x0010")
    assert shown["subsystem_vendor_id"] is None
    assert shown["link"] == {"speed_gts": 2.5, "width": 1, "max_speed_gts": None, "max_width": None}


def test_a_class_keeps_its_six_digits() -> None:
    assert format_hex(0x30000, digits=6) == "0x030000"
    assert format_hex(None) is None


def test_times_are_in_utc_and_a_failed_subject_keeps_its_reason() -> None:
    seen: Observed[Any] = Observed(
        read_at=None, problems=(Problem(path="/sys/a", reason="no"),), error="gone"
    )
    shown = plain_snapshot(dataclasses.replace(snapshot(memory=numa()), taken_at=1.5, pci=seen))
    assert shown["taken_at"] == "1970-01-01T00:00:01.500Z"
    assert shown["pci"] == {
        "facts": None,
        "read_at": None,
        "problems": [{"path": "/sys/a", "reason": "no"}],
        "error": "gone",
    }


@pytest.mark.parametrize("spec", SHAPES, ids=lambda spec: spec.name)
def test_every_shape_of_machine_becomes_json_and_says_how_many_cpus_it_has(spec: MachineSpec) -> None:
    machine = expected_snapshot(spec, now=1_700_000_000.0)
    shown = json.loads(json.dumps(plain_snapshot(machine)))
    assert machine.cpus.facts is not None
    assert parse_id_list(shown["cpus"]["facts"]["online"]) == machine.cpus.facts.online


def test_no_field_of_the_model_is_forgotten() -> None:
    assert plain(function("0000:00:00.0", None)).keys() == {
        item.name for item in dataclasses.fields(PciDevice)
    }
    assert plain_snapshot(snapshot()).keys() == {
        "api_version",
        "kind",
        *(item.name for item in dataclasses.fields(Snapshot)),
    }


def test_the_form_is_public_and_changes_only_on_purpose(golden: Callable[[Path, str], None]) -> None:
    shown = plain_snapshot(expected_snapshot(DESKTOP, now=1_700_000_000.0))
    golden(GOLDEN / "snapshot.json", f"{json.dumps(shown, indent=1)}\n")


def _mutable_types(kind: Any, seen: set[Any]) -> set[str]:
    """The types that a value of this type can hold and that are neither frozen facts nor plain values."""
    if kind in seen:
        return set()
    seen.add(kind)
    if isinstance(kind, TypeVar):
        return set()
    parts = typing.get_args(kind)
    if parts:
        own = typing.get_origin(kind)
        known = own in (tuple, frozenset, typing.Union, types.UnionType, Observed) or own is Mapping
        return ({str(kind)} if not known else set()).union(
            *(
                _mutable_types(part, seen)
                for part in (*parts, *([Observed] if own is Observed else []))
                if part is not Ellipsis
            )
        )
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, localns={"KubeletPicture": KubeletPicture})
        return set().union(*(_mutable_types(hint, seen) for hint in hints.values()))
    plain_kinds = (bool, int, float, str, type(None))
    return set() if kind in plain_kinds or issubclass(kind, enum.Enum) else {str(kind)}


def test_whatever_a_snapshot_can_hold_has_a_plain_form() -> None:
    seen: set[Any] = set()
    assert _mutable_types(Snapshot, seen) == set()
    assert {Pod, KubeletConfig, KubeletPicture, RegisteredDevices} <= seen
