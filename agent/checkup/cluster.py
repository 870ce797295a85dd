"""What the API server has of this node, and whether we may do there what the agent does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agent.kube.errors import ForbiddenError, KubeError, KubeStatusError, NotFoundError
from agent.publish.faults import explain
from agent.publish.places import NODE_RESOURCE_TOPOLOGY, Client, ListedPlace
from agent.views.doctor_model import Finding, Severity
from agent.views.doctor_scheduler import published_findings

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
"""Everybody may ask the API server what they themselves may do"""

RIGHTS = "rights-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something that the agent has to be allowed."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    severity: Severity = Severity.ERROR

    @property
    def words(self) -> str:
        """As it is said of a role."""
        below = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource}{below}"


NEEDED = (
    *(
        Right(verb=verb, resource="noderesourcetopologies", group="topology.node.k8s.io")
        for verb in ("list", "watch", "create", "patch")
    ),
    Right(verb="get", resource="nodes", subresource="configz", severity=Severity.WARNING),
)
"""As deploy/base/rbac.yaml gives them"""


async def check_cluster(client: Client, node_name: str, *, as_agent: bool) -> tuple[Finding, ...]:
    """What is found.

    Args:
        client: the API server.
        node_name: of this node.
        as_agent: whether the client has the agent's own identity, so that its rights are the agent's.

    An API server that does not answer is what is found, and no error.
    """
    try:
        rights = [found async for found in _rights(client)] if as_agent else []
        published = await _published(client, node_name)
        if rights and any(
            found.check == RIGHTS for found in published
        ):  # said already, by the server's own review
            return tuple(rights)
        return (*rights, *published)
    except KubeError as error:
        return (
            Finding(
                check="api-unreachable",
                severity=Severity.WARNING,
                what="the API server could not be asked what it has of this node",
                evidence=(explain(error, NODE_RESOURCE_TOPOLOGY).words,),
            ),
        )


async def _published(client: Client, node_name: str) -> tuple[Finding, ...]:
    try:
        seen = await ListedPlace(client, NODE_RESOURCE_TOPOLOGY, node_name).look()
    except NotFoundError as error:
        return (
            Finding(
                check="crd-missing",
                severity=Severity.ERROR,
                what="nothing can be published: the API server does not know NodeResourceTopology",
                evidence=(str(error),),
                way_out="kubectl apply -k deploy/crds",
            ),
        )
    except ForbiddenError as error:
        return (_missing(error.right or "list noderesourcetopologies", Severity.ERROR),)
    return tuple(published_findings(seen.object, node_name=node_name))


async def _rights(client: Client) -> AsyncIterator[Finding]:
    """Those that are missing."""
    for right in NEEDED:
        try:
            answer = await client.create(REVIEWS, _review(right))
        except KubeStatusError:  # who may not even ask is told by what fails
            return
        status = answer.get("status")
        if isinstance(status, dict) and status.get("allowed") is False:
            yield _missing(right.words, right.severity)


def _review(right: Right) -> dict[str, Any]:
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": right.verb,
                "group": right.group,
                "resource": right.resource,
                "subresource": right.subresource,
            }
        },
    }


def _missing(right: str, severity: Severity) -> Finding:
    return Finding(
        check=RIGHTS,
        severity=severity,
        what=f"the right to {right} is missing",
        way_out=f"kubectl apply -f {NODE_RESOURCE_TOPOLOGY.rights}",
    )
