"""Kernel events through the real libudev, where there is one, and through what stands for it where it fails."""

from __future__ import annotations

import errno
import os
import select
import sys
from pathlib import Path

import pytest

from collectors.hotplug import DRAIN_LIMIT, HotplugError, KernelEvents, open_kernel_events

CPU_UEVENT = Path("/sys/devices/system/cpu/cpu0/uevent")
TTY_UEVENT = Path("/sys/class/tty/tty0/uevent")


class Monitor:
    """Stands for pyudev's: hands out what it was given, then nothing."""

    def __init__(self, *events: object) -> None:
        self._events = list(events)

    def fileno(self) -> int:
        return 7

    def poll(self, timeout: float) -> object:
        assert timeout == 0
        event = self._events.pop(0) if self._events else None
        if isinstance(event, OSError):
            raise event
        return event


@pytest.fixture
def kernel() -> KernelEvents:
    try:
        return open_kernel_events()
    except HotplugError as error:
        pytest.skip(f"no kernel events here: {error}")


def provoke(path: Path) -> None:
    """Asks the kernel to send an event of that device once more (Documentation/ABI/testing/sysfs-uevent)."""
    if not os.access(path, os.W_OK):
        pytest.skip(f"{path} cannot be written: only root may ask for events")
    path.write_text("change")


def readable(events: KernelEvents) -> bool:
    return bool(select.select([events.fileno()], [], [], 2.0)[0])


def test_an_event_of_a_cpu_arrives(kernel: KernelEvents) -> None:
    assert not kernel.drain()
    provoke(CPU_UEVENT)
    assert readable(kernel)
    assert kernel.drain()
    assert not kernel.drain()
    kernel.close()


def test_an_event_of_another_subsystem_is_passed_over(kernel: KernelEvents) -> None:
    provoke(TTY_UEVENT)
    assert readable(kernel)
    assert not kernel.drain()


def test_listening_starts_no_program(kernel: KernelEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    open_kernel_events().close()


def test_an_overrun_is_one_event() -> None:
    lost = OSError(errno.ENOBUFS, "No buffer space available")
    events = KernelEvents(Monitor(lost))
    assert events.drain()
    assert not events.drain()


def test_a_storm_is_drained_in_parts() -> None:
    events = KernelEvents(Monitor(*[object()] * (DRAIN_LIMIT + 1)))
    assert events.drain()
    assert events.drain()
    assert not events.drain()


def test_a_broken_socket_ends_the_events_with_a_reason() -> None:
    events = KernelEvents(Monitor(OSError(errno.EBADF, "Bad file descriptor")))
    with pytest.raises(HotplugError, match="kernel events ended: Bad file descriptor"):
        events.drain()


def test_a_missing_pyudev_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyudev", None)
    with pytest.raises(HotplugError, match="pyudev cannot be imported"):
        open_kernel_events()


def test_a_missing_libudev_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.hotplug._library_name", lambda name: f"lib{name}-absent.so.1")
    with pytest.raises(HotplugError, match=r"libudev cannot be used: libudev-absent\.so\.1: cannot open"):
        open_kernel_events()
