"""Reads NVMe controllers with their namespaces, and the other disks that stand for hardware.

Paths: /sys/class/nvme/<name>/{model,serial,transport}, /sys/block/<name>/{size,queue/logical_block_size,
queue/rotational,device/model}. Sources: Documentation/ABI/stable/sysfs-block, and the layouts below.

A namespace is one block device below its controller (`nvme0/nvme0n1`). With native multipath (kernel 4.15 and later,
on by default) it belongs to the subsystem, `/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1`, as several
controllers may lead to it; each controller then has a hidden path to it, `nvme1/nvme0c1n1`. The first number is
that of the subsystem, which need not be that of the controller.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, find_members, read_members
from collectors.model import Disk, NvmeController, NvmeNamespace
from collectors.parse import parse_count, parse_flag, parse_text
from collectors.reader import FactReader

NVME = "/sys/class/nvme"
BLOCK = "/sys/block"

SECTOR_BYTES = 512
"""The unit of block devices' `size`, whatever their own block size is."""

_CONTROLLER = re.compile(r"nvme[0-9]+", re.ASCII)
_NAMESPACE_OR_PATH = re.compile(r"(nvme[0-9]+)(c[0-9]+)?(n[0-9]+)", re.ASCII)
_ANY_NAME = re.compile(r".+")


def read_nvme(reader: FactReader) -> tuple[NvmeController, ...] | None:
    """Controllers by name, those over a network too (they have no PCI address); None where they cannot be listed.

    A namespace with several paths is with each controller that leads to it.
    """
    members = find_members(reader, NVME, _CONTROLLER)
    if members is None:
        return None
    return read_members(reader, members, _read_controller)


def _read_controller(reader: FactReader, member: ClassMember) -> NvmeController:
    directory = member.directory
    return NvmeController(
        name=member.name,
        pci_address=member.pci_address,
        model=reader.value(f"{directory}/model", parse_text),
        serial=reader.value(f"{directory}/serial", parse_text),
        transport=reader.value(f"{directory}/transport", parse_text),
        namespaces=_read_namespaces(reader, directory),
    )


def _read_namespaces(reader: FactReader, controller: str) -> tuple[NvmeNamespace, ...]:
    members = find_members(reader, controller, _NAMESPACE_OR_PATH) or ()
    return read_members(reader, members, _read_namespace)


def _read_namespace(reader: FactReader, member: ClassMember) -> NvmeNamespace:
    match = _NAMESPACE_OR_PATH.fullmatch(member.name)
    name = f"{match[1]}{match[3]}" if match is not None else member.name
    directory = member.directory
    if name != member.name:
        directory = reader.real_path(f"{BLOCK}/{name}") or directory
    return NvmeNamespace(
        name=name,
        size_bytes=_read_size(reader, directory),
        logical_block_bytes=reader.value(f"{directory}/queue/logical_block_size", parse_count),
    )


def read_disks(reader: FactReader) -> tuple[Disk, ...] | None:
    """Every other disk by name, also without medium; None where they cannot be listed.

    What hangs from no device (loop, RAM, mapper, multi-disk, network block devices) is left out, and so is what hangs
    from an NVMe controller, which tells it. Namespaces of kernels without that class are disks.
    """
    members = find_members(reader, BLOCK, _ANY_NAME)
    if members is None:
        return None
    others = (member for member in members if not member.virtual and not _hangs_from_controller(member))
    return read_members(reader, others, _read_disk)


def _hangs_from_controller(member: ClassMember) -> bool:
    return _CONTROLLER.fullmatch(member.directory.split("/")[-2]) is not None


def _read_disk(reader: FactReader, member: ClassMember) -> Disk:
    return Disk(
        name=member.name,
        pci_address=member.pci_address,
        size_bytes=_read_size(reader, member.directory),
        model=reader.value(f"{member.directory}/device/model", parse_text),
        rotational=reader.value(f"{member.directory}/queue/rotational", parse_flag),
    )


def _read_size(reader: FactReader, directory: str) -> int | None:
    sectors = reader.value(f"{directory}/size", parse_count)
    return None if sectors is None else sectors * SECTOR_BYTES
