"""Reading CXL memory devices and regions."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from collectors.cxl import CXL_DEVICES, function_of_region, read_cxl, region_of
from collectors.model import CxlMemory
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug

FIRST = "pci0000:34/0000:34:01.0/0000:35:00.0/mem0"
SECOND = "pci0000:34/0000:34:02.0/0000:36:00.0/mem1"
ROOT = "platform/ACPI0017:00/root0"
REGION = f"/sys/devices/{ROOT}/decoder0.0/region0"


def plug_region(root: Path, **targets: str) -> None:
    """A region of the decoders that it names as its targets: decoder2.0 of the first memory device, 3.0 of the second."""
    plug(root, f"{ROOT}/decoder0.0/region0", CXL_DEVICES, {**targets, "interleave_ways": "1\n"})
    for number, memory in ((2, FIRST), (3, SECOND)):
        endpoint = f"{ROOT}/port1/endpoint{number}"
        plug(root, memory, CXL_DEVICES)
        plug(root, f"{endpoint}/decoder{number}.0", CXL_DEVICES)
        plug(root, endpoint, CXL_DEVICES, uport=f"/sys/devices/{memory}")


def test_every_fact_of_a_memory_device_is_read(tmp_path: Path) -> None:
    facts = {
        "ram/size": "0x2000000000\n",
        "pmem/size": "0\n",
        "numa_node": "1\n",
        "serial": "0xc100e2e0\n",
    }
    plug(tmp_path, FIRST, CXL_DEVICES, facts)
    reader = host(tmp_path)

    assert read_cxl(reader) == (
        CxlMemory(
            name="mem0",
            pci_address="0000:35:00.0",
            numa_node=1,
            ram_bytes=128 << 30,
            persistent_bytes=0,
            serial="0xc100e2e0",
        ),
    )
    assert reader.problems == ()


def test_ports_decoders_and_regions_are_no_memory_devices(tmp_path: Path) -> None:
    plug_region(tmp_path, target0="decoder2.0\n")

    assert [memory.name for memory in read_cxl(host(tmp_path)) or ()] == ["mem0", "mem1"]


def test_memory_devices_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    assert read_cxl(FactReader(Refusing(tmp_path, {CXL_DEVICES: errno.EACCES}))) is None


def test_a_path_lies_in_the_region_that_the_bus_knows(tmp_path: Path) -> None:
    plug_region(tmp_path)

    assert region_of(host(tmp_path), f"{REGION}/dax_region0/dax0.0") == REGION


def test_a_region_of_persistent_memory_is_none_of_cxl(tmp_path: Path) -> None:
    plug_region(tmp_path)
    reader = host(tmp_path)

    assert region_of(reader, "/sys/devices/LNXSYSTM:00/ndbus0/region0/dax0.1/dax0.0") is None
    assert region_of(reader, "/sys/devices/platform/hmem.0/dax0.0") is None


@pytest.mark.parametrize(
    ("targets", "function"),
    [
        ({"target0": "decoder2.0\n"}, "0000:35:00.0"),
        ({"target0": "decoder3.0\n", "target1": "decoder3.0\n"}, "0000:36:00.0"),
        ({"target0": "decoder2.0\n", "target1": "decoder3.0\n"}, None),
        ({"target0": "\n"}, None),
        ({"target0": "decoder9.0\n"}, None),
        ({"target0": "../../etc\n"}, None),
        ({}, None),
    ],
)
def test_the_function_behind_a_region_is_told_where_it_is_one(
    tmp_path: Path, targets: dict[str, str], function: str | None
) -> None:
    plug_region(tmp_path, **targets)

    assert function_of_region(host(tmp_path), REGION) == function
