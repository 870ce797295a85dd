"""Reading PCI functions."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import HostError
from collectors.model import PcieLink
from collectors.parse import ParseError
from collectors.pci import PCI_DEVICES, parse_link_speed, parse_link_width, read_pci
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, Unplugged, host, link, plug_pci
from tests.collectors.trees import problem_paths

PORT = "pci0000:00/0000:00:01.0"
CARD = f"{PORT}/0000:01:00.0"


def test_a_machine_without_pci_has_no_functions(tmp_path: Path) -> None:
    reader = host(tmp_path)

    assert read_pci(reader) == ()
    assert reader.problems == ()


def test_a_bus_that_cannot_be_listed_fails_as_a_whole(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD)

    with pytest.raises(HostError, match=PCI_DEVICES):
        read_pci(FactReader(Refusing(tmp_path, {PCI_DEVICES: errno.EACCES})))


def test_every_fact_of_a_function_is_read(tmp_path: Path) -> None:
    files = {
        "class": "0x010802\n",
        "vendor": "0x144d\n",
        "device": "0xa80a\n",
        "subsystem_vendor": "0x144d\n",
        "subsystem_device": "0xaa8b\n",
        "numa_node": "1\n",
        "local_cpus": "f0\n",
        "current_link_speed": "8.0 GT/s PCIe\n",
        "current_link_width": "4\n",
        "max_link_speed": "16.0 GT/s PCIe\n",
        "max_link_width": "4\n",
    }
    plug_pci(
        tmp_path, CARD, files, driver="/sys/bus/pci/drivers/nvme", iommu_group="/sys/kernel/iommu_groups/42"
    )
    for folder in ("sys/bus/pci/drivers/nvme", "sys/kernel/iommu_groups/42"):
        (tmp_path / folder).mkdir(parents=True)
    reader = host(tmp_path)

    (disk,) = read_pci(reader)

    assert disk.address == "0000:01:00.0"
    assert (disk.path, disk.path_known) == (("pci0000:00", "0000:00:01.0", "0000:01:00.0"), True)
    assert (disk.class_code, disk.vendor_id, disk.device_id) == (0x010802, 0x144D, 0xA80A)
    assert (disk.subsystem_vendor_id, disk.subsystem_device_id) == (0x144D, 0xAA8B)
    assert (disk.driver, disk.iommu_group, disk.numa_node) == ("nvme", 42, 1)
    assert disk.local_cpus == frozenset({4, 5, 6, 7})
    assert disk.link == PcieLink(speed_gts=8.0, width=4, max_speed_gts=16.0, max_width=4)
    assert reader.problems == ()


def test_files_that_are_absent_are_unknown_and_no_problem(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD)
    reader = host(tmp_path)

    (card,) = read_pci(reader)

    assert (card.subsystem_vendor_id, card.subsystem_device_id, card.driver) == (None, None, None)
    assert (card.numa_node, card.local_cpus, card.link, card.iommu_group) == (None, None, None, None)
    assert (card.sriov_total_vfs, card.virtual_functions, card.physical_function) == (None, (), None)
    assert reader.problems == ()


def test_functions_come_in_the_order_of_their_addresses_with_wide_domains_last(tmp_path: Path) -> None:
    for place in (
        "pci10000:00/10000:00:00.0",
        "pcifffe:00/fffe:00:00.0",
        "pci0000:00/0000:00:1f.0",
        "pci0000:00/0000:00:02.0",
    ):
        plug_pci(tmp_path, place)

    found = [device.address for device in read_pci(host(tmp_path))]

    assert found == ["0000:00:02.0", "0000:00:1f.0", "fffe:00:00.0", "10000:00:00.0"]


def test_the_node_that_firmware_does_not_tell_is_unknown(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD, {"numa_node": "-1\n"})

    assert read_pci(host(tmp_path))[0].numa_node is None


def test_a_subsystem_of_zero_is_none(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD, {"subsystem_vendor": "0x0000\n", "subsystem_device": "0x0000\n"})

    card = read_pci(host(tmp_path))[0]

    assert (card.subsystem_vendor_id, card.subsystem_device_id) == (None, None)


def test_the_map_of_cpus_wins_over_the_list(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD, {"local_cpus": "2\n", "local_cpulist": "0-1\n"})

    assert read_pci(host(tmp_path))[0].local_cpus == frozenset({1})


@pytest.mark.parametrize(
    ("files", "cpus", "problems"),
    [
        ({"local_cpulist": "0-1,8\n"}, [0, 1, 8], 0),
        ({"local_cpus": "what\n", "local_cpulist": "3\n"}, [3], 1),
        ({"local_cpus": "", "local_cpulist": "x\n"}, None, 2),
        ({"local_cpus": "0000,00000011,11111111\n"}, [0, 4, 8, 12, 16, 20, 24, 28, 32, 36], 0),
    ],
)
def test_local_cpus_come_from_whichever_file_can_be_read(
    tmp_path: Path, files: dict[str, str], cpus: list[int] | None, problems: int
) -> None:
    plug_pci(tmp_path, CARD, files)
    reader = host(tmp_path)

    assert read_pci(reader)[0].local_cpus == (None if cpus is None else frozenset(cpus))
    assert len(reader.problems) == problems


def test_a_driver_whose_folder_a_capture_lacks_is_read_from_uevent(tmp_path: Path) -> None:
    plug_pci(
        tmp_path, CARD, {"uevent": "DRIVER=mlx5_core\nPCI_CLASS=20000\n"}, driver="/sys/bus/pci/drivers/gone"
    )

    assert read_pci(host(tmp_path))[0].driver == "mlx5_core"


@pytest.mark.parametrize("uevent", ["PCI_CLASS=20000\n", "DRIVER=\n", ""])
def test_a_function_without_driver_has_none(tmp_path: Path, uevent: str) -> None:
    plug_pci(tmp_path, CARD, {"uevent": uevent})

    assert read_pci(host(tmp_path))[0].driver is None


def test_physical_and_virtual_functions_name_each_other(tmp_path: Path) -> None:
    virtual = [f"{PORT}/0000:01:00.{number}" for number in range(1, 4)]
    links = {f"virtfn{number}": f"/sys/devices/{place}" for number, place in enumerate(virtual)}
    plug_pci(tmp_path, CARD, {"sriov_totalvfs": "16\n"}, **links)
    for place in virtual[:2]:
        plug_pci(tmp_path, place, physfn=f"/sys/devices/{CARD}")

    physical, *others = read_pci(host(tmp_path))

    assert physical.sriov_total_vfs == 16
    assert physical.virtual_functions == ("0000:01:00.1", "0000:01:00.2")  # the third one has gone away
    assert [other.physical_function for other in others] == ["0000:01:00.0"] * 2


def test_virtual_functions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    places = {number: f"{PORT}/0000:01:{number:02x}.0" for number in range(1, 12)}
    plug_pci(
        tmp_path,
        CARD,
        {"sriov_totalvfs": "16\n"},
        **{f"virtfn{number}": f"/sys/devices/{place}" for number, place in places.items()},
    )
    for place in places.values():
        plug_pci(tmp_path, place)

    assert read_pci(host(tmp_path))[0].virtual_functions == tuple(
        f"0000:01:{number:02x}.0" for number in range(1, 12)
    )


def test_links_into_strange_places_are_not_believed(tmp_path: Path) -> None:
    plug_pci(tmp_path, CARD, physfn="/sys/devices", iommu_group="/sys/devices")

    card = read_pci(host(tmp_path))[0]

    assert (card.physical_function, card.iommu_group) == (None, None)


def test_a_function_whose_place_is_not_told_has_an_assumed_path(tmp_path: Path) -> None:
    folder = tmp_path / "sys/bus/pci/devices/0004:05:00.0"
    folder.mkdir(parents=True)
    (folder / "class").write_text("0x030000\n")

    (card,) = read_pci(host(tmp_path))

    assert (card.path, card.path_known) == (("pci0004:05", "0004:05:00.0"), False)
    assert card.class_code == 0x030000


def test_a_function_that_says_nothing_but_stays_is_kept_and_named(tmp_path: Path) -> None:
    link(tmp_path, tmp_path / "sys/bus/pci/devices/0000:01:00.0", "/sys/devices/missing")
    reader = host(tmp_path)

    (card,) = read_pci(reader)

    assert (card.address, card.path_known, card.class_code) == ("0000:01:00.0", False, None)
    assert problem_paths(reader) == [f"{PCI_DEVICES}/0000:01:00.0"]


@pytest.mark.parametrize("after", [PCI_DEVICES, f"{PCI_DEVICES}/0000:01:00.0"])
def test_a_function_that_goes_away_while_it_is_read_is_left_out(tmp_path: Path, after: str) -> None:
    plug_pci(tmp_path, PORT)
    plug_pci(tmp_path, CARD)
    gone = (f"/sys/devices/{CARD}", f"{PCI_DEVICES}/0000:01:00.0")
    reader = FactReader(Unplugged(tmp_path, after=after, gone=gone))

    assert [device.address for device in read_pci(reader)] == ["0000:00:01.0"]
    assert reader.problems == ()


def test_other_names_on_the_bus_are_problems_not_functions(tmp_path: Path) -> None:
    (tmp_path / "sys/bus/pci/devices/garbage").mkdir(parents=True)
    reader = host(tmp_path)

    assert read_pci(reader) == ()
    assert problem_paths(reader) == [f"{PCI_DEVICES}/garbage"]


def test_a_function_that_does_not_respond_has_an_unknown_link(tmp_path: Path) -> None:
    files = {
        "current_link_speed": "Unknown\n",
        "current_link_width": "63\n",
        "max_link_speed": "Unknown speed\n",
        "max_link_width": "255\n",
    }
    plug_pci(tmp_path, CARD, files)
    reader = host(tmp_path)

    assert read_pci(reader)[0].link == PcieLink()
    assert reader.problems == ()


def test_a_link_that_the_kernel_refuses_is_unknown_and_an_io_error_is_a_problem(tmp_path: Path) -> None:
    files = {"current_link_speed": "8.0 GT/s PCIe\n", "current_link_width": "4\n", "max_link_width": "8\n"}
    plug_pci(tmp_path, CARD, files)
    width = f"/sys/devices/{CARD}/current_link_width"
    refusals = {f"/sys/devices/{CARD}/current_link_speed": errno.EINVAL, width: errno.EIO}
    reader = FactReader(Refusing(tmp_path, refusals))

    assert read_pci(reader)[0].link == PcieLink(max_width=8)
    assert problem_paths(reader) == [width]


@pytest.mark.parametrize(
    ("name", "text"),
    [("class", "0x1000000\n"), ("vendor", "0x10000\n"), ("device", "no\n"), ("sriov_totalvfs", "-3\n")],
)
def test_a_malformed_file_is_unknown_and_leaves_the_others(tmp_path: Path, name: str, text: str) -> None:
    plug_pci(tmp_path, CARD, {"numa_node": "1\n", name: text})
    reader = host(tmp_path)

    (card,) = read_pci(reader)

    assert card.numa_node == 1
    assert None in (card.class_code, card.vendor_id, card.device_id, card.sriov_total_vfs)
    assert problem_paths(reader) == [f"/sys/devices/{CARD}/{name}"]


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("2.5 GT/s", 2.5),
        ("5 GT/s\n", 5.0),
        ("8.0 GT/s PCIe\n", 8.0),
        ("64.0 GT/s PCIe\n", 64.0),
        ("Unknown", None),
        ("Unknown speed\n", None),
    ],
)
def test_link_speeds_of_every_kernel_are_read(text: str, speed: float | None) -> None:
    assert parse_link_speed(text) == speed


@given(st.integers(1, 999), st.sampled_from(["", ".0", ".5"]), st.sampled_from(["", " PCIe"]))
def test_a_speed_is_read_as_it_was_written(whole: int, rest: str, kind: str) -> None:
    assert parse_link_speed(f"{whole}{rest} GT/s{kind}\n") == float(f"{whole}{rest}")


@given(st.text(max_size=20).filter(lambda text: "GT/s" not in text and "Unknown" not in text))
def test_any_other_text_is_no_speed(text: str) -> None:
    with pytest.raises(ParseError, match="a link speed"):
        parse_link_speed(text)


@given(st.integers(-5, 300))
def test_widths_are_lanes_unknown_or_malformed(lanes: int) -> None:
    try:
        width = parse_link_width(f"{lanes}\n")
    except ParseError:
        assert lanes < 0 or (lanes > 32 and lanes not in (63, 255))
    else:
        assert width == (None if lanes in (0, 63, 255) else lanes)
