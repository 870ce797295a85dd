"""A reader that turns files into facts and never lets one bad file spoil the others.

Every collector gets a FactReader. What is absent is None. What is there but cannot be read, or is not in the form
that the kernel documents, is None too, and is named in `problems`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from collectors.errors import HostError, MalformedError, UnreadableError
from collectors.hostfs import READ_LIMIT, HostFS
from collectors.model.snapshot import Problem
from collectors.parse import ParseError

T = TypeVar("T")

MAX_PROBLEMS = 200
"""Problems kept for one survey of one subject: a machine with a broken driver has the same one for every CPU."""


class FactReader:
    """Reads values from a machine's files and notes what it could not read.

    Attributes:
        fs: the files.
    """

    def __init__(self, fs: HostFS) -> None:
        self.fs = fs
        self._problems: list[Problem] = []
        self._dropped = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read so far, in the order of reading; past a limit only how many more."""
        if not self._dropped:
            return tuple(self._problems)
        return (*self._problems, Problem(path="", reason=f"and {self._dropped} more"))

    def note(self, path: str, reason: str) -> None:
        """Names a file whose content cannot be believed: the fact stays unknown."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(path=path, reason=reason))
        else:
            self._dropped += 1

    def text(self, path: str, *, limit: int = READ_LIMIT, silent: frozenset[int] = frozenset()) -> str | None:
        """The text of a file, or None where it is absent or unreadable.

        `silent` holds errno values by which the kernel says "does not apply" for this file, such as EINVAL for the
        speed of a network interface without link.
        """
        try:
            data = self.fs.read(path, limit)
        except UnreadableError as error:
            if error.errno not in silent or error.errno is None:
                self.note(path, error.reason)
            return None
        return None if data is None else data.decode("utf-8", "replace")

    def value(
        self, path: str, parse: Callable[[str], T], *, silent: frozenset[int] = frozenset()
    ) -> T | None:
        """The value of a file by one of collectors.parse, or None where it is absent, unreadable or malformed."""
        text = self.text(path, silent=silent)
        return None if text is None else self.parsed(path, text, parse)

    def parsed(self, path: str, text: str, parse: Callable[[str], T]) -> T | None:
        """The value of a text that was read from `path`, or None (and a problem) where it is malformed.

        A file without a byte has no value: the kernel ends every text with a newline, that of an empty set too.
        Captures have such files in the place of those that could not be read.
        """
        if not text:
            self.note(path, "the file is empty")
            return None
        try:
            return parse(text)
        except ParseError as error:
            self.note(path, MalformedError(path, error.text, error.expected).reason)
            return None

    def entries(self, path: str) -> tuple[str, ...] | None:
        """The names in a directory, sorted; `()` where it is absent, None where it cannot be listed."""
        try:
            return self.fs.entries(path) or ()
        except HostError as error:
            self.note(path, error.reason)
            return None

    def numbered(self, path: str, prefix: str) -> tuple[int, ...] | None:
        """The numbers of a directory's entries named `<prefix><number>`, sorted; None where it cannot be listed."""
        names = self.entries(path)
        if names is None:
            return None
        numbers = (
            name[len(prefix) :]
            for name in names
            if name.startswith(prefix) and name[len(prefix) :].isdecimal()
        )
        return tuple(sorted(int(number) for number in numbers if number.isascii() and len(number) <= 9))

    def real_path(self, path: str) -> str | None:
        """The path without symbolic links, or None where it leads nowhere or in circles."""
        try:
            return self.fs.real_path(path)
        except UnreadableError as error:
            self.note(path, error.reason)
            return None

    def link_name(self, path: str) -> str | None:
        """The last name of what a symbolic link leads to: a driver's name from `.../driver`."""
        real = self.real_path(path)
        return None if real is None else real.rpartition("/")[2]
