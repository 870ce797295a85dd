"""`numascope kubelet-config`: a configuration of the kubelet that fits this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.admission.versions import Version
    from agent.kubelet_config.drop_in import Wish
    from collectors.errors import NumascopeError
    from collectors.model.kubelet_config import KubeletConfig

NAME = "kubelet-config"
SUMMARY = "print a configuration of the kubelet that fits this machine, each line explained"

DESCRIPTION = """\
Prints a KubeletConfiguration for this machine, to be laid over the one that is there (a file of the kubelet's
--config-dir): whole cores for the system, spread over the NUMA nodes; memory for the system of each NUMA node, which adds
up to the byte; the options of the CPU and the topology manager that fit the hardware; and why each line is there.

With --config it is made for the configuration that it will be laid over: what that reserves is kept, its options that do
not fit are taken out, and the two together are held against the kubelet's rules.

It changes nothing. `numascope preflight` says whether the kubelet starts with it over the state files that are there.
Exit status 2: what is asked for does not fit the machine; one line says what, and the way out."""

NO_OPTIONS = "none"

EXAMPLES = """\
examples:
  numascope kubelet-config --policy single-numa-node
  numascope kubelet-config --policy restricted --scope pod --reserve-cpus 4 --reserve-memory 4Gi
  numascope kubelet-config --policy best-effort --config /var/lib/kubelet/config.yaml
  numascope kubelet-config --policy restricted --options full-pcpus-only,align-by-socket
  numascope kubelet-config --policy single-numa-node --host machine.tar.xz"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--policy",
        choices=("none", "best-effort", "restricted", "single-numa-node"),
        required=True,
        help="the topology manager's: what becomes of a pod that does not fit one NUMA node",
    )
    parser.add_argument(
        "--scope",
        choices=("container", "pod"),
        default="container",
        help="whether containers are placed one by one or a pod as a whole (default: %(default)s)",
    )
    parser.add_argument(
        "--cpu-manager",
        choices=("static", "none"),
        default="static",
        help="static: whole CPUs for themselves for those that ask for them (default: %(default)s)",
    )
    parser.add_argument(
        "--memory-manager",
        choices=("Static", "None"),
        default="Static",
        help="Static: memory of Guaranteed pods bound to NUMA nodes (default: %(default)s)",
    )
    parser.add_argument(
        "--reserve-cpus",
        metavar="N",
        type=int,
        help="CPUs for the system, rounded up to whole cores (default: a core of each NUMA node, an eighth at most)",
    )
    parser.add_argument(
        "--reserve-memory",
        metavar="AMOUNT",
        help="memory for the system and the kubelet, such as 4Gi; the eviction threshold comes on top (default: what "
        "--config reserves, else 1977Mi, an eighth of the memory at most)",
    )
    parser.add_argument(
        "--options",
        metavar="NAME,...|none",
        help="options of the CPU and the topology manager (default: those that fit and need no feature gate)",
    )
    add_configuration(parser, required=False)
    parser.add_argument(
        "-o",
        "--output",
        choices=("yaml", "json"),
        default="yaml",
        help="yaml: with its comments; json: without; the kubelet reads both (default: yaml)",
    )


def add_configuration(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Options for the kubelet's configuration and version, which two commands have."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        required=required,
        help="the kubelet's configuration file; given again, a drop-in that is laid over it",
    )
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        help="the kubelet's drop-in directory, whose *.conf are laid over the first --config, before the others",
    )
    parser.add_argument(
        "--kubernetes-version",
        metavar="VERSION",
        default="1.37",
        help="the kubelet's, 1.31 to 1.37 (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    import sys  # noqa: PLC0415 - the parser stays light: this module is imported to build it

    from agent.checkup.configuration import parse_version, read_configuration  # noqa: PLC0415
    from agent.checkup.preflight import hold_against_rules  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415
    from agent.kubelet_config.drop_in import derive_drop_in  # noqa: PLC0415
    from agent.kubelet_config.hardware import hardware_of  # noqa: PLC0415
    from agent.kubelet_config.yaml_text import write_yaml  # noqa: PLC0415

    if options.config_dir is not None and options.config is None:
        raise _misuse("--config-dir", "it is laid over a file; name that with --config too")
    version = parse_version(options.kubernetes_version)
    present = None if options.config is None else read_configuration(options.config, options.config_dir)
    hardware = hardware_of(read_machine(options.host))
    drop_in = derive_drop_in(hardware, _wish(options, version, None if present is None else present.config))
    hold_against_rules(drop_in, hardware, version=version, present=present)
    if options.output == "json":
        from agent.cli.output import write_plain  # noqa: PLC0415

        write_plain(drop_in.document, form="json")
    else:
        sys.stdout.write(write_yaml(drop_in, _head(options)))
    return 0


def _wish(options: argparse.Namespace, version: Version, present: KubeletConfig | None) -> Wish:
    from agent.kubelet_config.drop_in import Wish  # noqa: PLC0415
    from agent.kubelet_config.fitting import Policies  # noqa: PLC0415

    asked: str | None = options.options
    names = None if asked is None else tuple(_names(asked))
    return Wish(
        policies=Policies(
            topology=options.policy,
            scope=options.scope,
            cpu=options.cpu_manager,
            memory=options.memory_manager,
        ),
        cpus=options.reserve_cpus,
        memory=_amount(options.reserve_memory),
        options=names,
        version=version,
        present=present,
    )


def _names(asked: str) -> Iterator[str]:
    """Names of options; `NAME=true`, as they stand in a configuration, is taken too."""
    for name in asked.split(","):
        if name not in ("", NO_OPTIONS):
            yield name.removesuffix("=true")


def _amount(text: str | None) -> int | None:
    from collectors.parse import ParseError  # noqa: PLC0415
    from collectors.quantity import parse_quantity  # noqa: PLC0415

    if text is None:
        return None
    try:
        amount = parse_quantity(text)
    except ParseError:
        raise _misuse("--reserve-memory", f"{text!r} is no amount; such as 4Gi or 2048Mi") from None
    if amount < 0:
        raise _misuse("--reserve-memory", f"{text} is less than nothing")
    return amount


def _misuse(flag: str, reason: str) -> NumascopeError:
    from agent.kubelet_config.model import UnfitError  # noqa: PLC0415

    return UnfitError(f"{flag}: {reason}")


def _head(options: argparse.Namespace) -> tuple[str, ...]:
    machine = "this machine" if options.host is None else "a captured machine"
    made = (
        f"A KubeletConfiguration for {machine}, made by numascope kubelet-config --policy {options.policy}."
    )
    laid = "It is laid over the kubelet's own: a file of its --config-dir whose name ends in .conf."
    before = "Before the kubelet is restarted with it: numascope preflight --config FILE --config THIS."
    return f"{made} {laid}", f"{before} A kubelet does not start over state files of other policies."
