"""`numascope agent`: reads this machine, keeps what it found fresh, and serves it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent import settings

if TYPE_CHECKING:
    from agent import app

NAME = "agent"
SUMMARY = "serve this machine's topology: /metrics, JSON, NodeResourceTopology"

DESCRIPTION = """\
Reads the machine at start, on kernel events and once a period, and serves what it found: /metrics for Prometheus,
/api/v1/snapshot (JSON), /api/v1/nrt (the NodeResourceTopology it would publish), /healthz and /readyz.

Needs no root, no cluster, no kubelet and no GPU; says at start what it found and what is missing. Beside a kubelet it
keeps a picture of what that gave to whom, and in a pod with a service account, or with --kubeconfig, it publishes what
follows: the NodeResourceTopology, and with --publish and --labels more.
Ends on SIGTERM or SIGINT within two seconds; a second signal ends it at once."""

EXAMPLES = """\
examples:
  numascope agent                                   this machine, on 127.0.0.1:9787
  numascope agent --listen :9787                    for other machines too: there is no password
  numascope agent --survey-period 5m                read again every five minutes only
  numascope agent --publish off                     beside a kubelet, publishing nothing
  numascope agent --host machine.tar.xz             a captured machine
  NUMASCOPE_LOG_FORMAT=json numascope agent         settings from the environment

docs/settings.md has every setting, and which source wins."""

EXIT_FAULT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    settings.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    import logging  # noqa: PLC0415 - the parser stays light: this module is imported to build it
    import os  # noqa: PLC0415

    from agent import footprint, logs  # noqa: PLC0415

    with footprint.without_public_authorities():
        from agent import app  # noqa: PLC0415
    from collectors.hosts import open_host  # noqa: PLC0415
    from collectors.hotplug import open_kernel_events  # noqa: PLC0415

    chosen = settings.load(vars(options), os.environ)
    logs.configure(chosen.log_format, chosen.log_level)
    machine = app.Machine(
        open_host=open_host(chosen.host, sys_root=chosen.sys_root),
        open_events=open_kernel_events if chosen.hotplug == "on" and chosen.host is None else None,
        captured=chosen.host is not None,
    )
    try:
        app.run(chosen, machine, say=_teller(chosen.log_format), join=_surroundings(chosen))
    except ExceptionGroup:
        # What is our own fault ends the process, so that a supervisor starts a healthy one.
        logging.getLogger(__name__).exception("the agent ends; this is a defect, please report it")
        return EXIT_FAULT
    return 0


def _surroundings(chosen: settings.Settings) -> app.Join | None:
    """What the agent has to join; None where this machine is alone, or where another one is served."""
    import os  # noqa: PLC0415

    from agent.surroundings import is_alone  # noqa: PLC0415

    if chosen.host is not None or is_alone(chosen, os.environ):
        return None
    from agent.cluster import Cluster, find_credentials  # noqa: PLC0415 - a machine alone pays for none of it

    credentials = find_credentials(chosen, os.environ)
    return lambda clock, machine: Cluster(chosen, credentials, clock=clock, machine=machine)


def _teller(log_format: str) -> Callable[[Sequence[str]], None]:
    """Lines for a person on standard output, or entries of the log where that is read by machines."""
    import logging  # noqa: PLC0415
    import sys  # noqa: PLC0415

    def log_lines(lines: Sequence[str]) -> None:
        for line in lines:
            logging.getLogger(__name__).info("%s", line.strip())

    def write_lines(lines: Sequence[str]) -> None:
        with contextlib.suppress(OSError):  # who reads our first words may be gone; the agent stays
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()

    return log_lines if log_format == "json" else write_lines
