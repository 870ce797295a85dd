"""Reads a manifest from a file or standard input: the only I/O here."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.workloads.documents import MAX_BYTES
from agent.workloads.errors import ManifestError
from agent.workloads.manifest import parse_manifest
from agent.workloads.model import Manifest

STANDARD_INPUT = "-"


def read_manifest(path: str, *, namespace: str | None = None, replicas: int | None = None) -> Manifest:
    """The workloads in a file, or in what comes on standard input (`-`); see `parse_manifest`. Raises ManifestError."""
    where = "standard input" if path == STANDARD_INPUT else path
    try:
        if path == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise ManifestError(f"{where}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{where}: not UTF-8 at byte {error.start}") from None
    try:
        return parse_manifest(text, namespace=namespace, replicas=replicas)
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from None
