"""Recorded scenarios, unpacked once."""

from __future__ import annotations

import tarfile

import pytest

from tests.agent.admission.replay import Replay, replays
from tests.shared import shared_folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Replay]:
    """The scenarios in which pods came one after the other."""
    folder = tmp_path_factory.mktemp("recordings")
    with tarfile.open(shared_folder("kubelet") / "recordings.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return replays(folder)
