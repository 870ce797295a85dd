"""`numascope doctor`: what keeps alignment from working on this node."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent import settings
from agent.cli.looking import AGENT_URL

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials
    from agent.views.doctor_model import Finding

NAME = "doctor"
SUMMARY = "find what keeps alignment from working: machine, kubelet, what is published"

DESCRIPTION = """\
Looks at the machine and its kubelet once and says what is wrong, on what facts that stands, and what can be done, the
most harmful first: state files and reserves over which the kubelet does not start again, policies that align nothing, NUMA
nodes that the kubelet or a scheduler cannot stand, pods that get no CPUs of their own, devices without topology, hugepages
that came after the kubelet had started, figures that contradict each other. With a kubeconfig, or in a pod, it asks the API
server too: whether the CRD is there, the rights, and what is published of this node.

With --fingerprint it looks at what is published instead: whether the scheduler's fingerprint of this node's pods equals
the published one, and which pods make the difference. That needs the rights to list noderesourcetopologies and pods.

Exit status 0: nothing is wrong; 1: there is a finding of severity error. Settings that the agent takes from its
environment (NUMASCOPE_KUBELET_ROOT, NODE_IP) are taken here too."""

EXAMPLES = """\
examples:
  numascope doctor                              this machine
  numascope doctor --host machine.tar.xz        a captured machine, with the kubelet's answers that are in it
  numascope doctor --fingerprint                does the scheduler trust what this node publishes?
  numascope doctor -o json                      for a program; docs/doctor.md has every check"""

EXIT_WRONG = 1

SETTINGS = frozenset(
    {
        "node_name",
        "kubeconfig",
        "kubelet_root",
        "kubelet_address",
        "kubelet_ca",
        "kubelet_config",
        "kubelet_config_dir",
    }
)
"""Of the agent's, those that have a flag here"""


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
        "--fingerprint",
        action="store_true",
        help="compare the published fingerprint of this node's pods with the scheduler's",
    )
    parser.add_argument(
        "--agent",
        metavar="URL",
        default=AGENT_URL,
        help="an agent of this node, which is asked for the pods that the kubelet lists where its socket is not here "
        "(default: %(default)s)",
    )
    others = frozenset(key for key, _ in settings.rows()) - SETTINGS
    settings.add_arguments(parser, besides=others)


def run(options: argparse.Namespace) -> int:
    import logging  # noqa: PLC0415 - the parser stays light: this module is imported to build it
    import os  # noqa: PLC0415

    from agent.views.doctor import findings_page, is_wrong, plain_findings  # noqa: PLC0415

    # What the agent would log on the way is a finding here, and is not said twice.
    logging.getLogger("agent").addHandler(logging.NullHandler())
    flags = {key: getattr(options, key) for key in (*SETTINGS, "config")}
    chosen = settings.load(flags, os.environ)
    findings = _fingerprint(options, chosen) if options.fingerprint else _everything(options, chosen)
    if options.output == "text":
        from agent.cli.terminal import print_page  # noqa: PLC0415

        print_page(findings_page(findings), color=options.color)
    else:
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(plain_findings(findings), form=options.output)
    return EXIT_WRONG if is_wrong(findings) else 0


def _everything(options: argparse.Namespace, chosen: settings.Settings) -> tuple[Finding, ...]:
    import os  # noqa: PLC0415

    from agent.checkup.machine import examine  # noqa: PLC0415
    from agent.cli.access import own_credentials  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415
    from agent.views.doctor import diagnose, worst_first  # noqa: PLC0415

    machine = read_machine(options.host)
    credentials = None if options.host is not None else own_credentials(chosen.kubeconfig, os.environ)
    findings = diagnose(examine(machine, host=options.host, settings=chosen, credentials=credentials))
    if credentials is None:
        return findings
    return worst_first((*findings, *_cluster(options, credentials)))


def _cluster(options: argparse.Namespace, credentials: Credentials) -> tuple[Finding, ...]:
    """What the API server has of this node, and in a pod whether its rights do."""
    import asyncio  # noqa: PLC0415
    import os  # noqa: PLC0415

    from agent import __version__  # noqa: PLC0415
    from agent.checkup.cluster import check_cluster  # noqa: PLC0415
    from agent.cli.access import node_name_of  # noqa: PLC0415
    from agent.kube.client import KubeClient  # noqa: PLC0415
    from agent.kube.credentials import ServiceAccount  # noqa: PLC0415

    node_name = options.node_name or node_name_of(credentials, os.environ)
    as_agent = isinstance(credentials, ServiceAccount)

    async def check() -> tuple[Finding, ...]:
        async with KubeClient(credentials, user_agent=f"numascope/{__version__}") as client:
            return await check_cluster(client, node_name, as_agent=as_agent)

    return asyncio.run(check())


def _fingerprint(options: argparse.Namespace, chosen: settings.Settings) -> tuple[Finding, ...]:
    import asyncio  # noqa: PLC0415
    import os  # noqa: PLC0415

    from agent import __version__  # noqa: PLC0415
    from agent.checkup.fingerprint import Place, check_fingerprint  # noqa: PLC0415
    from agent.cli.access import node_name_of, open_credentials  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.kube.client import KubeClient  # noqa: PLC0415
    from agent.views.doctor import worst_first  # noqa: PLC0415
    from collectors.errors import CaptureError  # noqa: PLC0415

    if options.host is not None:
        raise CaptureError(options.host, "a captured machine has published nothing; leave --fingerprint out")
    credentials = open_credentials(chosen.kubeconfig, os.environ)
    node_name = options.node_name or node_name_of(credentials, os.environ)
    place = Place(node_name=node_name, settings=chosen, agent_url=options.agent)

    async def check() -> tuple[Finding, ...]:
        async with KubeClient(credentials, user_agent=f"numascope/{__version__}") as client:
            return await check_fingerprint(client, place, clock=SystemClock())

    return worst_first(asyncio.run(check()))
