from __future__ import annotations

from pathlib import Path

from collectors.model import AllowedSet, System
from collectors.system import read_system
from tests.collectors.machines import ids
from tests.collectors.trees import reader_of


def test_release_and_cpuset_are_read(tmp_path: Path) -> None:
    files = {
        "/proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
        "/proc/self/cpuset": "/\n",
        "/proc/mounts": "none /dev/cpuset cpuset rw 0 0\n",
        "/dev/cpuset/cpus": "2-3\n",
    }

    assert read_system(reader_of(tmp_path, files)) == System(
        kernel_release="6.8.0-45-generic", allowed=AllowedSet(cpus=ids(2, 3))
    )


def test_a_machine_that_says_nothing_leaves_everything_unknown(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})

    assert read_system(reader) == System()
    assert reader.problems == ()
