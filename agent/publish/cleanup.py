"""Takes away what numascope published of one node: only what carries our name as field manager.

An agent that still runs puts back what is taken from it, so it has to be stopped first.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from agent.kube.client import Object
from agent.kube.errors import KubeError, NotFoundError
from agent.publish.faults import explain
from agent.publish.ownership import applied_by_us, last_other_manager
from agent.publish.places import (
    NODE,
    NODE_RESOURCE_TOPOLOGY,
    NUMATOPOLOGY,
    Client,
    Kind,
    ListedPlace,
    NodeLabelsPlace,
    our_labels,
)


class DeletingClient(Client, Protocol):
    """A client that deletes too."""

    async def delete(self, path: str) -> Object: ...


class Outcome(enum.Enum):
    """What became of one thing; the value is the word for it."""

    REMOVED = "removed"
    LEFT = "left"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found."""

    what: str
    outcome: Outcome
    reason: str = ""
    """Why it was left, or could not be removed"""


async def clean_up(client: DeletingClient, node_name: str, *, dry_run: bool) -> AsyncIterator[Finding]:
    """Removes the node's objects and labels, and tells of each; in a dry run it tells and removes nothing.

    What is not there is not told of. A failure at one thing does not keep it from the others.
    """
    for kind in (NODE_RESOURCE_TOPOLOGY, NUMATOPOLOGY):
        try:
            found = await _remove_object(client, kind, node_name, dry_run=dry_run)
        except NotFoundError:
            continue  # no such kind, or it was gone before us
        except KubeError as error:
            found = _failure(f"{kind.name} {node_name}", error, kind)
        if found is not None:
            yield found
    try:
        for each in await _remove_labels(client, node_name, dry_run=dry_run):
            yield each
    except NotFoundError:
        return
    except KubeError as error:
        yield _failure(f"labels of node {node_name}", error, NODE)


async def _remove_object(client: DeletingClient, kind: Kind, name: str, *, dry_run: bool) -> Finding | None:
    what = f"{kind.name} {name}"
    found = (await ListedPlace(client, kind, name).look()).object
    if found is None:
        return None
    if not applied_by_us(found):
        writer = last_other_manager(found) or "nobody that is named"
        return Finding(what=what, outcome=Outcome.LEFT, reason=f"not ours: written by {writer}")
    if not dry_run:
        await client.delete(f"{kind.path}/{name}")
    return Finding(what=what, outcome=Outcome.REMOVED)


async def _remove_labels(client: DeletingClient, node_name: str, *, dry_run: bool) -> list[Finding]:
    place = NodeLabelsPlace(client, node_name)
    found = (await place.look()).object
    labels = {} if found is None else our_labels(found)
    if labels and not dry_run:
        # An apply of nothing gives up every field that is ours, and what nobody else has set goes.
        body = {"apiVersion": NODE.api_version, "kind": NODE.name, "metadata": {"name": node_name}}
        await place.apply(body, force=True)
    return [
        Finding(what=f"label {key}={value} of node {node_name}", outcome=Outcome.REMOVED)
        for key, value in labels.items()
    ]


def _failure(what: str, error: KubeError, kind: Kind) -> Finding:
    right = getattr(error, "right", None)
    reason = f"the right to {right} is missing" if right else explain(error, kind).words
    return Finding(what=what, outcome=Outcome.FAILED, reason=reason)
