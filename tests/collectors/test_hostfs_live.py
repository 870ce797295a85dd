"""What only the files of a running kernel do: /proc hands out records, sysfs attributes."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.hostfs import DirectoryFS


def test_a_proc_file_of_many_records_is_read_to_its_end() -> None:
    whole = DirectoryFS("/").read("/proc/self/smaps")

    assert whole is not None
    assert len(whole) > 3 * 4096  # each read gives less than a page of it


def test_a_limit_stops_within_a_proc_file_of_many_records() -> None:
    head = DirectoryFS("/").read("/proc/self/smaps", limit=6000)

    assert head is not None
    assert len(head) == 6000


def test_sysfs_of_this_machine_is_read_as_the_machine_says() -> None:
    online = Path("/sys/devices/system/cpu/online")
    if not online.exists():
        pytest.skip("this machine has no /sys/devices/system/cpu/online")

    assert DirectoryFS("/").read(str(online)) == online.read_bytes()
