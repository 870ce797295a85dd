"""`numascope headroom`: the largest pods that still fit on this node."""

from __future__ import annotations

import argparse

from agent.cli.under_rules import add_node_arguments, known_node

NAME = "headroom"
SUMMARY = "show the largest pods that still fit: on this node, on each NUMA node; and what is stranded"

DESCRIPTION = """\
Shows the largest Guaranteed pod of one container that this node's kubelet would still admit: with the most CPUs, with CPUs
and memory in proportion, with the most memory or hugepages, with the most devices, with the most CPUs beside one device.
Once for the node under its policies, and once for each NUMA node, for pods that lie there wholly.

Then what is free on a NUMA node and cannot be had there in one pod, and for lack of what; and how much of what is free
is in one piece. Every figure is a pod that the kubelet's rules admit; one more CPU, MiB, page or device they refuse."""

EXAMPLES = """\
examples:
  numascope headroom                              this node, as it is now
  numascope headroom --policy restricted          under another policy
  numascope headroom --host machine.tar.xz        a captured machine
  numascope headroom --policy single-numa-node --cpu-manager static    a machine without a kubelet
  numascope headroom -o json                      for a program, as the agent serves it at /api/v1/headroom"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    add_node_arguments(parser)


def run(options: argparse.Namespace) -> int:
    from agent.headroom.derive import derive_headroom  # noqa: PLC0415 - the parser stays light
    from agent.views.headroom_page import headroom_page, plain_headroom  # noqa: PLC0415

    known, source = known_node(options)
    headroom = derive_headroom(known.node)
    if options.output == "text":
        from agent.cli.terminal import print_page  # noqa: PLC0415

        print_page(headroom_page(headroom, known, source=source), color=options.color)
    else:
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(plain_headroom(headroom, known, source=source), form=options.output)
    return 0
