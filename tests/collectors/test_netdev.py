"""Reading network interfaces."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.model import NetworkInterface, RdmaDevice
from collectors.netdev import NETWORK, parse_mac, parse_speed, read_network
from collectors.parse import ParseError
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.trees import problem_paths

CARD = "pci0000:00/0000:00:01.0/0000:01:00.0"
FACTS = {
    "speed": "100000\n",
    "carrier": "1\n",
    "address": "B8:CE:F6:00:00:01\n",
    "operstate": "up\n",
    "device/uevent": "DRIVER=mlx5_core\n",
}


def test_every_fact_of_an_interface_is_read(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/net/ens1", NETWORK, FACTS)
    rdma = [
        RdmaDevice(name="mlx5_0", pci_address="0000:01:00.0"),
        RdmaDevice(name="mlx5_1", pci_address="0000:01:00.1"),
        RdmaDevice(name="hns_0"),
    ]
    reader = host(tmp_path)

    assert read_network(reader, rdma) == (
        NetworkInterface(
            name="ens1",
            pci_address="0000:01:00.0",
            speed_mbps=100_000,
            carrier=True,
            mac_address="b8:ce:f6:00:00:01",
            operstate="up",
            driver="mlx5_core",
            rdma_devices=("mlx5_0",),
        ),
    )
    assert reader.problems == ()


def test_an_interface_that_is_down_has_no_speed_and_no_known_carrier(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/net/ens1", NETWORK, FACTS)
    place = f"/sys/devices/{CARD}/net/ens1"
    refusals = {f"{place}/speed": errno.EINVAL, f"{place}/carrier": errno.EINVAL}
    reader = FactReader(Refusing(tmp_path, refusals))

    (interface,) = read_network(reader) or ()

    assert (interface.speed_mbps, interface.carrier, interface.operstate) == (None, None, "up")
    assert reader.problems == ()


def test_virtual_interfaces_and_files_among_them_are_left_out(tmp_path: Path) -> None:
    for name in ("lo", "cni0", "veth1234"):
        plug(tmp_path, f"virtual/net/{name}", NETWORK, {"operstate": "up\n"})
    (tmp_path / "sys/class/net/bonding_masters").write_text("bond0\n")
    reader = host(tmp_path)

    assert read_network(reader) == ()
    assert reader.problems == ()


def test_an_interface_of_virtio_hangs_from_the_function_of_virtio(tmp_path: Path) -> None:
    plug(tmp_path, "pci0000:00/0000:00:03.0/virtio2/net/eth0", NETWORK, FACTS)

    (interface,) = read_network(host(tmp_path)) or ()

    assert (interface.pci_address, interface.rdma_devices) == ("0000:00:03.0", ())


def test_an_interface_of_a_platform_has_no_pci_function_and_no_rdma_device(tmp_path: Path) -> None:
    plug(tmp_path, "platform/soc/net/eth0", NETWORK, FACTS)

    (interface,) = read_network(host(tmp_path), [RdmaDevice(name="hns_0")]) or ()

    assert (interface.pci_address, interface.rdma_devices) == (None, ())


def test_interfaces_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    reader = FactReader(Refusing(tmp_path, {NETWORK: errno.EACCES}))

    assert read_network(reader) is None
    assert problem_paths(reader) == [NETWORK]


@given(st.integers(-(2**31), 2**33))
def test_speeds_that_mean_unknown_are_unknown(speed: int) -> None:
    assert parse_speed(f"{speed}\n") == (speed if 0 < speed < 0xFFFF_FFFF else None)


@given(st.binary(min_size=2, max_size=32))
def test_hardware_addresses_are_read_as_they_were_written(octets: bytes) -> None:
    assert parse_mac(octets.hex(":").upper() + "\n") == octets.hex(":")


def test_a_kind_of_interface_without_hardware_address_has_none() -> None:
    assert parse_mac("\n") is None


@pytest.mark.parametrize("text", ["", "00", "00:0g", "00:11:", "00-11"])
def test_other_texts_are_no_hardware_addresses(text: str) -> None:
    with pytest.raises(ParseError, match="a hardware address"):
        parse_mac(text)
