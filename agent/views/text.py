"""What a person is shown, before anybody knows on what: lines of words, trees and tables. No terminal, no width.

`agent.cli.terminal` puts a Page on a terminal or into a pipe.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.Enum):
    """What a piece of text is, from which the terminal takes its look."""

    PLAIN = "plain"
    NAME = "name"
    """What a line is about: NUMA node 0, GPU0"""
    QUIET = "quiet"
    """Said for completeness: addresses, drivers, ids"""
    WARN = "warn"
    """What a person may want to look at: a narrow link, a CPU that is offline, a file that could not be read"""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, without line breaks."""

    text: str
    role: Role = Role.PLAIN


Line = tuple[Span, ...]


def name(text: str) -> Span:
    """What the line is about."""
    return Span(text, Role.NAME)


def plain(text: str) -> Span:
    """Ordinary words."""
    return Span(text)


def quiet(text: str) -> Span:
    """Words said for completeness."""
    return Span(text, Role.QUIET)


def warn(text: str) -> Span:
    """Words that want to be seen."""
    return Span(text, Role.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A line and what stands below it."""

    line: Line
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Short cells under a header. Where it is wider than the terminal it goes on below, with its first column again."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as the header; a cell may be empty"""
    left: frozenset[int] = frozenset({0})
    """Columns that stand at the left of their width; the others at the right"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Lines that begin with a key each: `memory   64 GiB`."""

    rows: tuple[tuple[str, Line], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page: a title of its own line where it has one, then its content."""

    title: Line = ()
    content: tuple[Branch, ...] | Table | Facts = ()


Page = tuple[Section, ...]


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 core`, `2 cores`; `many` where an s does not do."""
    return f"{number} {one if number == 1 else many or one + 's'}"
