"""docs/predict.md: its examples print what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.gpu_server import GPU_SERVER
from tests.hosts.machine import write_machine

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "predict.md").read_text()
ARCHIVE = "gpu-server.tar.xz"

(MANIFEST,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = re.findall(r"^```console\n\$ numascope ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def gpu_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gpu-server")
    write_machine(GPU_SERVER, folder)
    return str(folder)


@pytest.mark.parametrize(("arguments", "printed"), EXAMPLES, ids=[arguments for arguments, _ in EXAMPLES])
def test_an_example_prints_what_the_page_says(
    arguments: str,
    printed: str,
    gpu_server: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trainer.yaml").write_text(MANIFEST)
    status = main([gpu_server if word == ARCHIVE else word for word in arguments.split()])
    assert capsys.readouterr().out.replace(gpu_server, ARCHIVE) == printed
    assert status == (1 if "refused" in printed else 0)


def test_both_commands_have_examples() -> None:
    assert {arguments.split()[0] for arguments, _ in EXAMPLES} == {"predict", "headroom"}
