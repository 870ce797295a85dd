"""Finding the members of a class of devices."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from collectors.class_devices import ClassMember, driver_of, find_members, read_members
from collectors.model import Accelerator
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, Unplugged, host, link, plug
from tests.collectors.trees import problem_paths

ACCEL = "/sys/class/accel"
ANY = re.compile(".+")
CARD = "pci0000:00/0000:00:01.0/0000:01:00.0"


def _names(members: tuple[ClassMember, ...] | None) -> list[str]:
    return [member.name for member in members or ()]


def test_a_class_that_is_absent_has_no_members(tmp_path: Path) -> None:
    assert find_members(host(tmp_path), ACCEL, ANY) == ()


def test_a_class_that_cannot_be_listed_is_unknown_and_named(tmp_path: Path) -> None:
    reader = FactReader(Refusing(tmp_path, {ACCEL: errno.EACCES}))

    assert find_members(reader, ACCEL, ANY) is None
    assert problem_paths(reader) == [ACCEL]


def test_a_member_has_its_place_and_its_pci_function(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/accel/accel0", ACCEL)

    assert find_members(host(tmp_path), ACCEL, ANY) == (
        ClassMember(
            name="accel0",
            directory=f"/sys/devices/{CARD}/accel/accel0",
            pci_address="0000:01:00.0",
            virtual=False,
        ),
    )


def test_members_come_in_the_order_of_their_numbers_and_others_not_at_all(tmp_path: Path) -> None:
    for name in ("accel10", "accel2", "version", "accel"):
        plug(tmp_path, f"{CARD}/accel/{name}", ACCEL)

    found = find_members(host(tmp_path), ACCEL, re.compile("accel[0-9]+"))

    assert _names(found) == ["accel2", "accel10"]


def test_names_of_any_mix_of_letters_and_numbers_can_be_ordered(tmp_path: Path) -> None:
    for name in ("1a", "a1", "a", "a1b", "²", "01"):
        plug(tmp_path, f"{CARD}/accel/{name}", ACCEL)

    assert set(_names(find_members(host(tmp_path), ACCEL, ANY))) == {"1a", "a1", "a", "a1b", "²", "01"}


def test_what_lies_among_the_virtual_devices_is_virtual(tmp_path: Path) -> None:
    plug(tmp_path, "virtual/net/lo", "/sys/class/net")

    (member,) = find_members(host(tmp_path), "/sys/class/net", ANY) or ()

    assert (member.virtual, member.pci_address) == (True, None)


def test_a_platform_device_is_hardware_without_pci_function(tmp_path: Path) -> None:
    plug(tmp_path, "platform/soc/eth", "/sys/class/net")

    (member,) = find_members(host(tmp_path), "/sys/class/net", ANY) or ()

    assert (member.virtual, member.pci_address) == (False, None)


def test_the_plain_directories_of_old_kernels_are_placed_by_their_device(tmp_path: Path) -> None:
    (tmp_path / "sys/devices" / CARD).mkdir(parents=True)
    (tmp_path / "sys/class/net/lo").mkdir(parents=True)
    link(tmp_path, tmp_path / "sys/class/net/eth0/device", f"/sys/devices/{CARD}")

    eth0, loopback = find_members(host(tmp_path), "/sys/class/net", ANY) or ()

    assert (eth0.directory, eth0.pci_address, eth0.virtual) == ("/sys/class/net/eth0", "0000:01:00.0", False)
    assert (loopback.pci_address, loopback.virtual) == (None, True)


def test_a_link_that_leads_nowhere_is_no_member_and_no_problem(tmp_path: Path) -> None:
    link(tmp_path, tmp_path / "sys/class/net/lo", "/sys/devices/virtual/net/lo")
    reader = host(tmp_path)

    assert find_members(reader, "/sys/class/net", ANY) == ()
    assert reader.problems == ()


def _read(reader: FactReader, member: ClassMember) -> Accelerator:
    return Accelerator(
        name=member.name, pci_address=member.pci_address, driver=reader.text(f"{member.directory}/driver")
    )


def test_a_member_that_goes_away_before_it_tells_anything_is_left_out(tmp_path: Path) -> None:
    for name in ("accel0", "accel1"):
        plug(tmp_path, f"{CARD}/accel/{name}", ACCEL)
    place = f"/sys/devices/{CARD}/accel/accel1"
    reader = FactReader(Unplugged(tmp_path, after=f"{ACCEL}/accel1", gone=[place]))
    members = find_members(reader, ACCEL, ANY) or ()

    assert _names(members) == ["accel0", "accel1"]
    assert [fact.name for fact in read_members(reader, members, _read)] == ["accel0"]
    assert reader.problems == ()


def test_a_member_that_stays_but_tells_nothing_is_kept(tmp_path: Path) -> None:
    place = f"/sys/devices/{CARD}/accel/accel0"
    plug(tmp_path, f"{CARD}/accel/accel0", ACCEL)
    reader = FactReader(Refusing(tmp_path, {place: errno.EIO}))
    members = find_members(reader, ACCEL, ANY) or ()

    assert [fact.name for fact in read_members(reader, members, _read)] == ["accel0"]


def test_a_driver_is_read_from_the_device_or_its_uevent(tmp_path: Path) -> None:
    (tmp_path / "sys/bus/pci/drivers/habanalabs").mkdir(parents=True)
    device = f"/sys/devices/{CARD}"
    linked = plug(tmp_path, f"{CARD}/accel/accel0", ACCEL, device=device)
    link(tmp_path, linked / "device/driver", "/sys/bus/pci/drivers/habanalabs")
    plug(tmp_path, "platform/npu/accel/accel1", ACCEL, {"device/uevent": "DRIVER=ivpu\n"})
    plug(tmp_path, "platform/other/accel/accel2", ACCEL)
    reader = host(tmp_path)

    found = [driver_of(reader, member) for member in find_members(reader, ACCEL, ANY) or ()]

    assert found == ["habanalabs", "ivpu", None]
