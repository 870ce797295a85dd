"""Beds for tests: programs once a session, a bed a module, and a word for each test where there can be none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.bed.programs import BedUnavailableError, Programs, provide_programs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies here, so that `make test` can leave it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Every program of the bed; where one is missing the test is skipped, or fails if E2E says `required`."""
    try:
        return provide_programs()
    except BedUnavailableError as error:
        if os.environ.get("E2E") == "required":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def machine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's synthetic machine is written."""
    return tmp_path_factory.mktemp("machine")
