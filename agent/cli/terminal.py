"""Puts a Page on a terminal, or into a pipe, by way of rich.

On a terminal: its colours, its width, lines of box-drawing characters where the encoding has them. In a pipe: no
colour, ASCII lines, and no line is broken, so that `grep` finds whole ones; COLUMNS sets a width all the same.
NO_COLOR (any text in it) and `--color` are obeyed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from agent.views.text import Branch, Facts, Line, Page, Role, Section, Table

UNLIMITED = 100_000
"""The width of a pipe: wider than any line."""

STYLES = {Role.PLAIN: "", Role.NAME: "bold", Role.QUIET: "dim", Role.WARN: "yellow"}

GUTTER = "  "
"""Between the columns of a table"""


class _Console(Console):
    """A console that draws with ASCII alone where it is told to, whatever its stream could carry."""

    def __init__(self, *, ascii_only: bool, **settings: object) -> None:
        self._ascii_only = ascii_only
        super().__init__(**settings)  # type: ignore[arg-type]

    @property
    def encoding(self) -> str:
        return "ascii" if self._ascii_only else super().encoding


def print_page(
    page: Page, *, color: str, out: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Writes a page to a stream, by default our standard output.

    Args:
        color: auto, always or never; auto is on a terminal, where NO_COLOR is not set and TERM is not dumb.
        environ: where NO_COLOR, COLUMNS and TERM are looked up, by default our own environment.
    """
    out = sys.stdout if out is None else out
    console = open_console(out, color=color, environ=os.environ if environ is None else environ)
    for position, section in enumerate(page):
        if position:
            console.print()
        _print_section(console, section)


def open_console(out: TextIO, *, color: str, environ: Mapping[str, str]) -> Console:
    """rich's console for a stream; text that its encoding cannot carry is written as an escape, not refused."""
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    on_terminal = out.isatty()
    colored = color == "always" or (
        color == "auto" and on_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    )
    columns = environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) else None if on_terminal else UNLIMITED
    return _Console(
        ascii_only=not (on_terminal or color == "always"),
        file=out,
        width=width,
        force_terminal=colored,
        color_system="standard" if colored else None,
        no_color=not colored,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def _print_section(console: Console, section: Section) -> None:
    if section.title:
        console.print(styled(section.title))
    match section.content:
        case Table() as table:
            for number, block in enumerate(fold(table, console.width)):
                if number:
                    console.print()
                console.print(block)
        case Facts(rows=rows):
            _print_facts(console, rows)
        case branches:
            for branch in branches:
                console.print(_tree(branch))


def _print_facts(console: Console, rows: Iterable[tuple[str, Line]]) -> None:
    rows = tuple(rows)
    indent = max((len(key) for key, _ in rows), default=0) + len(GUTTER)
    for key, line in rows:
        wrapped = styled(line).wrap(console, max(20, console.width - indent))
        for number, part in enumerate(wrapped):
            lead = key if number == 0 else ""
            part.rstrip()
            console.print(Text(lead.ljust(indent), STYLES[Role.QUIET]) + part, soft_wrap=True)


def _tree(branch: Branch) -> Tree:
    tree = Tree(styled(branch.line), guide_style="dim")
    pending = [(tree, branch)]
    while pending:
        trunk, grown = pending.pop()
        pending += [(trunk.add(styled(below.line)), below) for below in grown.below]
    return tree


def styled(line: Line) -> Text:
    """rich's form of a line."""
    text = Text()
    for span in line:
        text.append(printable(span.text), STYLES[span.role])
    return text


def printable(text: str) -> str:
    """The text with control characters shown as escapes: a device's name must not move the terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def fold(table: Table, width: int) -> Sequence[Text]:
    """A table as blocks no wider than `width`, each with the first column; more narrow than that it cannot be."""
    columns = [
        tuple(printable(cell) for cell in column) for column in zip(table.header, *table.rows, strict=True)
    ]
    widths = [max(map(cell_len, column)) for column in columns]
    blocks: list[list[int]] = []
    room = -1
    for number in range(1, len(columns)):
        need = len(GUTTER) + widths[number]
        if need > room:
            blocks.append([0])
            room = width - widths[0]
        blocks[-1].append(number)
        room -= need
    texts = []
    for block in blocks or [[0]]:
        lines = [
            GUTTER.join(
                _aligned(columns[at][row], widths[at], left=at in table.left) for at in block
            ).rstrip()
            for row in range(len(table.rows) + 1)
        ]
        text = Text(lines[0], STYLES[Role.QUIET], no_wrap=True, overflow="ignore")
        text.append("".join(f"\n{line}" for line in lines[1:]), "not dim")
        texts.append(text)
    return texts


def _aligned(cell: str, width: int, *, left: bool) -> str:
    padding = " " * (width - cell_len(cell))
    return cell + padding if left else padding + cell
