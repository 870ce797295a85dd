"""`numascope preflight`: would the kubelet start with a new configuration, and what would pods lose?"""

from __future__ import annotations

import argparse

from agent.cli.kubelet_config import add_configuration

NAME = "preflight"
SUMMARY = "say whether the kubelet would start with a configuration, and which pods would lose what"

DESCRIPTION = """\
Holds a kubelet's configuration against its own rules, this machine and the state files of the kubelet before, as the
kubelet would do it when it starts: policies and options, feature gates, reserved CPUs and memory, NUMA nodes,
cpu_manager_state and memory_manager_state. What keeps it from starting is named with the words that its log would have,
and with the way out: where a state file has to go, which file, and which pods have something in it.

Fields that have nothing to do with CPUs, memory and topology are not looked at. Flags of the kubelet's command line win
over its files and cannot be seen here.

Exit status 0: the kubelet starts; 1: it does not; 2: something could not be read."""

EXAMPLES = """\
examples:
  numascope preflight --config NEW.yaml
  numascope preflight --config /var/lib/kubelet/config.yaml --config-dir /etc/kubernetes/kubelet.conf.d
  numascope kubelet-config --policy restricted > 90-numa.conf
  numascope preflight --config /var/lib/kubelet/config.yaml --config 90-numa.conf
  numascope preflight --config NEW.yaml --host machine.tar.xz     the machine and state files of a capture"""

EXIT_DOES_NOT_START = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    add_configuration(parser, required=True)
    parser.add_argument(
        "--kubelet-root",
        metavar="DIR",
        default="/var/lib/kubelet",
        help="the kubelet's directory, where its state files are (default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json", "yaml"),
        default="text",
        help="text: for a person; json, yaml: for a program (default: text)",
    )


def run(options: argparse.Namespace) -> int:
    import logging  # noqa: PLC0415 - the parser stays light: this module is imported to build it

    from agent.checkup.configuration import parse_version, read_configuration  # noqa: PLC0415
    from agent.checkup.preflight import look  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415

    # What would be logged on the way is in the answer, and is not said twice.
    logging.getLogger("agent").addHandler(logging.NullHandler())
    configuration = read_configuration(options.config, options.config_dir)
    answer = look(
        read_machine(options.host),
        configuration,
        host=options.host,
        root=options.kubelet_root,
        version=parse_version(options.kubernetes_version),
    )
    if options.output == "text":
        from agent.cli.terminal import print_page  # noqa: PLC0415
        from agent.views.preflight_page import preflight_page  # noqa: PLC0415

        print_page(preflight_page(answer.verdict, answer.about), color=options.color)
    else:
        from agent.cli.output import write_plain  # noqa: PLC0415
        from agent.views.preflight_page import plain_verdict  # noqa: PLC0415

        write_plain(plain_verdict(answer.verdict, answer.about), form=options.output)
    return 0 if answer.verdict.starts else EXIT_DOES_NOT_START
