"""Where the captured machines lie that do not belong to this project, and the word for their absence."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""A folder beside the checkout with captured machines, recordings and vectors."""


def shared_folder(name: str) -> Path:
    """The folder `../shared/<name>`; skips the test that asks where it is absent."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/{name}, a folder beside the checkout that is not part of the project")
    return folder
