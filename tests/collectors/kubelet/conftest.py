"""The recordings, unpacked once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.collectors.kubelet.recordings import Recorded
from tests.shared import shared_folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What a real kubelet answered and wrote down; skips the test where there are no recordings."""
    archive = shared_folder("kubelet") / "recordings.tar.xz"
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")

    def find(pattern: str) -> list[Path]:
        found = sorted(folder.glob(f"**/{pattern}"))
        assert found, f"no recorded {pattern}"
        return found

    return find
