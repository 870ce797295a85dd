"""What this node publishes: the objects that are wanted, derived from each snapshot, and who keeps each of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from agent.clock import Clock
from agent.kube.client import Object
from agent.kube.credentials import NodeIdentity
from agent.placement.model import Ledger
from agent.publish.events import Announcer
from agent.publish.keeper import ObjectKeeper, PublishPolicy
from agent.publish.labels import FEATURE_FILE, FeatureFileKeeper, node_with_labels
from agent.publish.owner import owned_by
from agent.publish.places import (
    NODE_RESOURCE_TOPOLOGY,
    NUMATOPOLOGY,
    Client,
    ListedPlace,
    NodeLabelsPlace,
    Place,
)
from agent.publish.status import PublishStatus
from agent.settings import Settings
from agent.views.fingerprinted import FingerprintMethod
from agent.views.labels import derive_labels
from agent.views.nrt import NrtOptions, derive_nrt, missing_reason, nrt_ledger
from agent.views.numatopology import derive_numatopology
from collectors.model import Snapshot


class Keeper(Protocol):
    """Keeps one thing as it is wanted."""

    status: PublishStatus

    async def run(self) -> None:
        """Until it is cancelled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Publication:
    """One thing that is published."""

    keeper: Keeper
    update: Callable[[Snapshot, Ledger], None]
    """Derives what is wanted of a snapshot and its ledger, and tells the keeper"""


class Publications:
    """Everything that is published of this node.

    Attributes:
        nrt: the NodeResourceTopology as it is wanted; None where there is nothing to publish.
        no_nrt: why there is none.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client | None,
        *,
        node_name: str,
        identity: Callable[[], NodeIdentity | None],
        clock: Clock,
        chance: random.Random,
    ) -> None:
        """Without a client nothing is published, and the objects are derived to be shown alone."""
        self._settings = settings
        self._node_name = node_name
        self._identity = identity
        self._clock = clock
        self._chance = chance
        self._options = NrtOptions(
            fingerprint=FingerprintMethod(settings.fingerprint),
            exclude_resources=settings.exclude_resources,
            exclude_namespaces=settings.exclude_namespaces,
        )
        self._nrt_keeper: ObjectKeeper | None = None
        self._others: list[_Publication] = []
        self.nrt: Object | None = None
        self.no_nrt: str | None = "the kubelet has not answered yet"
        if client is not None:
            self._publish_at(client)
        if settings.labels == "nfd-file":
            keeper = FeatureFileKeeper(FEATURE_FILE, clock=clock)
            self._others.append(
                _Publication(keeper=keeper, update=lambda snapshot, _: keeper.want(self._labels(snapshot)))
            )

    @property
    def statuses(self) -> tuple[PublishStatus, ...]:
        """How each goes."""
        first = () if self._nrt_keeper is None else (self._nrt_keeper.status,)
        return (*first, *(each.keeper.status for each in self._others))

    @property
    def problem(self) -> str | None:
        """Why what is published may differ from what is wanted; None where it is known to be equal."""
        if self._nrt_keeper is not None and self.nrt is None:
            return f"there is no {NODE_RESOURCE_TOPOLOGY.name} to publish: {self.no_nrt}"
        return next((_words(each) for each in self.statuses if not each.known_equal), None)

    def update(self, snapshot: Snapshot) -> None:
        """Derives what is wanted from a snapshot with a whole picture of the kubelet."""
        ledger = nrt_ledger(snapshot, self._options)
        nrt = derive_nrt(snapshot, node_name=self._node_name, ledger=ledger, options=self._options)
        self.no_nrt = missing_reason(snapshot, ledger=ledger, options=self._options) if nrt is None else None
        self.nrt = self._owned(nrt)
        if self._nrt_keeper is not None:
            self._nrt_keeper.want(self.nrt)
        for each in self._others:
            each.update(snapshot, ledger)

    async def run(self) -> None:
        """Keeps everything as it is wanted, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._nrt_keeper is not None:
                group.create_task(self._nrt_keeper.run(), name="NodeResourceTopology")
            for each in self._others:
                group.create_task(each.keeper.run(), name=each.keeper.status.kind)
            await asyncio.Event().wait()

    def _publish_at(self, client: Client) -> None:
        if "nrt" in self._settings.publish:
            self._nrt_keeper = self._object_keeper(
                client, ListedPlace(client, NODE_RESOURCE_TOPOLOGY, self._node_name)
            )
        if "numatopology" in self._settings.publish:
            self._keep_numatopology(client)
        if self._settings.labels == "apply":
            keeper = self._object_keeper(client, NodeLabelsPlace(client, self._node_name))
            self._others.append(
                _Publication(
                    keeper=keeper,
                    update=lambda snapshot, _: keeper.want(
                        node_with_labels(self._node_name, self._labels(snapshot))
                    ),
                )
            )

    def _keep_numatopology(self, client: Client) -> None:
        keeper = self._object_keeper(client, ListedPlace(client, NUMATOPOLOGY, self._node_name))

        def update(snapshot: Snapshot, ledger: Ledger) -> None:
            wanted = derive_numatopology(snapshot, node_name=self._node_name, ledger=ledger)
            keeper.want(self._owned(wanted))

        self._others.append(_Publication(keeper=keeper, update=update))

    def _owned(self, wanted: Object | None) -> Object | None:
        identity = self._identity()
        return wanted if wanted is None or identity is None else owned_by(identity, wanted)

    def _object_keeper(self, client: Client, place: Place) -> ObjectKeeper:
        return ObjectKeeper(
            place,
            clock=self._clock,
            chance=self._chance,
            announcer=Announcer(client, node_name=self._node_name, clock=self._clock),
            policy=PublishPolicy(
                on_conflict=cast(Literal["yield", "force"], self._settings.on_conflict),
                write_spread=self._settings.write_spread,
            ),
        )

    def _labels(self, snapshot: Snapshot) -> dict[str, str | None]:
        return derive_labels(snapshot, prefix=self._settings.label_prefix)


def _words(status: PublishStatus) -> str:
    """Why one of them is not known to be as wanted."""
    title = f"{status.kind} {status.name}"
    if status.yielded_to:
        return f"{title} is left to {', '.join(status.yielded_to)}"
    return f"{title} is not known to be as wanted: {status.error or 'it is under way'}"
