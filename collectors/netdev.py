"""Reads the network interfaces that stand for hardware.

Paths: /sys/class/net/<name>/{speed,carrier,address,operstate,device/driver}.
Source: Documentation/ABI/testing/sysfs-class-net.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence

from collectors.class_devices import ClassMember, driver_of, find_members, read_members
from collectors.model import NetworkInterface, RdmaDevice
from collectors.parse import PADDING, ParseError, parse_flag, parse_int, parse_text
from collectors.reader import FactReader

NETWORK = "/sys/class/net"

_ANY_NAME = re.compile(r".+")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){1,31}", re.ASCII)

_NOT_NOW = frozenset({errno.EINVAL})
"""What the kernel answers for the speed and the carrier of an interface that is down"""

_UNKNOWN_SPEED = 0xFFFF_FFFF
"""Kernels before 3.x print the driver's -1 without its sign"""


def read_network(reader: FactReader, rdma: Iterable[RdmaDevice] = ()) -> tuple[NetworkInterface, ...] | None:
    """Interfaces by name, those of virtual functions and of virtio too; None where they cannot be listed.

    Only what hangs from a device is hardware. Purely virtual interfaces (loopback, bridges, VLANs, tunnels and the
    veth pairs of pods, of which a node has hundreds) are left out: nobody places a pod by them, and they come and go.

    Args:
        rdma: devices whose names go to the interfaces on the same PCI function.
    """
    members = find_members(reader, NETWORK, _ANY_NAME)
    if members is None:
        return None
    names_by_function: dict[str, list[str]] = {}
    for device in rdma:
        if device.pci_address is not None:
            names_by_function.setdefault(device.pci_address, []).append(device.name)

    def read(reader: FactReader, member: ClassMember) -> NetworkInterface:
        return _read_interface(reader, member, names_by_function.get(member.pci_address or "", ()))

    return read_members(reader, (member for member in members if not member.virtual), read)


def _read_interface(reader: FactReader, member: ClassMember, rdma_names: Sequence[str]) -> NetworkInterface:
    directory = member.directory
    return NetworkInterface(
        name=member.name,
        pci_address=member.pci_address,
        speed_mbps=reader.value(f"{directory}/speed", parse_speed, silent=_NOT_NOW),
        carrier=reader.value(f"{directory}/carrier", parse_flag, silent=_NOT_NOW),
        mac_address=reader.value(f"{directory}/address", parse_mac),
        operstate=reader.value(f"{directory}/operstate", parse_text),
        driver=driver_of(reader, member),
        rdma_devices=tuple(rdma_names),
    )


def parse_speed(text: str) -> int | None:
    """Mbit/s; None for -1 (without link) and 0, with which drivers say that they do not know."""
    speed = parse_int(text)
    return speed if 0 < speed < _UNKNOWN_SPEED else None


def parse_mac(text: str) -> str | None:
    """A hardware address of 2 to 32 octets (InfiniBand has 20); None for the bare newline of a kind without one."""
    stripped = text.strip(PADDING).lower()
    if text and not stripped:
        return None
    if not _MAC.fullmatch(stripped):
        raise ParseError(text, "a hardware address")
    return stripped
