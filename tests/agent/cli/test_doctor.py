"""`numascope doctor` at the command line: which machine, which node, exit status and form."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from agent.__main__ import main
from agent.cli.access import node_name_of, open_credentials, own_credentials
from agent.cli.doctor import SETTINGS
from agent.kube.credentials import Kubeconfig
from agent.kube.errors import CredentialsError
from agent.settings import default_node_name, rows
from tests.hosts.machine import write_machine
from tests.hosts.shapes import DESKTOP


@pytest.fixture
def desktop(tmp_path: Path) -> Path:
    """A captured machine."""
    host = tmp_path / "host"
    host.mkdir()
    write_machine(DESKTOP, host)
    return host


def test_a_machine_with_nothing_wrong_gives_status_0(
    desktop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--host", str(desktop)]) == 0
    assert capsys.readouterr().out.splitlines()[2] == (
        "note: nothing is known of a kubelet: this is about the machine alone [no-kubelet]"
    )


@pytest.mark.parametrize(("form", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_an_error_gives_status_1_and_programs_every_finding(
    desktop: Path, capsys: pytest.CaptureFixture[str], form: str, parse: object
) -> None:
    (desktop / "kubelet").mkdir()
    (desktop / "kubelet/cpu_manager_state").write_text("{")
    assert callable(parse)
    assert main(["doctor", "--host", str(desktop), "-o", form]) == 1
    findings = parse(capsys.readouterr().out)["findings"]
    assert (findings[0]["check"], findings[0]["severity"]) == ("state-file", "error")


def test_this_machine_is_looked_at_without_a_kubelet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--kubelet-root", str(tmp_path), "-o", "json"]) in (0, 1)
    checks = {each["check"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert "no-kubelet" in checks


def test_with_credentials_the_api_server_is_asked_too(
    kubeconfig: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "--kubelet-root", str(tmp_path), "--kubeconfig", str(kubeconfig), "-o", "json"]
    assert main([*arguments, "--node-name", "numa0"]) in (0, 1)
    findings = {each["check"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["api-unreachable"]["severity"] == "warning"


def test_a_captured_machine_has_published_nothing(desktop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--host", str(desktop), "--fingerprint"]) == 2
    assert "leave --fingerprint out" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_said_in_one_line(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "--fingerprint", "--kubeconfig", str(kubeconfig), "--node-name", "numa0"]
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "noderesourcetopologies" in line


def test_every_flag_is_a_setting_of_the_agents() -> None:
    assert {key for key, _ in rows()} > SETTINGS


def test_credentials_are_those_that_somebody_named_or_the_usual_ones(kubeconfig: Path) -> None:
    credentials = open_credentials(str(kubeconfig), {})
    assert isinstance(credentials, Kubeconfig)
    assert isinstance(own_credentials(str(kubeconfig), {}), Kubeconfig)
    assert own_credentials(None, {}) is None
    assert node_name_of(credentials, {"NODE_NAME": "numa0"}) == "numa0"
    assert node_name_of(credentials, {}) == default_node_name(os.environ | {"NODE_NAME": ""})


def test_credentials_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=str(tmp_path)):
        open_credentials(str(tmp_path / "none"), {})
