"""The commands. Each is a module of its own, imported only when it is asked for.

A command's module has NAME (as typed), SUMMARY (one line for `numascope --help`), `add_arguments(parser)` and
`run(options)`, which returns the exit status. It is imported to build the parser, so at its top it imports nothing
heavy: rich, yaml, shtab and aiohttp come in `run`, or in modules that `run` imports.

Options that every command has are in `options` without the command's doing (see `agent.cli.common`): `host` (None
for this machine, else a folder or an archive) and `color` ("auto", "always" or "never").
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

COMMANDS = (
    "agent",
    "show",
    "topo",
    "pods",
    "headroom",
    "predict",
    "explain",
    "doctor",
    "preflight",
    "kubelet-config",
    "capture",
    "cleanup",
    "completion",
)
"""In the order in which the help lists them."""


class Command(Protocol):
    """What a command's module has."""

    NAME: str
    SUMMARY: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds the command's own options, a description and examples to its parser."""
        ...

    def run(self, options: Namespace) -> int:
        """Does it, and returns the exit status. Raises NumascopeError for what a person can put right."""
        ...


def load(name: str) -> Command:
    """The command of that name, one of COMMANDS."""
    return cast(Command, importlib.import_module(f"agent.cli.{name.replace('-', '_')}"))
