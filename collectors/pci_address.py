"""PCI addresses as they stand in the paths of sysfs: pure text, no I/O.

A function's directory lies in that of the bridge above it, up to the root complex:
`/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0`. What drivers make of a function lies below it in turn.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
_ROOT_COMPLEX = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}", re.ASCII)


def is_pci_address(name: str) -> bool:
    """Whether it is an address as the kernel writes it, `0000:3b:00.0`. Domains have 4 to 8 digits."""
    return _ADDRESS.fullmatch(name) is not None


def nearest_pci_address(path: str) -> str | None:
    """The PCI function that something hangs from: the last address in its path, None where there is none."""
    return next((name for name in reversed(path.split("/")) if is_pci_address(name)), None)


def pci_path(path: str) -> tuple[str, ...]:
    """Root complex, bridges and functions in a path, outermost first; `()` where it has no root complex.

    The root complex need not be the first name (`/sys/devices/platform/40000000.pcie/pci0000:00`), nor the only one:
    a bridge that makes a domain of its own has a root complex below it.
    """
    names = [name for name in path.split("/") if is_pci_address(name) or _ROOT_COMPLEX.fullmatch(name)]
    return tuple(names) if names and names[0].startswith("pci") else ()


def assumed_pci_path(address: str) -> tuple[str, ...]:
    """The path of a function of which only the address is known: below a root complex named for domain and bus."""
    return f"pci{address.rpartition(':')[0]}", address


def pci_order(address: str) -> tuple[int, str]:
    """A key that sorts addresses by domain, bus, slot and function: longer domains are higher ones."""
    return len(address), address
