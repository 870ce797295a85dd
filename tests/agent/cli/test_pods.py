"""`numascope pods` at the command line: whose pods, which of them, and in which form."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from agent.__main__ import main
from agent.views.alignment import plain_alignment
from collectors.kubelet.plain import format_answers
from collectors.model.kubelet import KubeletAnswers
from tests.agent.views.kubelets import POOL, holds
from tests.agent.views.test_alignment import ALIGNMENT
from tests.fakes.apiserver import Answer, serve
from tests.hosts.machine import write_machine
from tests.hosts.shapes import DESKTOP


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A captured machine with the answers of its kubelet."""
    host = tmp_path_factory.mktemp("host")
    write_machine(DESKTOP, host)
    (host / "kubelet").mkdir()
    pods = (holds("trainer", cpus=(2, 3)), holds("web", namespace="prod"))
    answers = KubeletAnswers(pods=pods, allocatable=POOL, read_at=0.0)
    (host / "kubelet/podresources.json").write_text(format_answers(answers))
    return str(host)


def test_a_captured_machine_has_its_pods(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pods", "--host", captured]) == 0
    out = capsys.readouterr().out
    assert "default/trainer/main" in out
    assert "prod/web/main" in out


def test_pods_are_chosen_by_namespace_and_name(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pods", "--host", captured, "-n", "prod", "-o", "wide"]) == 0
    out = capsys.readouterr().out
    assert ("prod/web/main" in out, "trainer" in out, "PCI addresses" in out) == (True, False, True)


@pytest.mark.parametrize("arguments", [["nosuch"], ["-n", "prod", "trainer"], ["trainer", "nosuch"]])
def test_a_pod_that_is_not_there_is_an_error(
    arguments: list[str], captured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pods", "--host", captured, *arguments]) == 2
    assert "no such pod" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_every_field(
    captured: str, capsys: pytest.CaptureFixture[str], form: str, parse: object
) -> None:
    assert callable(parse)
    assert main(["pods", "--host", captured, "-o", form]) == 0
    plain = parse(capsys.readouterr().out)
    assert (plain["kind"], [pod["name"] for pod in plain["pods"]]) == ("Alignment", ["trainer", "web"])


@pytest.mark.asyncio
async def test_an_agent_that_is_named_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    async with serve(Answer(body=plain_alignment(ALIGNMENT))) as agent:
        arguments = ["pods", "--agent", agent.url, "-o", "json"]
        assert await asyncio.to_thread(main, arguments) == 0
    assert json.loads(capsys.readouterr().out) == plain_alignment(ALIGNMENT)


def test_a_captured_machine_has_no_agent(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pods", "--host", captured, "--agent", "http://127.0.0.1:9"]) == 2
    assert "leave --agent out" in capsys.readouterr().err


def test_this_machine_without_a_kubelet_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pods", "--kubelet-root", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no such socket" in line
