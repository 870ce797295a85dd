"""`numascope topo`: how near GPUs, network interfaces and disks are to each other."""

from __future__ import annotations

import argparse

NAME = "topo"
SUMMARY = "show how near GPUs, accelerators, network and NVMe devices are to each other and to CPUs"

DESCRIPTION = """\
Shows what lies between each two of the machine's GPUs, accelerators, network and NVMe devices, in the words of
`nvidia-smi topo`: PIX, PXB, PHB, NODE, SYS. It needs no driver and no vendor's tool: the PCI tree alone tells.
Then, for each GPU and accelerator, the network and NVMe devices by closeness.

A matrix wider than the terminal goes on below, in blocks."""

EXAMPLES = """\
examples:
  numascope topo                          this machine
  numascope topo --all                    every PCI function, virtual ones too
  numascope topo -o json                  for a program
  numascope topo --host machine.tar.xz    a captured machine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "yaml"),
        default="text",
        help="text: for a person; json, yaml: for a program (default: text)",
    )
    parser.add_argument(
        "--all", action="store_true", help="every PCI function but bridges, virtual functions one by one"
    )


def run(options: argparse.Namespace) -> int:
    from agent.cli.machine import read_machine  # noqa: PLC0415 - so that the parser stays light
    from agent.views.topo import derive_device_topology, plain_device_topology  # noqa: PLC0415

    topology = derive_device_topology(read_machine(options.host), every=options.all)
    if options.output in ("json", "yaml"):
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(plain_device_topology(topology), form=options.output)
    else:
        from agent.cli.terminal import print_page  # noqa: PLC0415
        from agent.views.topo_page import derive_topo_page  # noqa: PLC0415

        print_page(derive_topo_page(topology), color=options.color)
    return 0
