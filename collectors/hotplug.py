"""Kernel events about hardware, turned into a wake-up and nothing more: what changed is read from the machine anyway.

Source: uevents over netlink (Documentation/driver-api/driver-model; lib/kobject_uevent.c), through libudev. The
kernel's own events are taken, not those that udevd sends on, since there is no udevd in a container. They reach a
pod's network namespace but for those of network and InfiniBand devices, whose PCI device has an event too.

Nothing here waits and nothing here is asynchronous: the caller watches `fileno()` and calls `drain()`.
"""

from __future__ import annotations

import errno
from typing import Any, Protocol

from collectors.errors import NumascopeError

SUBSYSTEMS = (
    "cpu",
    "node",
    "memory",
    "memory_tiering",
    "pci",
    "net",
    "infiniband",
    "nvme",
    "block",
    "drm",
    "accel",
    "dax",
    "cxl",
)
"""What the collectors read; events of the rest (USB, sound, power supply, …) wake nobody."""

DRAIN_LIMIT = 512
"""Events taken at once: in a storm the caller gets to do other things in between."""


class HotplugError(NumascopeError):
    """Kernel events cannot be had here; the text says why."""


class EventSource(Protocol):
    """Something that tells that hardware changed."""

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to drain."""
        ...

    def drain(self) -> bool:
        """Takes what has arrived, without waiting; whether it was about hardware that we read.

        Raises HotplugError where no more events will come.
        """
        ...

    def close(self) -> None:
        """Lets go of the socket."""
        ...


class KernelEvents:
    """Uevents of the subsystems that the collectors read."""

    def __init__(self, monitor: Any) -> None:
        self._monitor = monitor
        self._descriptor: int = monitor.fileno()

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> bool:
        seen = False
        for _ in range(DRAIN_LIMIT):
            try:
                if self._monitor.poll(timeout=0) is None:
                    # Either nothing is left, or libudev has passed over an event of another subsystem and there is
                    # more: then the descriptor stays readable and we are called again.
                    return seen
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise HotplugError(f"kernel events ended: {error.strerror or error}") from error
                # The socket was full and events are lost. Which ones does not matter: something changed.
            seen = True
        return seen

    def close(self) -> None:
        # libudev closes the socket when the last reference goes.
        self._monitor = None


def open_kernel_events() -> KernelEvents:
    """Starts to listen to the kernel; raises HotplugError where libudev or netlink cannot be had."""
    try:
        import pyudev  # noqa: PLC0415 - a container may be without libudev, and hotplug may be off
        from pyudev._ctypeslib import utils  # noqa: PLC0415
    except ImportError as error:
        raise HotplugError(f"pyudev cannot be imported: {error}") from error
    # pyudev asks ctypes where libudev is, and ctypes runs ldconfig or a compiler to find out. This process starts no
    # programs, and a small image has neither; the loader itself knows.
    utils.find_library = _library_name
    try:
        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
        for subsystem in SUBSYSTEMS:
            monitor.filter_by(subsystem)
        monitor.start()
    except (ImportError, OSError) as error:
        raise HotplugError(f"libudev cannot be used: {error}") from error
    return KernelEvents(monitor)


def _library_name(name: str) -> str:
    """The loader's name of a library; that of libudev has been libudev.so.1 since 2012."""
    return f"lib{name}.so.1"
