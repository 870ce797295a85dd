"""The pages on the kubelet's configuration and on troubleshooting say what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.nodes import CONFIGURATIONS, HOSTS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = ("kubelet-config.md", "troubleshooting.md")
_EXAMPLE = re.compile(
    r"^```console\n\$ numascope ([^\n]+ --host \S+\.tar\.xz)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"^`(\S+\.yaml)`:\n\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

EXAMPLES = [
    (arguments, printed)
    for page in PAGES
    for arguments, printed in _EXAMPLE.findall((DOCS / page).read_text())
]
FILES = [(page, name, text) for page in PAGES for name, text in _FILE.findall((DOCS / page).read_text())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody who follows the pages sits."""
    folder = tmp_path_factory.mktemp("pages")
    for name, write in HOSTS.items():
        (folder / name).mkdir()
        write(folder / name)
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("arguments", "printed"), EXAMPLES, ids=[arguments for arguments, _ in EXAMPLES])
def test_an_example_prints_what_the_page_says(
    arguments: str,
    printed: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(folder)
    assert main(arguments.split()) in (0, 1, 2)
    out, err = capsys.readouterr()
    assert (out or err) == printed


def test_every_page_has_examples() -> None:
    assert len(EXAMPLES) >= 11


@pytest.mark.parametrize(("page", "name", "text"), FILES, ids=[f"{page}: {name}" for page, name, _ in FILES])
def test_a_file_on_a_page_is_the_one_that_is_used(page: str, name: str, text: str) -> None:
    assert text == CONFIGURATIONS[name]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_to_nothing_that_is_not_there(page: str) -> None:
    text = (DOCS / page).read_text()
    links = [target for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in target]
    assert [target for target in links if not (DOCS / target).exists()] == []
