"""What the agent is beside a reader of its machine, where there is a kubelet or a cluster: the kubelet's picture, kept
current, and what is published of both together.

Imported only there: a machine alone pays for none of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from agent import __version__
from agent.clock import Clock
from agent.kube.client import KubeClient, Object
from agent.kube.credentials import Credentials, Kubeconfig, NodeIdentity, ServiceAccount, node_of_token
from agent.kube.errors import CredentialsError
from agent.kubelet.config_reader import ConfigReader, config_sources, describe_config
from agent.kubelet.files import KubeletFiles
from agent.kubelet.own_cpus import read_own_cpus
from agent.kubelet.watcher import KubeletWatcher
from agent.publications import Publications
from agent.publish.status import PublishStatus
from agent.settings import Settings
from agent.sources.api_pods import ApiPods
from agent.sources.kubelet_pods import KubeletPods
from agent.sources.pod_source import PodSource, PolledPods
from agent.sources.pod_store import PodListener
from agent.surroundings import in_pod
from agent.views.fingerprinted import changes_at
from agent.views.text import plural
from collectors.hostfs import DirectoryFS
from collectors.kubelet.podresources import PodResourcesClient
from collectors.model import Snapshot
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.model.refusals import RefusalCounts

if TYPE_CHECKING:  # what only a node that has refused a pod pays for
    from agent.refusals.keeper import Announce
    from agent.refusals.running import RunningRefusals

log = logging.getLogger(__name__)

PODRESOURCES_SOCKET = "pod-resources/kubelet.sock"
PODS_API_SOCKET = "pods-api/pods-api.sock"

_NO_REFUSALS = RefusalCounts(present=0)
_UNKNOWN_REFUSALS = RefusalCounts()

KUBELET_SECONDS = 5.0
"""Until a call counts as unanswered"""


class Cluster:
    """One node of a cluster.

    Attributes:
        node_name: its name: what our token says, else what the settings say.
        watcher: the kubelet.
        publications: what is published.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials | None,
        *,
        clock: Clock,
        machine: Callable[[], Snapshot | None],
    ) -> None:
        """`machine` gives the last survey. Raises CredentialsError where the credentials cannot be used."""
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._machine = machine
        self._chance = random.Random()  # noqa: S311 - it spreads attempts, and keeps no secret
        self._composed: tuple[Snapshot, KubeletPicture, RefusalCounts, Snapshot] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._refusals: RunningRefusals | None = None
        self._settled = asyncio.Event()
        self._changes_at = math.inf
        self._token = credentials.token() if isinstance(credentials, ServiceAccount) else ""
        self._node = node_of_token(self._token)
        self.node_name = settings.node_name if self._node is None else self._node.name
        if self.node_name != settings.node_name:
            log.warning(
                "our token is bound to node %s, which is what we publish, not %s",
                self.node_name,
                settings.node_name,
            )
        self._client = (
            None if credentials is None else KubeClient(credentials, user_agent=f"numascope/{__version__}")
        )
        root = settings.kubelet_root
        self.watcher = KubeletWatcher(
            PodResourcesClient(f"{root}/{PODRESOURCES_SOCKET}", deadline_seconds=KUBELET_SECONDS),
            socket_path=f"{root}/{PODRESOURCES_SOCKET}",
            config=ConfigReader(config_sources(settings, credentials), clock=clock),
            files=KubeletFiles(root),
            sources=self._sources,
            clock=clock,
            audience=self,
            own_cpus=(lambda: read_own_cpus(DirectoryFS()))
            if isinstance(credentials, ServiceAccount)
            else lambda: None,
        )
        self.publications = Publications(
            settings,
            self._client,
            node_name=self.node_name,
            identity=self._identity,
            clock=clock,
            chance=self._chance,
        )

    async def run(self) -> Never:
        """Watches and publishes until it is cancelled."""
        async with AsyncExitStack() as stack:
            if self._client is not None:
                await stack.enter_async_context(self._client)
            group = self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            group.create_task(self.publications.run(), name="publishing")
            await self.watcher.run()

    def surveyed(self) -> None:
        """The machine has been read anew."""
        self.watcher.devices_changed()
        self.picture_changed()

    def picture_changed(self) -> None:
        """Publishes what follows from the picture, once that is whole."""
        if self.watcher.complete:
            self._settled.set()
            machine, now = self._machine(), self._clock.wall()
            if machine is not None:
                at = changes_at(self.watcher.picture, now)
                self._changes_at = math.inf if at is None else at
                self.publications.update(replace(machine, kubelet=self.watcher.picture, taken_at=now))

    def pod_refused(
        self, pod: Pod, *, news: bool, before: KubeletPicture, in_flight: frozenset[tuple[str, str]]
    ) -> None:
        """Counts a refused pod, and notes it to be explained."""
        self._running_refusals().refused(pod, news=news, before=before, in_flight=in_flight)

    def second_passed(self) -> None:
        """Publishes anew for what nobody tells of: our token names another Node (one that was made again has another
        uid), or as much time has passed as makes a difference."""
        before = self._node
        if self._identity() != before or self._clock.wall() >= self._changes_at:
            self.picture_changed()

    async def settled(self, seconds: float) -> None:
        """Returns when there is something to say about the kubelet; after that many seconds at the latest."""
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(self._settled.wait())
            timer = group.create_task(self._clock.sleep(seconds))
            await asyncio.wait((waiting, timer), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            timer.cancel()

    def with_kubelet(self, machine: Snapshot) -> Snapshot:
        """The same machine with what is known of its kubelet now."""
        picture = self.watcher.picture
        counts = self._refusal_counts(picture.pods.facts)
        known = self._composed
        if known is None or known[0] is not machine or known[1] is not picture or known[2] is not counts:
            whole = replace(machine, kubelet=replace(picture, refusals=counts))
            known = self._composed = (machine, picture, counts, whole)
        return known[3]

    def refusals(self, namespace: str, name: str | None) -> dict[str, Any]:
        """What is served of refused pods: of all, or of the one of that name."""
        asked = None if name is None else ((namespace, name), self.watcher.store.named(namespace, name))
        return self._running_refusals().served(self.watcher.picture.pods.facts, asked)

    def nrt(self) -> tuple[Object | None, str]:
        """The NodeResourceTopology as it is published, and why there is none."""
        return self.publications.nrt, self.publications.no_nrt or ""

    @property
    def statuses(self) -> Sequence[PublishStatus]:
        """How publishing each object goes."""
        return self.publications.statuses

    def problem(self) -> str | None:
        """Why what is published may not be what it should be."""
        return self.publications.problem

    def describe(self) -> tuple[list[str], list[str], list[str]]:
        """Lines for people: what is known of the kubelet, what is published, what is missing."""
        picture, choice = self.watcher.picture, self.watcher.feed.choice
        listed, error = picture.allocations.facts, picture.allocations.error
        kubelet = [] if listed is None else [f"{plural(len(listed), 'pod')} listed by the kubelet"]
        kubelet += [] if choice.name is None else [f"pods come from {choice.name}"]
        kubelet.append(describe_config(picture.config))
        missing = [] if error is None else [f"no answer from the kubelet: {error}"]
        missing += [f"not {name}: {reason}" for name, reason in choice.passed_over]
        published = [f"{status.kind} {status.name}" for status in self.publications.statuses]
        if self._client is None:
            missing.append("no cluster: nothing is published at an API server")
        elif not published:
            missing.append("nothing is published, as asked")
        return kubelet, published, missing

    def _refusal_counts(self, pods: tuple[Pod, ...] | None) -> RefusalCounts:
        if self._refusals is not None:
            return self._refusals.counts(pods)
        return _NO_REFUSALS if pods is not None else _UNKNOWN_REFUSALS

    def _running_refusals(self) -> RunningRefusals:
        """Imported now: most nodes refuse no pod for weeks."""
        if self._refusals is None:
            from agent.refusals.running import RunningRefusals  # noqa: PLC0415

            self._refusals = RunningRefusals(
                clock=self._clock,
                machine=self._machine,
                kubelet=self.watcher,
                announce=self._announcer(),
            )
            if self._tasks is not None:
                self._tasks.create_task(self._refusals.run(), name="refused pods")
        return self._refusals

    def _announcer(self) -> Announce | None:
        """What creates Events on refused pods, where that is wanted and there is an API server."""
        if self._client is None or self._settings.explain_events != "on":
            return None
        from agent.publish.pod_events import RefusalAnnouncer  # noqa: PLC0415

        return RefusalAnnouncer(self._client, node_name=self.node_name, clock=self._clock).announce

    def _sources(self, listener: PodListener) -> Sequence[PodSource]:
        """Best first."""
        of_kubelet = KubeletPods(f"{self._settings.kubelet_root}/{PODS_API_SOCKET}", clock=self._clock)
        polled = PolledPods(listener, clock=self._clock)
        if self._client is None:
            return of_kubelet, polled
        of_server = ApiPods(
            self._client, node_name=self.node_name, clock=self._clock, random=self._chance.random
        )
        return of_kubelet, of_server, polled

    def _identity(self) -> NodeIdentity | None:
        """The node that our token names; the last that one named where it cannot be read now."""
        if isinstance(self._credentials, ServiceAccount):
            with contextlib.suppress(CredentialsError):  # the publishing says so; the Node is the same
                token = self._credentials.token()
                if token != self._token:
                    self._token, self._node = token, node_of_token(token)
        return self._node


def find_credentials(settings: Settings, environ: Mapping[str, str]) -> Credentials | None:
    """Who we are at the API server: by the kubeconfig that the settings name, else the pod's service account; None
    where there is neither. Raises CredentialsError where what there is cannot be used."""
    if settings.kubeconfig is not None:
        return Kubeconfig(Path(settings.kubeconfig))
    return ServiceAccount(environment=environ) if in_pod(environ) else None
