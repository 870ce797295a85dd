"""What commands have in common that ask the kubelet's rules about this node: which node, and under which settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent import settings

if TYPE_CHECKING:
    from agent.checkup.node import Looked
    from agent.prediction.node import KnownNode

AGENT_URL = f"http://127.0.0.1:{settings.DEFAULT_PORT}"

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
    looked = _look(options)
    return node_of(looked.snapshot, what_if, version=version), looked.source


def _names(text: str | None) -> tuple[str, ...] | None:
    """`full-pcpus-only,align-by-socket`; `none` for none of them."""
    if text is None:
        return None
    names = (name.strip() for name in text.split(","))
    return tuple(name for name in names if name and name != NO_OPTIONS)


def _look(options: argparse.Namespace) -> Looked:
    import logging  # noqa: PLC0415
    import os  # noqa: PLC0415

    from agent.checkup.node import node_here, node_of_agent, node_of_capture  # noqa: PLC0415
    from agent.cli.access import own_credentials  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415
    from collectors.errors import CaptureError  # noqa: PLC0415

    if options.agent is not None:
        if options.host is not None:
            raise CaptureError(options.host, "a captured machine has no agent; leave --agent out")
        return node_of_agent(options.agent)
    # What the agent would log on the way is in the answer here, and is not said twice.
    logging.getLogger("agent").addHandler(logging.NullHandler())
    chosen = settings.load({key: getattr(options, key) for key in (*SETTINGS, "config")}, os.environ)
    machine = read_machine(options.host)
    if options.host is not None:
        return node_of_capture(machine, host=options.host, settings=chosen)
    credentials = own_credentials(chosen.kubeconfig, os.environ)
    return node_here(machine, settings=chosen, credentials=credentials, agent_url=AGENT_URL)
