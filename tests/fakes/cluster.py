"""The objects of an API server, in memory: versions, watches, server-side apply with owners of fields, and faults.

It stands where `KubeClient` stands, so that no socket and no real time are in the way. It knows what our kinds need: a
list is one field as a whole, but for owners (by uid).
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from agent.kube.client import FIELD_MANAGER, Object, WatchEvent
from agent.kube.errors import GoneError, KubeError, error_from_status

Field = tuple[str, ...]
"""A path in the notation of managedFields: ("f:metadata", "f:labels", "f:x")"""

_NOBODYS = ("apiVersion", "kind")
_SERVERS = ("name", "uid", "resourceVersion", "managedFields")


class FakeCluster:
    """Objects by their path.

    Attributes:
        requests: what was asked, by verb.
        bodies: what was applied, in order, refused or not.
        forced: for each of them, whether by force.
        events: Events that were created.
        refusals: errors for the next requests, by verb.
        makes: what a schema or a webhook makes of what is applied.
        oldest: the oldest version from which can be watched.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bodies: list[Object] = []
        self.forced: list[bool] = []
        self.events: list[Object] = []
        self.refusals: dict[str, deque[KubeError]] = {}
        self.makes: Callable[[Object], Object] = lambda body: body
        self.oldest = 0
        self._down: KubeError | None = None
        self._version = 100
        self._objects: dict[str, Object] = {}
        self._owners: dict[str, dict[tuple[str, str], set[Field]]] = {}
        self._history: list[tuple[int, str, WatchEvent]] = []
        self._signal = asyncio.Event()
        self._watches_ended = 0
        self._end: KubeError | None = None

    # What a KubeClient does

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Object:
        self._refuse("get")
        name = (query or {})["fieldSelector"].removeprefix("metadata.name=")
        found = self.found(f"{path}/{name}")
        return {
            "metadata": {"resourceVersion": str(self._version)},
            "items": [] if found is None else [found],
        }

    async def peek(self, path: str) -> Object:
        self._refuse("peek")
        return self._existing("peek", path)

    async def apply(self, path: str, body: Object, *, force: bool) -> Object:
        self.bodies.append(copy.deepcopy(body))
        self.forced.append(force)
        self._refuse("apply")
        self.write(path, body, manager=FIELD_MANAGER, force=force)
        return self._existing("apply", path)

    async def create(self, path: str, body: Object) -> Object:
        self._refuse("create")
        assert path == "/apis/events.k8s.io/v1/namespaces/default/events"
        self.events.append(body)
        return body

    async def delete(self, path: str) -> Object:
        self._refuse("delete")
        gone = self._existing("delete", path)
        self.remove(path)
        return gone

    async def watch(
        self, path: str, *, query: Mapping[str, str], resource_version: str | None, idle_seconds: float
    ) -> AsyncIterator[WatchEvent]:
        self._refuse("watch")
        name = query["fieldSelector"].removeprefix("metadata.name=")
        ended_before, after = self._watches_ended, int(resource_version or 0)
        if after < self.oldest:
            raise GoneError(f"watch {path}", 410, "Expired")
        while True:
            for version, topic, event in list(self._history):
                if version > after and topic in (path, f"{path}/{name}"):
                    after = version
                    yield copy.deepcopy(event)
            if self._watches_ended != ended_before:
                if self._end is not None:
                    raise self._end
                return
            await self._signal.wait()

    # What others do, and what goes wrong

    def found(self, path: str) -> Object | None:
        """What is there."""
        return copy.deepcopy(self._objects.get(path))

    def write(
        self, path: str, body: Object, *, manager: str, force: bool = True, operation: str = "Apply"
    ) -> None:
        """Applies as a manager, or sets fields as one (operation Update), which nobody can refuse."""
        wanted = _fields(self.makes(copy.deepcopy(body)))
        before = self._objects.get(path)
        held = {} if before is None else _fields(before)
        owners = copy.deepcopy(self._owners.get(path, {}))
        me = (manager, operation)
        taken = {field for field, value in wanted.items() if field not in held or held[field] != value}
        rivals = {name for (name, how), fields in owners.items() if (name, how) != me and fields & taken}
        if rivals and operation == "Apply" and not force:
            raise _conflict(path, rivals)
        mine = owners.pop(me, set())
        for fields in owners.values():
            fields.difference_update(taken)
        others = set[Field]().union(*owners.values())
        dropped = mine - set(wanted) - others if operation == "Apply" else set()
        owners[me] = set(wanted) | (mine if operation == "Update" else set())
        after = {field: value for field, value in {**held, **wanted}.items() if field not in dropped}
        if before is not None and after == held and owners == self._owners[path]:
            return
        self._owners[path] = {who: fields for who, fields in owners.items() if fields}
        self._store(path, body, after)

    def remove_field(self, path: str, name: str, *, manager: str) -> None:
        """Takes a field at the top away, as an update by a manager."""
        fields = {
            field: value for field, value in _fields(self._objects[path]).items() if field[0] != f"f:{name}"
        }
        owners = self._owners[path]
        for owned in owners.values():
            owned &= set(fields)
        owners.setdefault((manager, "Update"), set()).add(("f:metadata", "f:annotations", "f:touched"))
        self._store(path, self._objects[path], fields)

    def remove(self, path: str) -> None:
        """Deletes an object."""
        gone = self._objects.pop(path)
        self._owners.pop(path)
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._tell(path, "DELETED", gone)

    def bookmark(self, collection: str) -> None:
        """Tells who watches a collection how far they are."""
        self._version += 1
        self._tell(collection, "BOOKMARK", {"metadata": {"resourceVersion": str(self._version)}})

    def end_watches(self, error: KubeError | None = None) -> None:
        """Ends every open watch, cleanly or with an error."""
        self._end = error
        self._watches_ended += 1
        self._notify()

    def go_down(self, error: KubeError) -> None:
        """From now on every request fails, and every watch breaks."""
        self._down = error
        self.end_watches(error)

    def come_back(self) -> None:
        """Everything is answered again; what was there is there."""
        self._down = None

    # Within

    def _refuse(self, verb: str) -> None:
        self.requests[verb] += 1
        if self._down is not None:
            raise self._down
        if waiting := self.refusals.get(verb):
            raise waiting.popleft()

    def _existing(self, verb: str, path: str) -> Object:
        found = self.found(path)
        if found is None:
            raise error_from_status(f"{verb} {path}", 404, {"reason": "NotFound"})
        return found

    def _store(self, path: str, like: Object, fields: dict[Field, Any]) -> None:
        before = self._objects.get(path)
        self._version += 1
        stored: Object = {key: like[key] for key in _NOBODYS if key in like}
        for field, value in fields.items():
            _put(stored, field, value)
        metadata = stored.setdefault("metadata", {})
        metadata |= {
            "name": path.rpartition("/")[2],
            "uid": f"uid-{self._version}" if before is None else before["metadata"]["uid"],
            "resourceVersion": str(self._version),
            "managedFields": self._managed_fields(path),
        }
        self._objects[path] = stored
        self._tell(path, "ADDED" if before is None else "MODIFIED", stored)

    def _managed_fields(self, path: str) -> list[Object]:
        """The last who wrote comes last, and has the latest time."""
        return [
            {
                "manager": manager,
                "operation": operation,
                "time": f"{self._version:08d}.{position:03d}",
                "fieldsV1": _tree(fields),
            }
            for position, ((manager, operation), fields) in enumerate(self._owners[path].items())
        ]

    def _tell(self, topic: str, kind: str, content: Object) -> None:
        self._history.append((self._version, topic, WatchEvent(type=kind, object=copy.deepcopy(content))))
        self._notify()

    def _notify(self) -> None:
        signal, self._signal = self._signal, asyncio.Event()
        signal.set()


