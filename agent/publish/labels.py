"""Node labels, published in one of two ways: applied to the Node, or handed to node-feature-discovery in a file.

Both take what `agent.views.labels` derives: a value for what is known, None for what is known to be gone, and no entry
for what is unknown. A label is taken away only for None, never because nothing is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.kube.client import Object
from agent.publish.pace import WritePace
from agent.publish.places import NODE
from agent.publish.status import PublishStatus

log = logging.getLogger(__name__)

Labels = Mapping[str, str | None]

FEATURE_FILE: Final = Path("/etc/kubernetes/node-feature-discovery/features.d/numascope")
FILE_LIMIT = 64 << 10
RETRY_SECONDS = 30.0
"""After a file that could not be written; a full disk or a wrong mount passes by no event."""


def node_with_labels(node_name: str, labels: Labels) -> Object:
    """The wish for `NodeLabelsPlace`."""
    metadata = {"name": node_name, "labels": dict(labels)}
    return {"apiVersion": NODE.api_version, "kind": NODE.name, "metadata": metadata}


class FeatureFileKeeper:
    """Keeps a feature file of node-feature-discovery's local source: lines of `key=value`.

    The file is replaced in one step. What it held of labels that are unknown now stays in it, also from an earlier run.

    Source: https://kubernetes-sigs.github.io/node-feature-discovery/stable/usage/customization-guide#local-feature-source
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._pace = WritePace(clock)
        self._news = asyncio.Event()
        self._wanted: Labels | None = None
        self.status = PublishStatus(kind="FeatureFile", name=str(path))

    def want(self, labels: Labels | None) -> None:
        """Takes the latest labels; None where nothing is known. To be called on the event loop."""
        if labels == self._wanted:
            return
        self._wanted = labels
        self.status = replace(self.status, known_equal=False, in_sync_since=None)
        self._news.set()

    async def run(self) -> None:
        """Writes each change until it is cancelled. Raises only what is a defect."""
        while True:
            await self._news.wait()
            self._news.clear()
            labels = self._wanted
            if labels is None:
                continue
            await self._pace.take()
            try:
                # Some hundred bytes on the machine's own disk: a thread would cost more than it spares.
                written = write_feature_file(self._path, labels)
            except OSError as error:
                await self._rest(error)
            else:
                self._mark_written(written=written)

    async def _rest(self, error: OSError) -> None:
        words = f"{error.filename or self._path}: {error.strerror or error}"
        if self.status.error != words:
            log.warning("the feature file cannot be written: %s; trying on", words)
        failures = self.status.failures[0][1] + 1 if self.status.failures else 1
        self.status = replace(self.status, error=words, failures=(("file", failures),))
        await self._clock.sleep(RETRY_SECONDS)
        self._news.set()

    def _mark_written(self, *, written: bool) -> None:
        if self.status.error is not None:
            log.info("the feature file is written again")
        self.status = replace(
            self.status,
            known_equal=not self._news.is_set(),
            in_sync_since=self._clock.monotonic(),
            confirmed_at=self._clock.wall(),
            writes=self.status.writes + written,
            error=None,
        )


def write_feature_file(path: Path, labels: Labels) -> bool:
    """Brings a feature file up to date; returns whether it had to be written. Raises OSError."""
    before = _read(path)
    wanted = {key: value for key, value in {**_parse(before), **labels}.items() if value is not None}
    after = "".join(f"{key}={value}\n" for key, value in sorted(wanted.items()))
    if after == before or (not after and before is None):
        return False
    # node-feature-discovery passes over names that begin with a dot.
    temporary = path.with_name(f".{path.name}.unfinished")
    try:
        temporary.write_text(after, encoding="utf-8")
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return True


def remove_feature_file(path: Path, *, dry_run: bool) -> bool:
    """Removes the file, unless it is a dry run; returns whether there was one. Raises OSError."""
    if not os.path.lexists(path):
        return False
    if not dry_run:
        path.unlink(missing_ok=True)
    return True


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(FILE_LIMIT)
    except FileNotFoundError:
        return None


def _parse(text: str | None) -> dict[str, str]:
    """What an earlier run wrote; anything else in the file is not ours to keep."""
    pairs = (line.partition("=") for line in (text or "").splitlines())
    return {key: value for key, separator, value in pairs if key and separator and not key.startswith("#")}
