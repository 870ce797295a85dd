"""What commands have in common that ask the kubelet's rules about this node: which node, and under which settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent import settings
from agent.cli.looking import AGENT_URL, look

if TYPE_CHECKING:
    from agent.prediction.node import KnownNode

NO_OPTIONS = "none"

SETTINGS = frozenset(
    {
        "kubeconfig",
        "kubelet_root",
        "kubelet_address",
        "kubelet_ca",
        "kubelet_config",
        "kubelet_config_dir",
    }
)
"""Of the agent's, those that have a flag here"""


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for the node and for what it might be like."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "yaml"),
        default="text",
        help="text: for a person; json, yaml: for a program (default: text)",
    )
    parser.add_argument(
        "--agent",
        metavar="URL",
        help=f"ask this agent alone (default: the kubelet here, else the agent at {AGENT_URL})",
    )
    what_if = parser.add_argument_group("what if", "settings of the kubelet other than the node's own")
    what_if.add_argument(
        "--policy",
        choices=("none", "best-effort", "restricted", "single-numa-node"),
        help="the topology manager's; needed where no kubelet's settings are known",
    )
    what_if.add_argument("--scope", choices=("container", "pod"), help="the topology manager's")
    what_if.add_argument("--cpu-manager", choices=("static", "none"), help="the CPU manager's policy")
    what_if.add_argument("--memory-manager", choices=("Static", "None"), help="the memory manager's policy")
    what_if.add_argument(
        "--options",
        metavar="NAME,...|none",
        help="options of the CPU and the topology manager that are on, in place of all that are set",
    )
    what_if.add_argument("--empty", action="store_true", help="without the pods that are there now")
    what_if.add_argument(
        "--kubernetes-version",
        metavar="VERSION",
        default="1.37",
        help="the kubelet's, 1.31 to 1.37 (default: %(default)s)",
    )
    others = frozenset(key for key, _ in settings.rows()) - SETTINGS
    settings.add_arguments(parser, besides=others)


def known_node(options: argparse.Namespace) -> tuple[KnownNode, str]:
    """The node under its rules, and where it was looked at. Raises NumascopeError."""
    from agent.checkup.configuration import parse_version  # noqa: PLC0415 - the parser stays light
    from agent.checkup.node import node_here, node_of_agent, node_of_capture  # noqa: PLC0415
    from agent.prediction.node import WhatIf, node_of  # noqa: PLC0415

    version = parse_version(options.kubernetes_version)
    what_if = WhatIf(
        topology_policy=options.policy,
        topology_scope=options.scope,
        cpu_policy=options.cpu_manager,
        memory_policy=options.memory_manager,
        options=_names(options.options),
        empty=options.empty,
    )
    looked = look(options, SETTINGS, of_agent=node_of_agent, of_capture=node_of_capture, here=node_here)
    return node_of(looked.snapshot, what_if, version=version), looked.source


def _names(text: str | None) -> tuple[str, ...] | None:
    """`full-pcpus-only,align-by-socket`; `none` for none of them."""
    if text is None:
        return None
    names = (name.strip() for name in text.split(","))
    return tuple(name for name in names if name and name != NO_OPTIONS)
