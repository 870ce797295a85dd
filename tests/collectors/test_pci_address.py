"""PCI addresses in paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.pci_address import (
    assumed_pci_path,
    is_pci_address,
    nearest_pci_address,
    pci_order,
    pci_path,
)

addresses = st.builds(
    "{:04x}:{:02x}:{:02x}.{}".format,
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 0xFF),
    st.integers(0, 0x1F),
    st.integers(0, 7),
)


@given(addresses)
def test_every_address_that_the_kernel_can_write_is_one(address: str) -> None:
    assert is_pci_address(address)
    assert nearest_pci_address(f"/sys/devices/pci0000:00/{address}/net/eth0") == address


@given(st.text(max_size=30))
def test_any_text_has_an_answer(text: str) -> None:
    path = pci_path(text)

    assert path == () or path[0].startswith("pci")
    assert nearest_pci_address(text) is None or is_pci_address(nearest_pci_address(text) or "")


@pytest.mark.parametrize(
    "name", ["0000:00:00", "000:00:00.0", "0000:00:00.8", "0000:00:00.0 ", "0000:0G:00.0", "virtio0", ""]
)
def test_other_names_are_no_addresses(name: str) -> None:
    assert not is_pci_address(name)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0", ("pci0000:3a", "0000:3a:00.0", "0000:3b:00.0")),
        ("/sys/devices/platform/40000000.pcie/pci0000:00/0000:00:01.0", ("pci0000:00", "0000:00:01.0")),
        ("/sys/devices/LNXSYSTM:00/VMBUS:00/6f7e/pci6f7e:00/6f7e:00:02.0", ("pci6f7e:00", "6f7e:00:02.0")),
        (
            "/sys/devices/pci0000:16/0000:16:05.5/pci10000:00/10000:00:02.0/10000:01:00.0",
            ("pci0000:16", "0000:16:05.5", "pci10000:00", "10000:00:02.0", "10000:01:00.0"),
        ),
        ("/sys/bus/pci/devices/0004:05:00.0", ()),
        ("/sys/devices/virtual/net/lo", ()),
    ],
)
def test_a_path_is_read_from_its_root_complex_on(path: str, expected: tuple[str, ...]) -> None:
    assert pci_path(path) == expected


def test_what_drivers_make_of_a_function_hangs_from_the_innermost_one() -> None:
    path = "/sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0/virtio2/block/vda"

    assert nearest_pci_address(path) == "0000:01:00.0"
    assert nearest_pci_address("/sys/devices/virtual/net/lo") is None


def test_an_assumed_path_is_named_for_domain_and_bus() -> None:
    assert assumed_pci_path("0004:05:00.0") == ("pci0004:05", "0004:05:00.0")


def test_longer_domains_come_last() -> None:
    addresses = ["10000:00:00.0", "0000:00:10.0", "ffff:00:00.0", "0000:00:02.0"]

    assert sorted(addresses, key=pci_order) == [
        "0000:00:02.0",
        "0000:00:10.0",
        "ffff:00:00.0",
        "10000:00:00.0",
    ]
