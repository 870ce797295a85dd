"""Whether a machine is alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import surroundings
from agent.settings import Settings
from agent.surroundings import has_kubelet, in_pod, is_alone

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(kubelet_root=str(tmp_path))


def test_a_machine_without_kubelet_and_cluster_is_alone(settings: Settings) -> None:
    assert is_alone(settings, {})


def test_a_kubelet_that_has_run_here_is_company(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pod-resources").mkdir()
    assert has_kubelet(settings)
    assert not is_alone(settings, {})


def test_so_is_a_cluster_that_has_given_us_a_token(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "TOKEN", str(tmp_path / "token"))
    assert not in_pod(POD)
    (tmp_path / "token").write_text("a.b.c")
    assert in_pod(POD)
    assert not in_pod({})
    assert not is_alone(settings, POD)


def test_so_is_one_that_a_kubeconfig_leads_to(tmp_path: Path) -> None:
    assert not is_alone(Settings(kubelet_root=str(tmp_path), kubeconfig="/root/.kube/config"), {})
