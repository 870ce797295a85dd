"""Where an object lies at the API server: how it is looked at, watched and written.

`ListedPlace` is one custom object, looked at through a list and a watch of that one name. `NodeLabelsPlace` is our
labels on a Node: the right to patch Nodes is all it takes, so it looks by a patch of nothing, and sees no changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agent.kube.client import Object, WatchEvent
from agent.kube.errors import KubeUnreachableError
from agent.publish.ownership import applied_by_us, fields_below

WATCH_SECONDS = 3600.0
"""Until the server ends a watch, and it is taken up again. A dead connection is noticed by the kernel, not by this."""


class Client(Protocol):
    """What publishing asks of `agent.kube.client.KubeClient`."""

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Object: ...

    async def peek(self, path: str) -> Object: ...

    async def apply(self, path: str, body: Object, *, force: bool) -> Object: ...

    async def create(self, path: str, body: Object) -> Object: ...

    def watch(
        self, path: str, *, query: Mapping[str, str], resource_version: str | None, idle_seconds: float
    ) -> AsyncIterator[WatchEvent]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object that we publish, one a node and named like it."""

    api_version: str
    name: str
    plural: str
    if_missing: str
    """What a 404 means, and what to do about it"""
    rights: str
    """The manifest with the rights that publishing it takes"""

    @property
    def path(self) -> str:
        """The path of its collection."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/{self.plural}"


NODE_RESOURCE_TOPOLOGY = Kind(
    api_version="topology.node.k8s.io/v1alpha2",
    name="NodeResourceTopology",
    plural="noderesourcetopologies",
    if_missing="the API server knows no noderesourcetopologies (topology.node.k8s.io/v1alpha2): "
    "`kubectl apply -k deploy/crds` installs them",
    rights="deploy/base/rbac.yaml",
)
NUMATOPOLOGY = Kind(
    api_version="nodeinfo.volcano.sh/v1alpha1",
    name="Numatopology",
    plural="numatopologies",
    if_missing="the API server knows no numatopologies (nodeinfo.volcano.sh/v1alpha1): they come with Volcano; "
    "install it, or leave numatopology out of --publish",
    rights="deploy/components/volcano",
)
NODE = Kind(
    api_version="v1",
    name="Node",
    plural="nodes",
    if_missing="there is no such Node: its kubelet makes it, and --node-name must be its name",
    rights="deploy/components/labels-apply",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is at one resource version."""

    version: str
    object: Object | None = None
    """None where there is no such object"""
    bookmark: bool = False
    """Whether only the version is told, and the object has not changed"""


class Place(Protocol):
    """One object at the server."""

    @property
    def kind(self) -> Kind: ...

    @property
    def name(self) -> str: ...

    @property
    def watchable(self) -> bool:
        """Whether `watch` works."""
        ...

    async def look(self) -> Seen:
        """The object as it is."""
        ...

    def watch(self, version: str) -> AsyncIterator[Seen]:
        """Each change after that version, until the server ends it."""
        ...

    async def apply(self, body: Object, *, force: bool) -> Seen:
        """Server-side apply; the object as it is then."""
        ...

    def complete(self, wanted: Object, found: Object | None) -> Object:
        """What is to be applied, so that nothing is lost that nobody asked to go."""
        ...


class ListedPlace:
    """One custom object of a cluster-scoped kind. Needs get, list, watch, create and patch."""

    watchable = True

    def __init__(self, client: Client, kind: Kind, name: str) -> None:
        self.kind = kind
        self.name = name
        self._client = client
        self._only_this = {"fieldSelector": f"metadata.name={name}"}

    async def look(self) -> Seen:
        # A list of the one name, not a get: an object's own version may be older than what the server can watch from.
        answer = await self._client.get(self.kind.path, query=self._only_this)
        items = answer.get("items")
        found = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None
        return Seen(version=_version(answer), object=found)

    async def watch(self, version: str) -> AsyncIterator[Seen]:
        async for event in self._client.watch(
            self.kind.path, query=self._only_this, resource_version=version, idle_seconds=2 * WATCH_SECONDS
        ):
            found = None if event.type == "DELETED" else event.object
            yield Seen(version=_version(event.object), object=found, bookmark=event.type not in _CHANGES)

    async def apply(self, body: Object, *, force: bool) -> Seen:
        answer = await self._client.apply(f"{self.kind.path}/{self.name}", body, force=force)
        return Seen(version=_version(answer), object=answer)

    def complete(self, wanted: Object, found: Object | None) -> Object:
        return wanted


class NodeLabelsPlace:
    """Our labels on one Node. Needs the right to patch Nodes and no other.

    A wanted label is a text; None takes it away; one that is not named keeps the value that we gave it.
    """

    watchable = False

    def __init__(self, client: Client, name: str) -> None:
        self.kind = NODE
        self.name = name
        self._client = client
        self._path = f"{NODE.path}/{name}"

    async def look(self) -> Seen:
        return _seen_node(await self._client.peek(self._path))

    def watch(self, version: str) -> AsyncIterator[Seen]:
        raise KubeUnreachableError(f"watch {self._path} after {version}: nobody gave us the right to")

    async def apply(self, body: Object, *, force: bool) -> Seen:
        return _seen_node(await self._client.apply(self._path, body, force=force))

    def complete(self, wanted: Object, found: Object | None) -> Object:
        asked: Mapping[str, str | None] = wanted["metadata"]["labels"]
        kept = {} if found is None else our_labels(found)
        labels = {key: value for key, value in {**kept, **asked}.items() if value is not None}
        metadata = {key: value for key, value in wanted["metadata"].items() if key != "labels"}
        return {**wanted, "metadata": {**metadata, **({"labels": labels} if labels else {})}}


_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


def our_labels(node: Object) -> dict[str, str]:
    """The labels that we applied to an object and still own, with their values."""
    labels = node.get("metadata", {}).get("labels") or {}
    owned = {
        key
        for fields in applied_by_us(node)
        for key in fields_below(fields, "metadata", "labels")
        if key in labels
    }
    return {key: labels[key] for key in sorted(owned)}


def _seen_node(answer: Object) -> Seen:
    """Of a Node, which may be long, only what can matter here."""
    metadata = _metadata(answer)
    kept = {key: metadata[key] for key in ("name", "uid", "labels", "managedFields") if key in metadata}
    return Seen(version=_version(answer), object={"metadata": kept})


def _version(answer: Object) -> str:
    return str(_metadata(answer).get("resourceVersion", ""))


def _metadata(answer: Object) -> Mapping[str, Any]:
    metadata = answer.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
