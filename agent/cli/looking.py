"""Where a command on pods or on the node as a whole looks: an agent, a captured machine, or the kubelet here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from agent import settings

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials
    from collectors.model import Snapshot

AGENT_URL = f"http://127.0.0.1:{settings.DEFAULT_PORT}"

T = TypeVar("T")
Found_co = TypeVar("Found_co", covariant=True)


class OfCapture(Protocol[Found_co]):
    """What is found on a captured machine."""

    def __call__(self, machine: Snapshot, *, host: str, settings: settings.Settings) -> Found_co: ...


class Here(Protocol[Found_co]):
    """What is found on this machine, or else by the agent on it."""

    def __call__(
        self,
        machine: Snapshot,
        *,
        settings: settings.Settings,
        credentials: Credentials | None,
        agent_url: str,
    ) -> Found_co: ...


def look(
    options: argparse.Namespace,
    keys: frozenset[str],
    *,
    of_agent: Callable[[str], T],
    of_capture: OfCapture[T],
    here: Here[T],
) -> T:
    """What is found where the options say. Raises NumascopeError.

    Args:
        options: with `agent`, `host` and `config`.
        keys: the agent's settings that have a flag in this command.
        of_agent: asks the agent at a URL.
        of_capture: looks at a captured machine.
        here: looks at this one.
    """
    import logging  # noqa: PLC0415
    import os  # noqa: PLC0415

    from agent.cli.access import own_credentials  # noqa: PLC0415
    from agent.cli.machine import read_machine  # noqa: PLC0415
    from collectors.errors import CaptureError  # noqa: PLC0415

    if options.agent is not None:
        if options.host is not None:
            raise CaptureError(options.host, "a captured machine has no agent; leave --agent out")
        return of_agent(options.agent)
    # What the agent would log on the way is in the answer here, and is not said twice.
    logging.getLogger("agent").addHandler(logging.NullHandler())
    chosen = settings.load({key: getattr(options, key) for key in (*keys, "config")}, os.environ)
    machine = read_machine(options.host)
    if options.host is not None:
        return of_capture(machine, host=options.host, settings=chosen)
    credentials = own_credentials(chosen.kubeconfig, os.environ)
    return here(machine, settings=chosen, credentials=credentials, agent_url=AGENT_URL)
