"""Options that every command has, and the parser that all of them hang from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from agent import __version__
from agent.cli import COMMANDS, load

PROGRAM = "numascope"

DESCRIPTION = """\
NUMA, CPU, hugepage, PCIe and GPU topology of a Linux machine: shown to a person, or served by an agent.
Needs no root, no cluster and no GPU; what a machine does not tell is said to be unknown."""

EXAMPLES = """\
examples:
  numascope show                         this machine as a tree
  numascope topo                         how near GPUs, network interfaces and disks are to each other
  numascope doctor                       what keeps alignment from working here
  numascope explain train-0 -n ml        why the kubelet refused that pod
  numascope agent                        serve /metrics and JSON on 127.0.0.1
  numascope capture -o machine.tar.xz    this machine in one file, for a bug report
  numascope --host machine.tar.xz show   a captured machine instead of this one

`numascope COMMAND --help` tells each command's options."""


def common_options(*, default: object = argparse.SUPPRESS) -> argparse.ArgumentParser:
    """A parent parser with the options that may stand before or after the command.

    Below the command their default is suppressed, so that it does not overwrite what stood before it.
    """
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("common options")
    group.add_argument(
        "--host",
        metavar="DIR|ARCHIVE",
        default=default,
        help="work on a captured machine: a folder that holds its /sys and /proc, or an archive made by "
        "`numascope capture` (default: this machine)",
    )
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default=default if default is argparse.SUPPRESS else "auto",
        help="colour in what is printed; auto: on a terminal, unless NO_COLOR is set (default: auto)",
    )
    return parser


def build_parser(commands: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the whole command line, with only these commands below it."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # an option that comes later must not change what a script's short form means
        parents=[common_options(default=None)],
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    below = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name in commands:
        command = load(name)
        command_parser = below.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.SUMMARY,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            parents=[common_options()],
        )
        command.add_arguments(command_parser)
    return parser


def command_named(arguments: Sequence[str]) -> str | None:
    """The first argument that is neither an option nor a common option's value: what should be a command."""
    quiet = argparse.ArgumentParser(
        prog=PROGRAM, add_help=False, allow_abbrev=False, parents=[common_options()]
    )
    _, rest = quiet.parse_known_args(arguments)
    return next((argument for argument in rest if not argument.startswith("-")), None)
