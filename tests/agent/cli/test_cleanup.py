"""`numascope cleanup` at the command line: which cluster, which node, and what is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.publish import labels


def test_a_server_that_is_not_there_is_a_failure_of_each_thing(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cleanup", "--kubeconfig", str(kubeconfig), "--node-name", "numa0"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    lines = error.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "failed: NodeResourceTopology numa0",
        "failed: Numatopology numa0",
        "failed: labels of node numa0",
    ]


def test_a_kubeconfig_that_is_not_there_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cleanup", "--kubeconfig", str(tmp_path / "none")]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_a_captured_machine_has_nothing_to_clean_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", os.devnull, "cleanup"]) == 2
    assert "a captured machine has published nothing" in capsys.readouterr().err


def test_the_feature_file_is_where_node_feature_discovery_looks() -> None:
    assert str(labels.FEATURE_FILE) == "/etc/kubernetes/node-feature-discovery/features.d/numascope"
