"""`numascope completion`: a script that teaches a shell our commands and options, made by shtab from the parser."""

from __future__ import annotations

import argparse
import sys

NAME = "completion"
SUMMARY = "print a script that completes commands and options in your shell"

SHELLS = ("bash", "fish", "powershell", "tcsh", "zsh")

DESCRIPTION = """\
Prints a script for your shell that completes numascope's commands, options and file names with the Tab key."""

EXAMPLES = """\
examples:
  bash   source <(numascope completion bash)
         or, for every new shell: numascope completion bash > ~/.local/share/bash-completion/completions/numascope
  zsh    numascope completion zsh > "${fpath[1]}/_numascope"
  fish   numascope completion fish > ~/.config/fish/completions/numascope.fish
  tcsh   numascope completion tcsh > ~/.numascope.tcsh; source ~/.numascope.tcsh"""

FILE_METAVARS = frozenset({"FILE", "DIR|ARCHIVE"})
"""Options whose value is named so are completed with file names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument("shell", choices=SHELLS, help="the shell to write for")


def run(options: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415 - nobody else needs it

    from agent.cli.common import build_parser  # noqa: PLC0415 - that module imports this one to build the parser

    parser = build_parser()
    _complete_files(parser, shtab.FILE)
    sys.stdout.write(shtab.complete(parser, shell=options.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser, files: object) -> None:
    """Marks the options that take a file, below every command, the way shtab reads it."""
    for action in parser._actions:  # argparse lists a parser's options nowhere else
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below, files)
        elif action.metavar in FILE_METAVARS:
            action.complete = files  # type: ignore[attr-defined]
