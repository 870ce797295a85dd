"""Builds the oracle for one minor version of Kubernetes, once; it is kept outside the tree, by version and source."""

from __future__ import annotations

from pathlib import Path

from tests.golang import cache_folder, digest_of, go_build, locked

SOURCES = Path(__file__).with_name("program")


def provide_oracle() -> Path:
    """The oracle of the version that program/go.mod names. Raises GoUnavailableError where it cannot be built."""
    cache = cache_folder() / "oracle"
    program = cache / digest_of(SOURCES) / "oracle"
    with locked(cache / "lock"):
        if not program.exists():
            go_build(".", program, sources=SOURCES)
    return program
