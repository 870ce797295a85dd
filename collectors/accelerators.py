"""Reads compute accelerators: of the kernel's own class, and of drivers that brought a class of their own.

Paths: /sys/class/accel/accel<N> (Documentation/accel/introduction.rst) and the classes in ACCELERATOR_CLASSES.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, driver_of, find_members, read_members
from collectors.model import Accelerator
from collectors.reader import FactReader

ACCELERATOR_CLASSES = (
    (
        "/sys/class/accel",
        re.compile(r"accel[0-9]+", re.ASCII),
    ),  # 6.2 and later: Gaudi, Qualcomm, Intel NPU, TPU
    ("/sys/class/ve", re.compile(r"ve[0-9]+", re.ASCII)),  # NEC Vector Engine
    (
        "/sys/class/habanalabs",
        re.compile(r"hl[0-9]+", re.ASCII),
    ),  # Gaudi before 6.2; hl_controlD<N> are beside
    ("/sys/class/neuron_device", re.compile(r"neuron[0-9]+", re.ASCII)),  # AWS Trainium and Inferentia
    ("/sys/class/apex", re.compile(r"apex_[0-9]+", re.ASCII)),  # Google Edge TPU
    ("/sys/class/mic", re.compile(r"mic[0-9]+", re.ASCII)),  # Intel Xeon Phi
)
"""Class directory, and the names in it that are accelerators"""


def read_accelerators(reader: FactReader) -> tuple[Accelerator, ...] | None:
    """Accelerators by class, then number; None where none is known and a class could not be listed.

    Those whose driver names no parent device are kept, without PCI address: they are hardware all the same.
    """
    found: list[Accelerator] = []
    complete = True
    for directory, names in ACCELERATOR_CLASSES:
        members = find_members(reader, directory, names)
        complete = complete and members is not None
        found += read_members(reader, members or (), _read_accelerator)
    return tuple(found) if found or complete else None


def _read_accelerator(reader: FactReader, member: ClassMember) -> Accelerator:
    return Accelerator(name=member.name, pci_address=member.pci_address, driver=driver_of(reader, member))
