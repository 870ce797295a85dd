"""The API server as a test speaks to it: JSON over HTTPS, as the administrator or with a token."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

from tests.e2e.bed.pki import Credential

Object = dict[str, Any]

NRT_PATH = "/apis/topology.node.k8s.io/v1alpha2/noderesourcetopologies"


class ApiError(Exception):
    """The API server said no.

    Attributes:
        status: the HTTP status.
        reason: the machine-readable word of the Status object.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Api:
    """One identity at the API server; a connection for each request, so that a restarted server is no matter."""

    def __init__(
        self,
        host: str,
        port: int,
        authority: Path,
        *,
        credential: Credential | None = None,
        token: str | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._tls = ssl.create_default_context(cafile=str(authority))
        if credential is not None:
            self._tls.load_cert_chain(credential.certificate, credential.key)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Object:
        """One object or list."""
        return self._call("GET", path)

    def text(self, path: str) -> str:
        """What stands there, as text: the kubelet's /metrics."""
        with closing(self._connection(30.0)) as connection:
            response = self._send(connection, "GET", path, None, {"Accept": "text/plain"})
            body = response.read().decode()
        if response.status >= 400:
            raise ApiError(response.status, "", body)
        return body

    def create(self, path: str, body: Object) -> Object:
        """A new object below a collection's path."""
        return self._call("POST", path, body)

    def delete(self, path: str, *, grace_seconds: int | None = None) -> Object:
        """Marks an object for deletion; with 0 seconds it is gone at once."""
        options = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        return self._call("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options})

    def apply(self, path: str, body: Object, *, manager: str = "bed") -> Object:
        """Server-side apply of one object."""
        query = f"?fieldManager={manager}&force=true"
        return self._call("PATCH", path + query, body, content_type="application/apply-patch+yaml")

    def patch(self, path: str, body: Object) -> Object:
        """A merge patch."""
        return self._call("PATCH", path, body, content_type="application/merge-patch+json")

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self.get(path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def ready(self) -> bool:
        """Whether the API server says that it serves."""
        try:
            with closing(self._connection(2.0)) as connection:
                return self._send(connection, "GET", "/readyz", None, {}).status == 200
        except OSError:
            return False

    def watch(self, path: str, *, seconds: float) -> Iterator[Object]:
        """Events of a collection until the time is over, as the API server sends them."""
        separator = "&" if "?" in path else "?"
        with closing(self._connection(seconds)) as connection:
            response = self._send(
                connection, "GET", f"{path}{separator}watch=true&timeoutSeconds={int(seconds) + 1}", None, {}
            )
            try:
                for line in response:
                    yield json.loads(line)
            except TimeoutError:
                return

    def _call(
        self, method: str, path: str, body: Object | None = None, *, content_type: str = "application/json"
    ) -> Object:
        with closing(self._connection(30.0)) as connection:
            response = self._send(connection, method, path, body, {"Content-Type": content_type})
            answer = _decoded(response.read())
        if response.status >= 400:
            raise ApiError(response.status, answer.get("reason", ""), answer.get("message", ""))
        return answer

    def _connection(self, timeout: float) -> HTTPSConnection:
        return HTTPSConnection(self._host, self._port, context=self._tls, timeout=timeout)

    def _send(
        self,
        connection: HTTPSConnection,
        method: str,
        path: str,
        body: Object | None,
        headers: Mapping[str, str],
    ) -> HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Accept": "application/json", **self._headers, **headers})
        return connection.getresponse()


def _decoded(body: bytes) -> Object:
    """The object; for a path that is not served at all the API server answers in plain words."""
    try:
        answer: Object = json.loads(body or b"{}")
    except ValueError:
        return {"message": body.decode(errors="replace").strip()}
    return answer
