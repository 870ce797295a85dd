"""What every test gets: hygiene, and golden files."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite golden files and generated documents")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--golden` only the tests that have a golden file run."""
    if config.getoption("--golden"):
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]


@pytest.fixture(autouse=True)
def _hygiene(request: pytest.FixtureRequest) -> None:
    """Every test that runs on an event loop leaves no task behind."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_leftover_tasks")


@pytest_asyncio.fixture
async def no_leftover_tasks() -> AsyncIterator[None]:
    """Fails the test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    current = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not current and not task.done()]
    assert not left, f"tasks were left behind: {left}"


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Puts the root logger back as it was, for tests that configure the log of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with the file that holds what is right; `make golden` (`--golden`) rewrites the file."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing; `make golden` writes it"
        assert path.read_text(encoding="utf-8") == text, f"{path.name} differs; `make golden` rewrites it"

    return compare
