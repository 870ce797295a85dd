"""Reading compute accelerators."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from collectors.accelerators import read_accelerators
from collectors.model import Accelerator
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.trees import problem_paths

CARD = "pci0000:00/0000:00:01.0/0000:01:00.0"


@pytest.mark.parametrize(
    ("kind", "name", "beside"),
    [
        ("accel", "accel0", "version"),
        ("ve", "ve0", "ve"),
        ("habanalabs", "hl0", "hl_controlD0"),
        ("neuron_device", "neuron0", "neuron"),
        ("apex", "apex_0", "apex"),
        ("mic", "mic0", "ctrl"),
    ],
)
def test_accelerators_of_every_class_are_read(tmp_path: Path, kind: str, name: str, beside: str) -> None:
    plug(tmp_path, f"{CARD}/{kind}/{name}", f"/sys/class/{kind}", {"device/uevent": "DRIVER=drv\n"})
    plug(tmp_path, f"{CARD}/{kind}/{beside}", f"/sys/class/{kind}")

    assert read_accelerators(host(tmp_path)) == (
        Accelerator(name=name, pci_address="0000:01:00.0", driver="drv"),
    )


def test_an_accelerator_whose_driver_names_no_parent_is_kept(tmp_path: Path) -> None:
    plug(tmp_path, "virtual/neuron_device/neuron0", "/sys/class/neuron_device")

    assert read_accelerators(host(tmp_path)) == (Accelerator(name="neuron0"),)


def test_a_class_that_cannot_be_listed_hides_no_other(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/ve/ve0", "/sys/class/ve")
    reader = FactReader(Refusing(tmp_path, {"/sys/class/accel": errno.EACCES}))

    assert read_accelerators(reader) == (Accelerator(name="ve0", pci_address="0000:01:00.0"),)
    assert problem_paths(reader) == ["/sys/class/accel"]


def test_accelerators_are_unknown_where_a_class_cannot_be_listed_and_no_other_has_any(tmp_path: Path) -> None:
    assert read_accelerators(FactReader(Refusing(tmp_path, {"/sys/class/accel": errno.EACCES}))) is None
