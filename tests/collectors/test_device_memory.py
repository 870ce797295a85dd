from __future__ import annotations

from pathlib import Path

import pytest

from collectors.device_memory import parse_numa_status, read_device_memory
from collectors.parse import ParseError
from tests.collectors.trees import problem_paths, reader_of

GPUS = "/proc/driver/nvidia/gpus"
DAX = "/sys/bus/dax/devices"
KMEM = "/sys/bus/dax/drivers/kmem"


def dax(
    name: str, folder: str, node: str, driver: str | None = "kmem"
) -> tuple[dict[str, str], dict[str, str]]:
    """Files and links of a dax device that lies in a folder below /sys/devices."""
    files = {f"/sys/devices/{folder}/{name}/target_node": node, f"{KMEM}/bind": ""}
    links = {f"{DAX}/{name}": f"../../../devices/{folder}/{name}"}
    if driver is not None:
        links[f"/sys/devices/{folder}/{name}/driver"] = f"/sys/bus/dax/drivers/{driver}"
    return files, links


def test_memory_of_a_gpu_is_told_by_its_driver(tmp_path: Path) -> None:
    status = "Node:      250\nStatus:    online\nAddress:   40000000000\nSize:      3f0000000\n"
    reader = reader_of(tmp_path, {f"{GPUS}/0035:0A:00.0/numa_status": status})
    assert read_device_memory(reader) == {250: "0035:0a:00.0"}


def test_a_gpu_without_a_node_has_no_node_memory(tmp_path: Path) -> None:
    reader = reader_of(
        tmp_path,
        {
            f"{GPUS}/0000:01:00.0/information": "Model: \t\t NVIDIA\n",
            f"{GPUS}/0000:02:00.0/numa_status": "Node:      -1\n",
        },
    )
    assert read_device_memory(reader) == {}
    assert reader.problems == ()


def test_a_status_without_a_node_is_named(tmp_path: Path) -> None:
    path = f"{GPUS}/0000:01:00.0/numa_status"
    reader = reader_of(tmp_path, {path: "Status: online\n", f"{GPUS}/0000:02:00.0/numa_status": "Node: 2"})
    assert read_device_memory(reader) == {2: "0000:02:00.0"}
    assert problem_paths(reader) == [path]


@pytest.mark.parametrize("text", ["", "Node\n", "Node: \n", "Node: here\n"])
def test_a_status_without_a_number_is_malformed(text: str) -> None:
    with pytest.raises(ParseError):
        parse_numa_status(text)


def test_dax_memory_that_serves_the_system_is_told_by_the_devices_name(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, *dax("dax0.0", "platform/ACPI0017:00/root0/region0/dax_region0", "2\n"))
    assert read_device_memory(reader) == {2: "dax0.0"}


def test_dax_memory_behind_a_pci_function_is_told_by_its_address(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, *dax("dax1.0", "pci0000:00/0000:00:01.0/0000:3a:00.0/dax1", "3\n"))
    assert read_device_memory(reader) == {3: "0000:3a:00.0"}


@pytest.mark.parametrize("driver", ["device_dax", None])
def test_dax_memory_that_a_program_maps_belongs_to_no_node(tmp_path: Path, driver: str | None) -> None:
    files, links = dax("dax0.0", "platform/hmem.0", "2\n", driver)
    reader = reader_of(tmp_path, {**files, "/sys/bus/dax/drivers/device_dax/bind": ""}, links)
    assert read_device_memory(reader) == {}


def test_a_dax_device_without_a_target_node_belongs_to_no_node(tmp_path: Path) -> None:
    assert read_device_memory(reader_of(tmp_path, *dax("dax0.0", "platform/hmem.0", "-1\n"))) == {}


def test_the_first_device_by_name_stands_for_interleaved_memory(tmp_path: Path) -> None:
    first_files, first_links = dax("dax0.0", "platform/region0", "2\n")
    files, links = dax("dax1.0", "platform/region1", "2\n")
    reader = reader_of(tmp_path, {**first_files, **files}, {**first_links, **links})
    assert read_device_memory(reader) == {2: "dax0.0"}
