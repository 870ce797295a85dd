"""One entry, one line, whatever is in it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from agent import logs
from agent.timestamps import format_timestamp

pytestmark = pytest.mark.usefixtures("root_logger")

log = logging.getLogger("numascope.test")


def configured(log_format: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(log_format, level, stream)
    return stream


def test_text_has_time_level_and_message() -> None:
    stream = configured("text")
    log.warning("%d files", 3)
    time, level, message = stream.getvalue().rstrip("\n").split(" ", 2)
    assert time.endswith("Z")
    assert len(time) == len("2026-01-31T09:00:00.000Z")
    assert (level, message) == ("WARNING", "3 files")


def test_json_is_an_object_a_line() -> None:
    stream = configured("json")
    log.info('quote " and\nbreak')
    log.error("again")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("info", log.name, 'quote " and\nbreak')
    assert second["level"] == "error"
    assert "traceback" not in second


def test_lines_breaks_and_control_characters_stay_in_one_line() -> None:
    stream = configured("text")
    log.info("a\nb\x1b[31mc — ü")
    assert stream.getvalue().endswith(" INFO a\\nb\\x1b[31mc — ü\n")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_is_in_the_same_line(log_format: str) -> None:
    stream = configured(log_format)
    try:
        raise ZeroDivisionError("boom")
    except ZeroDivisionError:
        log.exception("failed")
    assert stream.getvalue().count("\n") == 1
    assert "ZeroDivisionError: boom" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_without_end_is_cut(log_format: str) -> None:
    stream = configured(log_format)
    log.info("x" * 100_000)
    assert len(stream.getvalue()) < 5_000


def test_what_is_less_important_is_not_written() -> None:
    stream = configured("text", level="error")
    log.warning("no")
    log.error("yes")
    assert stream.getvalue().endswith(" ERROR yes\n")
    assert stream.getvalue().count("\n") == 1


def test_timestamps_round_to_milliseconds_and_carry() -> None:
    assert format_timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert format_timestamp(1_700_000_000.9996) == "2023-11-14T22:13:21.000Z"
