"""What the scheduler knows of a node's pods, what is published of them, and what the kubelet lists: read together.

The three are read one after the other while pods come and go; so what differs is looked at again, and said only where
it stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.checkup.machine import DEADLINE_SECONDS, PODRESOURCES_SOCKET, list_pods_of_kubelet
from agent.clock import Clock
from agent.kube.client import KubeClient
from agent.kube.errors import ForbiddenError, NotFoundError
from agent.publish.faults import explain
from agent.publish.places import NODE_RESOURCE_TOPOLOGY, ListedPlace
from agent.settings import Settings
from agent.sources.agent_snapshot import AgentError, read_listed_pods
from agent.sources.api_pods import list_pods
from agent.views.doctor_fingerprint import Evidence, fingerprint_findings, is_equal
from agent.views.doctor_model import Finding, Severity
from agent.views.fingerprinted import PodName
from collectors.kubelet.errors import KubeletError
from collectors.kubelet.podresources import PodResourcesClient
from collectors.model.pod import Pod

LOOKS = 3
PAUSE_SECONDS = 1.0
"""A pod that starts is settled within that, on most nodes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which node, and where what is needed is asked for."""

    node_name: str
    settings: Settings
    agent_url: str
    """An agent of that node, for where its kubelet's socket is not"""


async def check_fingerprint(client: KubeClient, place: Place, *, clock: Clock) -> tuple[Finding, ...]:
    """Whether the scheduler trusts what is published of the node, and the pods that differ where it does not.

    Raises KubeError where the API server does not answer; a right that is missing is a finding.
    """
    findings = await _look(client, place)
    for _ in range(LOOKS - 1):
        if is_equal(findings):
            break
        await clock.sleep(PAUSE_SECONDS)
        findings = await _look(client, place)
    return findings


async def _look(client: KubeClient, place: Place) -> tuple[Finding, ...]:
    try:
        nrt = (await ListedPlace(client, NODE_RESOURCE_TOPOLOGY, place.node_name).look()).object
    except (ForbiddenError, NotFoundError) as error:
        words = explain(error, NODE_RESOURCE_TOPOLOGY).words
        return (Finding(check="fingerprint-absent", severity=Severity.ERROR, what=words),)
    listed, listed_from = await _listed(place)
    pods, missing = await _pods(client, place)
    if pods is None:
        return missing
    evidence = Evidence(node_name=place.node_name, nrt=nrt, pods=pods, listed=listed, listed_from=listed_from)
    return (*missing, *fingerprint_findings(evidence))


async def _pods(client: KubeClient, place: Place) -> tuple[tuple[Pod, ...] | None, tuple[Finding, ...]]:
    """The pods as the scheduler sees them: at the API server. Where we may not see them there, the kubelet's own word on
    them, which it tells the API server too; and the right that is missing."""
    try:
        return await list_pods(client, place.node_name), ()
    except ForbiddenError as error:
        right = error.right or "list pods"
    pods: tuple[Pod, ...] | None = None
    try:
        pods = await list_pods_of_kubelet(place.settings)
        instead = "the kubelet's Pods API is asked instead: it knows a phase a moment earlier"
    except KubeletError as failure:
        instead = f"nor can the kubelet be asked for them: {failure}"
    missing = Finding(
        check="fingerprint-rights",
        severity=Severity.ERROR if pods is None else Severity.WARNING,
        what=f"the right to {right} is missing, so the pods cannot be seen as the scheduler sees them",
        evidence=(instead,),
        way_out="a --kubeconfig of somebody who has that right; the agent itself needs none",
    )
    return pods, (missing,)


async def _listed(place: Place) -> tuple[frozenset[PodName] | None, str]:
    """The pods that the kubelet lists, by its socket or else by the agent; and by which, or why by neither."""
    path = f"{place.settings.kubelet_root}/{PODRESOURCES_SOCKET}"
    try:
        async with PodResourcesClient(path, deadline_seconds=DEADLINE_SECONDS) as kubelet:
            return frozenset((pod.namespace, pod.name) for pod in await kubelet.list()), path
    except KubeletError as error:
        socket = str(error)
    try:
        return await read_listed_pods(place.agent_url), place.agent_url
    except AgentError as error:
        return None, f"{socket}; {error}"
