from __future__ import annotations

import io
import os
import pty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.terminal import fold, print_page, printable
from agent.views.text import Branch, Facts, Page, Section, Table, name, plain, quiet, warn

TREE: Page = (
    Section(
        content=(
            Branch(
                line=(name("package 0"), plain(": 8 cores")),
                below=(Branch(line=(plain("first"),)), Branch(line=(quiet("second"), warn(", narrow")))),
            ),
        )
    ),
)
WIDE_TABLE = Table(
    header=("node", *(str(column) for column in range(30))),
    rows=tuple((str(row), *("10" for _ in range(30))) for row in range(3)),
)


def piped(page: Page, *, color: str = "auto", encoding: str = "utf-8", **environ: str) -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="")
    print_page(page, color=color, out=out, environ=environ)
    out.flush()
    return raw.getvalue().decode(encoding)


def on_terminal(page: Page, *, color: str = "auto", encoding: str = "utf-8", **environ: str) -> str:
    """What a real pseudo-terminal of 80 columns receives."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding=encoding) as out:
        print_page(page, color=color, out=out, environ={"TERM": "xterm", "COLUMNS": "80", **environ})
    received = os.read(master, 65_536)
    os.close(master)
    return received.decode(encoding).replace("\r\n", "\n")


def test_a_pipe_gets_ascii_lines_without_colour() -> None:
    assert piped(TREE).splitlines() == ["package 0: 8 cores", "+-- first", "`-- second, narrow"]


def test_a_terminal_gets_colour_and_box_characters() -> None:
    shown = on_terminal(TREE)
    assert "\x1b[1mpackage 0\x1b[0m: 8 cores" in shown
    assert "└── " in shown
    assert "\x1b[33m, narrow\x1b[0m" in shown


def test_a_terminal_without_utf_8_gets_ascii() -> None:
    assert "`-- " in on_terminal(TREE, encoding="latin-1")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_is_off_where_the_environment_says_so(environ: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal(TREE, **environ)


def test_the_option_wins_over_terminal_and_environment() -> None:
    assert "\x1b" not in on_terminal(TREE, color="never")
    assert "\x1b[1mpackage 0" in piped(TREE, color="always", NO_COLOR="1")


def test_a_pipe_breaks_no_line_unless_columns_are_set() -> None:
    page: Page = (Section(content=(Branch(line=(plain("word " * 60),)),)),)
    assert len(piped(page).splitlines()) == 1
    assert len(piped(page, COLUMNS="40").splitlines()) > 5


def test_what_the_encoding_cannot_carry_is_written_as_an_escape() -> None:
    page: Page = (Section(title=(plain("Größe"),)),)
    assert piped(page, encoding="ascii") == "Gr\\xf6\\xdfe\n"


def test_control_characters_of_a_device_do_not_reach_the_terminal() -> None:
    page: Page = (Section(title=(plain("disk \x1b[2J\r\n\x07"),)),)
    assert piped(page) == "disk \\x1b[2J\\r\\n\\x07\n"


@given(st.text())
def test_text_of_any_kind_becomes_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


def test_a_table_wider_than_the_terminal_goes_on_below_with_its_first_column() -> None:
    lines = piped((Section(content=WIDE_TABLE),), COLUMNS="50").splitlines()
    assert max(map(len, lines)) <= 50
    assert [line.split()[:2] for line in lines[:2]] == [["node", "0"], ["0", "10"]]
    assert sum(line.startswith("node") for line in lines) == 3


def test_a_table_has_one_block_in_a_pipe() -> None:
    assert len(piped((Section(content=WIDE_TABLE),)).splitlines()) == 4


def test_a_table_on_a_very_narrow_terminal_has_one_column_a_block() -> None:
    assert len(fold(WIDE_TABLE, 3)) == 30


def test_a_table_of_one_column_is_a_block() -> None:
    assert [str(block) for block in fold(Table(header=("node",), rows=(("0",),)), 80)] == ["node\n0"]


def test_facts_stand_in_a_column_and_wrap_beside_their_key() -> None:
    facts = Facts(rows=(("CPUs", (plain("8 online"),)), ("hugepages", (plain("2 MiB: 512, " * 5),))))
    lines = piped((Section(title=(name("machine"),), content=facts),), COLUMNS="40").splitlines()
    assert lines[:3] == ["machine", "CPUs       8 online", "hugepages  2 MiB: 512, 2 MiB: 512, 2"]
    assert lines[3].startswith(" " * 11)


def test_sections_are_a_blank_line_apart() -> None:
    assert piped((Section(title=(plain("one"),)), Section(title=(plain("two"),)))) == "one\n\ntwo\n"
