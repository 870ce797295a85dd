"""The kubelet's files where they are mounted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.kubelet.files import KubeletFiles, mark_of

POOL = '{"policyName":"static","defaultCpuSet":"0-3","checksum":1}'
SMALLER_POOL = '{"policyName":"static","defaultCpuSet":"0,3","checksum":2}'


def replace_file(path: Path, text: str) -> None:
    """As the kubelet does: by a rename."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


@pytest.mark.asyncio
async def test_without_a_mount_there_is_nothing(tmp_path: Path) -> None:
    files = KubeletFiles(str(tmp_path))
    await files.read()
    assert (files.mounted, files.changed(), files.checkpoints) == (False, False, None)


@pytest.mark.asyncio
async def test_a_file_that_is_replaced_is_seen_and_read_again(tmp_path: Path) -> None:
    state = tmp_path / "cpu_manager_state"
    replace_file(state, POOL)
    files = KubeletFiles(str(tmp_path))
    assert files.changed()
    await files.read()
    first = files.checkpoints
    assert first is not None
    assert first.cpu is not None
    assert first.cpu.shared_cpus == frozenset({0, 1, 2, 3})
    await files.read()
    assert (files.mounted, files.changed(), files.checkpoints is first) == (True, False, True)
    replace_file(state, SMALLER_POOL)
    assert files.changed()
    await files.read()
    assert files.checkpoints is not None
    assert files.checkpoints.cpu is not None
    assert files.checkpoints.cpu.shared_cpus == frozenset({0, 3})


@pytest.mark.asyncio
async def test_a_plugin_that_comes_is_seen_by_its_directory(tmp_path: Path) -> None:
    (tmp_path / "device-plugins").mkdir()
    os.utime(tmp_path / "device-plugins", ns=(0, 0))
    files = KubeletFiles(str(tmp_path))
    await files.read()
    assert (files.mounted, files.checkpoints) == (True, None)
    (tmp_path / "device-plugins" / "gpu.sock").write_text("")
    assert files.changed()


@pytest.mark.asyncio
async def test_files_that_go_are_known_no_longer(tmp_path: Path) -> None:
    state = tmp_path / "cpu_manager_state"
    replace_file(state, POOL)
    files = KubeletFiles(str(tmp_path))
    await files.read()
    state.unlink()
    await files.read()
    assert files.checkpoints is None


@pytest.mark.asyncio
async def test_a_file_that_is_malformed_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "cpu_manager_state"
    files = KubeletFiles(str(tmp_path))
    for text in ("{", "{", POOL, "{"):
        replace_file(state, text)
        await files.read()
    assert len([each for each in caplog.messages if "cannot all be used" in each]) == 2


def test_a_mark_changes_with_the_file_behind_a_path(tmp_path: Path) -> None:
    path = tmp_path / "kubelet.sock"
    assert mark_of(str(path)) is None
    path.write_text("")
    before = mark_of(str(path))
    (tmp_path / "other").write_text("")
    (tmp_path / "other").rename(path)
    assert mark_of(str(path)) not in (None, before)
