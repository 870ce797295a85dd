"""`numascope explain`: why the kubelet refused a pod."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from agent import settings
from agent.cli.looking import AGENT_URL

if TYPE_CHECKING:
    from collectors.model import Snapshot
    from collectors.model.pod import Pod

NAME = "explain"
SUMMARY = "say why the kubelet refused a pod: what it wanted, what was free where, what would have fitted"

DESCRIPTION = """\
Says why the kubelet of this node refused a pod: which container wanted how much of what, what each NUMA node had free
and who held the rest, what would have fitted, and the nearest way out.

The agent of this node is asked first: it has kept the state of the node as it was just before. Where none answers, the
kubelet is asked for the pod, and the explanation goes by the node as it is now. With --file the refused pod is read from
what `kubectl get pod NAME -o yaml` wrote, which works on a captured machine too.

Exit status 0: explained; 1: the pod was not refused, or is not known here; 2: neither an agent nor a kubelet answers, or
something that you can put right."""

EXAMPLES = """\
examples:
  numascope explain web-7d4b9-x2x4z                         a pod in the namespace default
  numascope explain train-0 -n ml
  numascope explain train-0 -n ml --agent http://10.0.0.7:9787
  kubectl get pod train-0 -o yaml | numascope explain --host machine.tar.xz -f -
  numascope explain train-0 -n ml -o json                   for a program; docs/refusals.md says what is in it"""

EXIT_NOT_EXPLAINED = 1

KUBELET_SETTINGS = frozenset(
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

LOOKS = 5
PAUSE_SECONDS = 1.0
"""An agent explains a refusal within a second or two after it"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument("pod", metavar="POD", nargs="?", help="the pod's name, or NAMESPACE/NAME")
    parser.add_argument("-n", "--namespace", metavar="NAME", help="its namespace (default: default)")
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        help="the refused pod as YAML or JSON, with its status; - is standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "yaml"),
        default="text",
        help="text: for a person; json, yaml: for a program (default: text)",
    )
    parser.add_argument(
        "--agent", metavar="URL", default=AGENT_URL, help="the agent of this node (default: %(default)s)"
    )
    others = frozenset(key for key, _ in settings.rows()) - KUBELET_SETTINGS
    settings.add_arguments(parser, besides=others)


def run(options: argparse.Namespace) -> int:
    import logging  # noqa: PLC0415 - the parser stays light: this module is imported to build it

    # What the agent would log on the way is in the answer, and is not said twice.
    logging.getLogger("agent").addHandler(logging.NullHandler())
    if options.file is not None:
        found = _from_file(options)
    else:
        namespace, name = _named(options)
        found = _from_node(options, namespace, name)
    return _print(found, options)


def _named(options: argparse.Namespace) -> tuple[str, str]:
    """Namespace and name of the pod that is asked for."""
    from agent.refusals.errors import ExplainError  # noqa: PLC0415

    if not options.pod:
        raise ExplainError("which pod? Name one, or give it with --file")
    namespace, slash, name = options.pod.rpartition("/")
    if slash and options.namespace is not None and options.namespace != namespace:
        raise ExplainError(f"the pod is in {namespace} by its name, and in {options.namespace} by -n")
    return (namespace or options.namespace or "default"), name


def _from_file(options: argparse.Namespace) -> dict[str, Any]:
    from agent.sources.pod_file import read_pod_file  # noqa: PLC0415

    pod = read_pod_file(options.file)
    return _explained_here(pod, pod.namespace, pod.name, _examined(options))


def _from_node(options: argparse.Namespace, namespace: str, name: str) -> dict[str, Any]:
    """What the agent has kept, else what the kubelet still knows of the pod."""
    from agent.refusals.errors import ExplainError  # noqa: PLC0415
    from agent.sources.agent_snapshot import AgentError  # noqa: PLC0415

    silent = ""
    if options.host is None:
        try:
            found = _ask_agent(options.agent, namespace, name)
        except AgentError as error:
            silent = f"{error}; "
        else:
            if found["stories"] or not found["pod"]["refused"]:
                return found
    snapshot = _examined(options)
    pods = None if snapshot.kubelet is None else snapshot.kubelet.pods
    if pods is None or pods.facts is None:
        reason = "there is no kubelet" if pods is None else pods.error or "its pods are not in this capture"
        hint = "; give the pod with --file" if options.host is not None else ""
        raise ExplainError(f"{silent}the kubelet cannot be asked either: {reason}{hint}")
    named = [pod for pod in pods.facts if (pod.namespace, pod.name) == (namespace, name)]
    pod = next((each for each in named if each.refused), named[0] if named else None)
    return _explained_here(pod, namespace, name, snapshot)


def _ask_agent(url: str, namespace: str, name: str) -> dict[str, Any]:
    import asyncio  # noqa: PLC0415

    from agent.sources.agent_refusals import read_refusal  # noqa: PLC0415

    return asyncio.run(read_refusal(url, namespace, name, looks=LOOKS, pause_seconds=PAUSE_SECONDS))


def _examined(options: argparse.Namespace) -> Snapshot:
    """The node with its kubelet as they are now, or were captured."""
    import os  # noqa: PLC0415

    from agent.checkup.machine import examine  # noqa: PLC0415
    from agent.cli.access import own_credentials  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415

    flags = {key: getattr(options, key) for key in (*KUBELET_SETTINGS, "config")}
    chosen = settings.load(flags, os.environ)
    machine = read_machine(options.host)
    credentials = None if options.host is not None else own_credentials(chosen.kubeconfig, os.environ)
    return examine(machine, host=options.host, settings=chosen, credentials=credentials).snapshot


def _explained_here(pod: Pod | None, namespace: str, name: str, snapshot: Snapshot) -> dict[str, Any]:
    """The same answer as an agent's, by the node as it is."""
    from agent.refusals.explain import explain  # noqa: PLC0415
    from agent.refusals.plain import plain_pod, plain_refusals  # noqa: PLC0415
    from agent.refusals.replay import replay_of  # noqa: PLC0415
    from agent.refusals.signatures import Circumstances  # noqa: PLC0415
    from agent.refusals.stories import Stories, story_key  # noqa: PLC0415
    from collectors.model.refusals import RefusalCounts  # noqa: PLC0415

    stories = Stories()
    if pod is not None and pod.refused:
        stories.add(pod, at=pod.started_at or snapshot.taken_at, news=False)
        explanation = explain(pod, snapshot, circumstances=Circumstances(hindsight=True), replay_of=replay_of)
        stories.explain(story_key(pod), explanation)
    return plain_refusals(RefusalCounts(), stories.all(), pod=plain_pod(namespace, name, pod))


def _print(found: dict[str, Any], options: argparse.Namespace) -> int:
    from agent.cli.output import write_plain  # noqa: PLC0415
    from agent.views.refusal_page import not_explained, refusal_page  # noqa: PLC0415

    excuse = not_explained(found)
    if options.output != "text":
        write_plain(found, form=options.output)
    elif excuse is None:
        from agent.cli.terminal import print_page  # noqa: PLC0415

        print_page(refusal_page(found), color=options.color)
    else:
        import sys  # noqa: PLC0415

        sys.stderr.write(f"numascope: {excuse}\n")
    return 0 if excuse is None else EXIT_NOT_EXPLAINED
