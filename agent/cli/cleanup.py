"""`numascope cleanup`: takes away what the agent published of a node."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from agent.kube.credentials import Credentials
    from agent.publish.cleanup import Finding

NAME = "cleanup"
SUMMARY = "remove what the agent published of a node: NodeResourceTopology, Numatopology, labels"

DESCRIPTION = """\
Removes the NodeResourceTopology and the Numatopology of a node and its labels, as far as the agent wrote them, and the
feature file on this machine. Asks nothing, and says what it removed.

Stop the agent first: it puts back what is taken from it. Needs the rights to list and delete these objects and to patch
the node; the agent's own do not include deleting."""

EXAMPLES = """\
examples:
  numascope cleanup --node-name worker-7              by the kubeconfig that kubectl uses too
  numascope cleanup --node-name worker-7 --dry-run    what it would remove"""

EXIT_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--node-name",
        metavar="NAME",
        help="the node (default: the one that our token is bound to, else $NODE_NAME, else the host's name)",
    )
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        help="how to reach the API server (default: the pod's service account, else $KUBECONFIG, else ~/.kube/config)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what there is, and remove nothing")


def run(options: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - the parser stays light: this module is imported to build it
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from agent.cli.access import node_name_of, open_credentials  # noqa: PLC0415
    from agent.publish.cleanup import Outcome  # noqa: PLC0415
    from agent.publish.labels import FEATURE_FILE  # noqa: PLC0415
    from collectors.errors import CaptureError  # noqa: PLC0415

    if options.host is not None:
        raise CaptureError(options.host, "a captured machine has published nothing")
    credentials = open_credentials(options.kubeconfig, os.environ)
    node_name = options.node_name or node_name_of(credentials, os.environ)
    findings = asyncio.run(_clean_up(credentials, node_name, dry_run=options.dry_run))
    findings += _clean_file(FEATURE_FILE, dry_run=options.dry_run)
    for found in findings:
        word = (
            "would be removed"
            if options.dry_run and found.outcome is Outcome.REMOVED
            else found.outcome.value
        )
        out = sys.stderr if found.outcome is Outcome.FAILED else sys.stdout
        out.write(f"{word}: {found.what}{f' ({found.reason})' if found.reason else ''}\n")
    if not findings:
        sys.stdout.write(f"nothing of ours is left of node {node_name}\n")
    return EXIT_FAILED if any(found.outcome is Outcome.FAILED for found in findings) else 0


async def _clean_up(credentials: Credentials, node_name: str, *, dry_run: bool) -> list[Finding]:
    from agent import __version__  # noqa: PLC0415
    from agent.kube.client import KubeClient  # noqa: PLC0415
    from agent.publish.cleanup import clean_up  # noqa: PLC0415

    async with KubeClient(credentials, user_agent=f"numascope/{__version__}") as client:
        return [found async for found in clean_up(client, node_name, dry_run=dry_run)]


def _clean_file(path: Path, *, dry_run: bool) -> list[Finding]:
    from agent.publish.cleanup import Finding, Outcome  # noqa: PLC0415
    from agent.publish.labels import remove_feature_file  # noqa: PLC0415

    what = f"feature file {path}"
    try:
        there = remove_feature_file(path, dry_run=dry_run)
    except OSError as error:
        return [Finding(what=what, outcome=Outcome.FAILED, reason=error.strerror or str(error))]
    return [Finding(what=what, outcome=Outcome.REMOVED)] if there else []
