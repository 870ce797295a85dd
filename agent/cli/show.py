"""`numascope show`: the machine for a person, or its facts for a program."""

from __future__ import annotations

import argparse

NAME = "show"
SUMMARY = "show the machine: packages, NUMA nodes, caches, cores, memory, hugepages, devices"

DESCRIPTION = """\
Shows the machine as a tree: packages, NUMA nodes, caches and cores by their CPUs, the memory and hugepages of each
node, the devices that are near it, the distances between nodes, and what could not be read.

On a terminal with its colours and width; in a pipe as plain ASCII lines that are never broken (COLUMNS sets a width).
Says nothing that the machine does not: what is unknown is called unknown."""

EXAMPLES = """\
examples:
  numascope show                          this machine
  numascope show -o wide                  with every core, cache, PCI function and link
  numascope show -o json                  the facts, as the agent serves them at /api/v1/snapshot
  numascope show --host machine.tar.xz    a captured machine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "wide", "json", "yaml"),
        default="text",
        help="text: for a person, alike parts folded together; wide: nothing folded; json, yaml: every fact "
        "(default: text)",
    )


def run(options: argparse.Namespace) -> int:
    from agent.cli.machine import read_machine  # noqa: PLC0415 - so that the parser stays light

    snapshot = read_machine(options.host)
    if options.output in ("json", "yaml"):
        from agent.cli.output import write_plain  # noqa: PLC0415
        from agent.views.plain import plain_snapshot  # noqa: PLC0415

        write_plain(plain_snapshot(snapshot), form=options.output)
    else:
        from agent.cli.terminal import print_page  # noqa: PLC0415 - rich, which programs need not wait for
        from agent.views.machine_page import derive_machine_page  # noqa: PLC0415

        print_page(derive_machine_page(snapshot, wide=options.output == "wide"), color=options.color)
    return 0
