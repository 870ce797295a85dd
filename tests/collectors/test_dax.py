"""Reading direct-access memory devices."""

from __future__ import annotations

import errno
from pathlib import Path

from collectors.dax import DAX_CLASS, DAX_DEVICES, read_dax
from collectors.model import DaxDevice
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.test_cxl import ROOT, plug_region

FACTS = {"size": "137438953472\n", "target_node": "2\n", "numa_node": "-1\n", "uevent": "DRIVER=kmem\n"}


def test_memory_of_a_cxl_device_is_tied_to_its_function(tmp_path: Path) -> None:
    plug_region(tmp_path, target0="decoder2.0\n")
    plug(tmp_path, f"{ROOT}/decoder0.0/region0/dax_region0/dax0.0", DAX_DEVICES, FACTS)
    reader = host(tmp_path)

    assert read_dax(reader) == (
        DaxDevice(
            name="dax0.0",
            size_bytes=128 << 30,
            target_node=2,
            numa_node=None,
            pci_address="0000:35:00.0",
            driver="kmem",
        ),
    )
    assert reader.problems == ()


def test_memory_of_the_platform_has_no_function(tmp_path: Path) -> None:
    plug(tmp_path, "platform/hmem.0/dax1.0", DAX_DEVICES, FACTS)
    plug(tmp_path, "platform/hmem.0", DAX_DEVICES)

    (device,) = read_dax(host(tmp_path)) or ()

    assert (device.name, device.pci_address) == ("dax1.0", None)


def test_the_class_of_older_kernels_is_read_where_there_is_no_bus(tmp_path: Path) -> None:
    plug(tmp_path, "platform/e820_pmem/dax0.0", DAX_CLASS, {"size": "4096\n"})

    assert read_dax(host(tmp_path)) == (DaxDevice(name="dax0.0", size_bytes=4096),)


def test_devices_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    assert read_dax(FactReader(Refusing(tmp_path, {DAX_DEVICES: errno.EACCES}))) is None
