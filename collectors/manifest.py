"""What a capture says of itself: the member `numascope.json` at its root.

A captured machine without one (packed by hand, or by another program) is as good; it only tells less.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import get_args

from collectors.errors import CaptureError, UnreadableError
from collectors.hostfs import HostFS
from collectors.parse import ParseError
from collectors.recording import Failure, Look
from collectors.strictjson import MAX_BYTES, JsonValue, parse_json

MANIFEST_PATH = "/numascope.json"

FORMAT = 1
"""Rises when an older numascope would misread what a newer one writes; new fields do not raise it"""

MAX_FAILURES = 10_000
"""Failures kept and taken: a machine has a few, some drivers one for each CPU."""

_LOOKS: dict[str, Look] = {look: look for look in get_args(Look)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Where a capture comes from and what is missing in it."""

    version: str
    """Of the numascope that made it"""
    taken_at: float
    """When the machine was read, in seconds since the epoch"""
    architecture: str | None = None
    """As `uname -m` says; None where it could not be told"""
    kernel_release: str | None = None
    redacted: tuple[tuple[str, int], ...] | None = None
    """(what was left out, in how many places); None where nothing was to be (`--full`)"""
    failures: tuple[Failure, ...] = ()
    """What the machine did not answer"""


def format_manifest(manifest: Manifest) -> str:
    """The manifest as JSON; same manifest, same text."""
    plain = {
        "format": FORMAT,
        "numascope": manifest.version,
        "taken_at": manifest.taken_at,
        "architecture": manifest.architecture,
        "kernel_release": manifest.kernel_release,
        "redacted": None if manifest.redacted is None else dict(manifest.redacted),
        "unreadable": [
            {"look": failure.look, "path": failure.path, "reason": failure.reason, "errno": failure.errno}
            for failure in manifest.failures[:MAX_FAILURES]
        ],
    }
    return json.dumps(plain, indent=1) + "\n"


def parse_manifest(text: str) -> Manifest:
    """The manifest that `format_manifest` wrote; raises ParseError where the text is no such thing."""
    document = parse_json(text, "a manifest of a capture")
    if document.get("format").integer() > FORMAT:
        document.get("format").fail(f"{FORMAT} or less (a newer numascope made it: take that one)")
    redacted = document.get("redacted")
    failures = [_failure(value) for value in islice(document.get("unreadable").elements(), MAX_FAILURES)]
    return Manifest(
        version=document.get("numascope").text(),
        taken_at=document.get("taken_at").number(),
        architecture=_text_or_none(document.get("architecture")),
        kernel_release=_text_or_none(document.get("kernel_release")),
        redacted=None if redacted.is_null else tuple((key, n.integer()) for key, n in redacted.items()),
        failures=tuple(failures),
    )


def read_manifest(fs: HostFS, source: str) -> Manifest | None:
    """What a capture says of itself, or None where it says nothing.

    Args:
        fs: the capture's files.
        source: what the person called it, for errors.

    Raises CaptureError where the manifest cannot be read, or is none of ours.
    """
    try:
        data = fs.read(MANIFEST_PATH, MAX_BYTES)
        return None if data is None else parse_manifest(data.decode("utf-8", "replace"))
    except (UnreadableError, ParseError) as error:
        raise CaptureError(source, f"its numascope.json cannot be used: {error}") from error


def _failure(value: JsonValue) -> Failure:
    look, number = value.get("look").text(), value.get("errno")
    if look not in _LOOKS:
        value.get("look").fail("one of " + ", ".join(_LOOKS))
    return Failure(
        look=_LOOKS[look],
        path=value.get("path").text(),
        reason=value.get("reason").text(),
        errno=None if number.is_null else number.integer(largest=4095),
    )


def _text_or_none(value: JsonValue) -> str | None:
    return None if value.is_null else value.text()