def _fields(body: Any, above: Field = ()) -> dict[Field, Any]:
    """Every field with its value."""
    fields: dict[Field, Any] = {}
    for key, value in body.items():
        if (not above and key in _NOBODYS) or (above == ("f:metadata",) and key in _SERVERS):
            continue
        path = (*above, f"f:{key}")
        if isinstance(value, dict):
            fields |= _fields(value, path)
        elif key == "ownerReferences":
            fields |= {(*path, f"k:{json.dumps({'uid': owner['uid']})}"): owner for owner in value}
        else:
            fields[path] = value
    return fields


def _put(content: Object, field: Field, value: Any) -> None:
    *above, last = field
    for key in above:
        if last.startswith("k:") and key == "f:ownerReferences":
            content.setdefault("ownerReferences", []).append(value)
            return
        content = content.setdefault(key[2:], {})
    content[last[2:]] = value


def _tree(fields: set[Field]) -> Object:
    tree: Object = {}
    for field in sorted(fields):
        below = tree
        for key in field:
            below = below.setdefault(key, {})
    return tree


def _conflict(path: str, managers: set[str]) -> KubeError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using v1'}
        for manager in sorted(managers)
    ]
    return error_from_status(
        f"apply {path}", 409, {"reason": "Conflict", "message": "of fields", "details": {"causes": causes}}
    )
