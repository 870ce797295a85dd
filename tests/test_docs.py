"""The pages of commands say what the commands do."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.cli import COMMANDS, load
from tests.gpu_server import GPU_SERVER
from tests.hosts.machine import write_machine

ROOT = Path(__file__).resolve().parents[1]
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
README = (ROOT / "README.md").read_text()

EXAMPLES = re.findall(
    r"^```console\n\$ numascope ([^\n]+ --host gpu-server\.tar\.xz)\n(.*?)^```$",
    COMMANDS_PAGE,
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def gpu_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gpu-server")
    write_machine(GPU_SERVER, folder)
    return str(folder)


def own_options(command: str) -> Iterator[str]:
    """The long options and choices that a command adds to the common ones."""
    parser = argparse.ArgumentParser(add_help=False)
    load(command).add_arguments(parser)
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        yield from action.choices or ()


@pytest.mark.parametrize(("arguments", "printed"), EXAMPLES, ids=[arguments for arguments, _ in EXAMPLES])
def test_an_example_prints_what_the_page_says(
    arguments: str,
    printed: str,
    gpu_server: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main([gpu_server if word == "gpu-server.tar.xz" else word for word in arguments.split()]) == 0
    assert capsys.readouterr().out == printed


def test_there_are_examples_to_compare() -> None:
    assert [arguments.split()[0] for arguments, _ in EXAMPLES] == ["show", "topo", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_every_command_with_its_options(command: str) -> None:
    section = COMMANDS_PAGE.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    assert section
    settings_page = (ROOT / "docs" / "settings.md").read_text() if command == "agent" else ""
    missing = [option for option in own_options(command) if option.lstrip("-") not in section + settings_page]
    assert [option for option in missing if option not in ("--output", "--config")] == []


@pytest.mark.parametrize("page", [README, COMMANDS_PAGE], ids=["README.md", "docs/commands.md"])
def test_a_page_links_to_nothing_that_is_not_there(page: str) -> None:
    base = ROOT if page is README else ROOT / "docs"
    links = [target for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page) if "://" not in target]
    assert links
    assert [target for target in links if not (base / target).exists()] == []


def test_make_targets_that_the_readme_names_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"run", "test"} <= named <= targets
