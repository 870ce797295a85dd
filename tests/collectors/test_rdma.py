"""Reading RDMA devices."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.model import RdmaDevice, RdmaPort
from collectors.parse import ParseError
from collectors.rdma import INFINIBAND, parse_rate, parse_state, read_rdma
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, plug
from tests.collectors.trees import problem_paths

CARD = "pci0000:00/0000:00:01.0/0000:01:00.0"
FACTS = {
    "node_guid": "b8ce:f603:0000:0001\n",
    "ports/1/link_layer": "InfiniBand\n",
    "ports/1/state": "4: ACTIVE\n",
    "ports/1/rate": "400 Gb/sec (4X NDR)\n",
    "ports/2/link_layer": "Ethernet\n",
    "ports/2/state": "1: DOWN\n",
    "ports/2/rate": "2.5 Gb/sec (1X SDR)\n",
}


def test_a_device_is_read_with_its_ports(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/infiniband/mlx5_0", INFINIBAND, FACTS)
    reader = host(tmp_path)

    assert read_rdma(reader) == (
        RdmaDevice(
            name="mlx5_0",
            pci_address="0000:01:00.0",
            node_guid="b8ce:f603:0000:0001",
            ports=(
                RdmaPort(number=1, link_layer="InfiniBand", state="ACTIVE", rate_gbps=400.0),
                RdmaPort(number=2, link_layer="Ethernet", state="DOWN", rate_gbps=2.5),
            ),
        ),
    )
    assert reader.problems == ()


def test_a_port_that_does_not_answer_is_unknown_and_named(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/infiniband/mlx5_0", INFINIBAND, FACTS)
    state = f"/sys/devices/{CARD}/infiniband/mlx5_0/ports/1/state"
    reader = FactReader(Refusing(tmp_path, {state: errno.EIO}))

    (device,) = read_rdma(reader) or ()

    assert device.ports[0] == RdmaPort(number=1, link_layer="InfiniBand", rate_gbps=400.0)
    assert problem_paths(reader) == [state]


def test_ports_that_cannot_be_listed_leave_the_device(tmp_path: Path) -> None:
    plug(tmp_path, f"{CARD}/infiniband/mlx5_0", INFINIBAND, FACTS)
    ports = f"/sys/devices/{CARD}/infiniband/mlx5_0/ports"
    reader = FactReader(Refusing(tmp_path, {ports: errno.EIO}))

    (device,) = read_rdma(reader) or ()

    assert (device.node_guid, device.ports) == ("b8ce:f603:0000:0001", ())
    assert problem_paths(reader) == [ports]


def test_devices_made_of_software_are_left_out(tmp_path: Path) -> None:
    plug(tmp_path, "virtual/infiniband/rxe0", INFINIBAND, FACTS)

    assert read_rdma(host(tmp_path)) == ()


def test_devices_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    assert read_rdma(FactReader(Refusing(tmp_path, {INFINIBAND: errno.EACCES}))) is None


@given(st.integers(0, 9), st.sampled_from(["ACTIVE", "DOWN", "INIT", "ACTIVE_DEFER"]))
def test_the_state_is_the_word(number: int, word: str) -> None:
    assert parse_state(f"{number}: {word}\n") == word


@given(st.integers(0, 3200), st.sampled_from(["", ".5"]), st.sampled_from(["", " (4X EDR)", " (8X XDR)"]))
def test_the_rate_is_the_number(whole: int, rest: str, lanes: str) -> None:
    assert parse_rate(f"{whole}{rest} Gb/sec{lanes}\n") == float(f"{whole}{rest}")


@given(st.text(max_size=20).filter(lambda text: ":" not in text and "Gb/sec" not in text))
def test_other_texts_are_malformed(text: str) -> None:
    with pytest.raises(ParseError, match="a port state"):
        parse_state(text)
    with pytest.raises(ParseError, match="a rate"):
        parse_rate(text)
