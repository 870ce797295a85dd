"""`numascope pods`: what each pod of this node holds, where that is, and what its cgroups really leave to it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent import settings
from agent.cli.looking import AGENT_URL, look

if TYPE_CHECKING:
    from agent.alignment.model import Alignment

NAME = "pods"
SUMMARY = "show each pod's alignment: CPUs, memory, devices, cpuset, where its pages lie"

DESCRIPTION = """\
Shows for each container on which NUMA nodes its CPUs, memory and devices are, whether one node holds them all, what its
cgroup leaves to it against what the kubelet says, and how much of its memory lies on other NUMA nodes than its CPUs.

Asks this machine's kubelet by its sockets; where they are not here, or do not tell the pods' specs, an agent on this
machine. Unknown is called unknown."""

EXAMPLES = """\
examples:
  numascope pods                          all pods of this node
  numascope pods -n prod trainer          one of them
  numascope pods -o wide                  with cgroups, pages by node, PCI addresses
  numascope pods -o json                  for a program, as the agent serves it at /api/v1/alignment
  numascope pods --agent http://10.0.0.7:9787
  numascope pods --host machine.tar.xz    a captured machine, with the kubelet's answers that are in it"""

SETTINGS = frozenset(
    {
        "kubeconfig",
        "kubelet_root",
        "kubelet_address",
        "kubelet_ca",
        "kubelet_config",
        "kubelet_config_dir",
        "cgroup_root",
    }
)
"""Of the agent's, those that have a flag here"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument("pods", metavar="POD", nargs="*", help="pods by name (default: all)")
    parser.add_argument("-n", "--namespace", metavar="NAME", help="pods of this namespace (default: all)")
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "wide", "json", "yaml"),
        default="text",
        help="text: for a person; wide: with cgroups, pages and addresses; json, yaml: for a program (default: text)",
    )
    parser.add_argument(
        "--agent",
        metavar="URL",
        help=f"ask this agent alone (default: the kubelet here, else the agent at {AGENT_URL})",
    )
    others = frozenset(key for key, _ in settings.rows()) - SETTINGS
    settings.add_arguments(parser, besides=others)


def run(options: argparse.Namespace) -> int:
    from agent.views.alignment import alignment_page, chosen_pods, plain_alignment  # noqa: PLC0415 - a light parser

    alignment = chosen_pods(_alignment(options), namespace=options.namespace, names=options.pods)
    _refuse_unknown(alignment, options)
    if options.output in ("json", "yaml"):
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(plain_alignment(alignment), form=options.output)
    else:
        from agent.cli.terminal import print_page  # noqa: PLC0415

        print_page(alignment_page(alignment, wide=options.output == "wide"), color=options.color)
    return 0


def _refuse_unknown(alignment: Alignment, options: argparse.Namespace) -> None:
    """A name that is mistyped is an error, and not an empty table."""
    from agent.checkup.pods import NoPodsError  # noqa: PLC0415

    there = {pod.name for pod in alignment.pods}
    unknown = [name for name in options.pods if name not in there]
    if unknown:
        where = f" in namespace {options.namespace}" if options.namespace is not None else ""
        raise NoPodsError(f"no such pod{where} on this node: {', '.join(unknown)}")


def _alignment(options: argparse.Namespace) -> Alignment:
    from agent.checkup.pods import alignment_here, alignment_of_agent, alignment_of_capture  # noqa: PLC0415

    return look(
        options, SETTINGS, of_agent=alignment_of_agent, of_capture=alignment_of_capture, here=alignment_here
    )
