"""The log: one line an entry on standard error, in UTC, as text for people or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

from agent.timestamps import format_timestamp

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MESSAGE_LIMIT = 4_000
"""Characters of one message at most: what a broken file says must not fill a disk."""


def configure(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Sends every log entry of this process to `stream` (standard error) in that format, from that level on."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    # Who looked at the record's thread and process would find one of each; not asking saves two calls an entry.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class TextFormatter(logging.Formatter):
    """`2026-01-31T09:00:00.000Z INFO message`, with line breaks and control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        return f"{format_timestamp(record.created)} {record.levelname} {_one_line(message)}"


class JsonFormatter(logging.Formatter):
    """An object with time, level, logger, message and, where there is one, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": format_timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:MESSAGE_LIMIT],
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)[:MESSAGE_LIMIT]
        return json.dumps(entry, ensure_ascii=False)


def _one_line(text: str) -> str:
    shown = text if len(text) <= MESSAGE_LIMIT else f"{text[:MESSAGE_LIMIT]}…"
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in shown)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
