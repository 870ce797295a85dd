"""Finds the members of a class of devices, and what each hangs from.

A class directory (/sys/class/net, /sys/block, /sys/bus/dax/devices) holds a link for each member, into the place of
the device under /sys/devices. Kernels before 2.6.26, and some captures, have directories there, with a link `device`
to what the member hangs from. Source: Documentation/admin-guide/sysfs-rules.rst.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TypeVar

from collectors.errors import HostError
from collectors.model import (
    Accelerator,
    CxlMemory,
    DaxDevice,
    Disk,
    DrmCard,
    NetworkInterface,
    NvmeController,
    NvmeNamespace,
    RdmaDevice,
)
from collectors.parse import parse_key_values
from collectors.pci_address import nearest_pci_address
from collectors.reader import FactReader

Facts = (
    Accelerator
    | CxlMemory
    | DaxDevice
    | Disk
    | DrmCard
    | NetworkInterface
    | NvmeController
    | NvmeNamespace
    | RdmaDevice
)
T = TypeVar("T", bound=Facts)

_DEVICES = "/sys/devices/"
_VIRTUAL = "/sys/devices/virtual/"
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMember:
    """One device of a class."""

    name: str
    directory: str
    """Where its attributes are, without symbolic links"""
    pci_address: str | None
    """The PCI function that it hangs from, at whatever depth (virtio, SCSI hosts and targets lie between)"""
    virtual: bool
    """Whether it hangs from no device at all: loopback, bridges, loop disks"""


def find_members(
    reader: FactReader, class_directory: str, names: re.Pattern[str]
) -> tuple[ClassMember, ...] | None:
    """The members whose whole name matches, `eth2` before `eth10`; `()` where there is no such class.

    None where the class cannot be listed, which is then among the reader's problems. A link that leads nowhere is no
    member: the device has just gone away, or a capture left out what nobody reads.
    """
    listed = reader.entries(class_directory)
    if listed is None:
        return None
    names_found = sorted(filter(names.fullmatch, listed), key=_natural_order)
    found = ((name, reader.real_path(f"{class_directory}/{name}")) for name in names_found)
    return tuple(_member(reader, name, directory) for name, directory in found if directory is not None)


def read_members(
    reader: FactReader, members: Iterable[ClassMember], read: Callable[[FactReader, ClassMember], T]
) -> tuple[T, ...]:
    """The facts of each member, without those that went away before they told anything."""
    facts = ((member, read(reader, member)) for member in members)
    return tuple(fact for member, fact in facts if _tells_something(fact) or _is_there(reader, member))


def _tells_something(fact: Facts) -> bool:
    """Whether there is more than the name and the place, which come from the listing."""
    known = (getattr(fact, field.name) for field in fields(fact) if field.name not in ("name", "pci_address"))
    return any(value not in (None, ()) for value in known)


def _is_there(reader: FactReader, member: ClassMember) -> bool:
    try:
        return reader.fs.entries(member.directory) is not None
    except HostError:
        return True


def _member(reader: FactReader, name: str, directory: str) -> ClassMember:
    home: str | None = directory
    if not directory.startswith(_DEVICES):
        home = reader.real_path(f"{directory}/device")
    return ClassMember(
        name=name,
        directory=directory,
        pci_address=None if home is None else nearest_pci_address(home),
        virtual=home is None or home.startswith(_VIRTUAL),
    )


def _natural_order(name: str) -> list[tuple[int, str]]:
    """Numbers within names count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name)]


def driver_of(reader: FactReader, member: ClassMember) -> str | None:
    """The driver of the device that a member hangs from."""
    return read_driver(reader, f"{member.directory}/device")


def read_driver(reader: FactReader, device: str) -> str | None:
    """The driver of a device, None where it has none: from its link, else from uevent.

    Captures often have the link but not what it leads to.
    """
    linked = reader.link_name(f"{device}/driver")
    if linked is not None:
        return linked
    uevent = reader.text(f"{device}/uevent")
    return None if uevent is None else parse_key_values(uevent).get("DRIVER") or None
