"""Reads RDMA devices (InfiniBand, RoCE, iWARP) and their ports.

Paths: /sys/class/infiniband/<name>/{node_guid,ports/<number>/{link_layer,state,rate}}.
Source: Documentation/ABI/stable/sysfs-class-infiniband.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, find_members, read_members
from collectors.model import RdmaDevice, RdmaPort
from collectors.parse import PADDING, ParseError, parse_text
from collectors.reader import FactReader

INFINIBAND = "/sys/class/infiniband"

_ANY_NAME = re.compile(r".+")
_STATE = re.compile(r"[0-9]+: *([A-Za-z_]+)", re.ASCII)
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) Gb/sec(?: \(.*\))?", re.ASCII)


def read_rdma(reader: FactReader) -> tuple[RdmaDevice, ...] | None:
    """Devices by name; None where they cannot be listed.

    Those made of software over an ordinary interface (rxe, siw) hang from no device and are left out.
    """
    members = find_members(reader, INFINIBAND, _ANY_NAME)
    if members is None:
        return None
    return read_members(reader, (member for member in members if not member.virtual), _read_device)


def _read_device(reader: FactReader, member: ClassMember) -> RdmaDevice:
    ports = f"{member.directory}/ports"
    return RdmaDevice(
        name=member.name,
        pci_address=member.pci_address,
        node_guid=reader.value(f"{member.directory}/node_guid", parse_text),
        ports=tuple(_read_port(reader, ports, number) for number in reader.numbered(ports, "") or ()),
    )


def _read_port(reader: FactReader, ports: str, number: int) -> RdmaPort:
    return RdmaPort(
        number=number,
        link_layer=reader.value(f"{ports}/{number}/link_layer", parse_text),
        state=reader.value(f"{ports}/{number}/state", parse_state),
        rate_gbps=reader.value(f"{ports}/{number}/rate", parse_rate),
    )


def parse_state(text: str) -> str:
    """The word of `4: ACTIVE`."""
    match = _STATE.fullmatch(text.strip(PADDING))
    if match is None:
        raise ParseError(text, "a port state")
    return match[1]


def parse_rate(text: str) -> float:
    """Gbit/s from `100 Gb/sec (4X EDR)`."""
    match = _RATE.fullmatch(text.strip(PADDING))
    if match is None:
        raise ParseError(text, "a rate in Gb/sec")
    return float(match[1])
