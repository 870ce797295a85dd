"""`numascope predict`: would this node's kubelet admit these pods, and what would they get?"""

from __future__ import annotations

import argparse

from agent.cli.under_rules import add_node_arguments, known_node

NAME = "predict"
SUMMARY = "say whether this node's kubelet would admit a pod, and on which NUMA nodes, before it is created"

DESCRIPTION = """\
Says for each pod of a manifest whether the kubelet of this node would admit it, on which NUMA nodes, with which CPUs,
memory and devices; or why not, in the kubelet's own words, with what each NUMA node has free. Pods come one after the
other, in the manifest's order, each finding what the ones before it have taken.

The manifest is YAML or JSON, of one or several documents: Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job,
CronJob, PodTemplate, or a List of them; other objects are passed over. Requests that are left out are the limits, as the
API server makes them; what a LimitRange, a RuntimeClass or a webhook of your cluster would add has to be written down.

The scheduler is not asked: it may put the pods elsewhere. Labels and taints of the node are not looked at.

Exit status 0: all of them fit; 1: some do not; 2: something that you can put right."""

EXAMPLES = """\
examples:
  numascope predict -f pod.yaml                                this node, as it is now
  kubectl create deployment web --image=web --dry-run=client -o yaml | numascope predict -f - --replicas 4
  numascope predict -f pod.yaml --policy restricted            under another policy
  numascope predict -f pod.yaml --empty                        on this node without its pods
  numascope predict -f pod.yaml --host machine.tar.xz          a captured machine
  numascope predict -f pod.yaml --agent http://10.0.0.7:9787   the node of that agent
  numascope predict -f pod.yaml -o json                        for a program; docs/predict.md says what is in it"""

EXIT_DOES_NOT_FIT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-f", "--file", metavar="FILE", required=True, help="the manifest; - is standard input"
    )
    parser.add_argument(
        "--replicas", metavar="N", type=int, help="pods of each workload, whatever the manifest says"
    )
    parser.add_argument(
        "-n", "--namespace", metavar="NAME", help="for objects that name no namespace (default: default)"
    )
    add_node_arguments(parser)


def run(options: argparse.Namespace) -> int:
    from agent.prediction.predict import predict  # noqa: PLC0415 - the parser stays light
    from agent.views.prediction_page import plain_prediction, prediction_page  # noqa: PLC0415
    from agent.workloads.errors import ManifestError  # noqa: PLC0415
    from agent.workloads.read import read_manifest  # noqa: PLC0415

    if options.replicas is not None and options.replicas < 1:
        raise ManifestError(f"--replicas {options.replicas}: expected 1 or more")
    manifest = read_manifest(options.file, namespace=options.namespace, replicas=options.replicas)
    known, source = known_node(options)
    prediction = predict(known.node, manifest.workloads)
    if options.output == "text":
        from agent.cli.terminal import print_page  # noqa: PLC0415

        print_page(prediction_page(prediction, manifest, known, source=source), color=options.color)
    else:
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(plain_prediction(prediction, manifest, known, source=source), form=options.output)
    return 0 if prediction.fits else EXIT_DOES_NOT_FIT
