"""What the API server, or the way to it, can answer instead of an object.

KubeError
├── KubeUnreachableError          no answer: connection, TLS, time-out, or an answer that is no JSON
├── CredentialsError              no usable token, CA or kubeconfig
└── KubeStatusError               an answer with a status of 400 or more
    ├── UnauthorizedError         401  the token is not (or no longer) accepted
    ├── ForbiddenError            403  a right is missing; `right` names it
    ├── NotFoundError             404  no such object, or no such kind
    ├── ConflictError             409  another manager owns a field, or the object changed meanwhile
    ├── GoneError                 410  the resource version is too old: list again
    ├── TooManyRequestsError      429  slower
    └── ServerError               5xx
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from collectors.errors import NumascopeError

_RIGHT = re.compile(r'cannot ([a-z]{1,20}) resource "([^"]{1,128})"(?: in API group "([^"]{0,128})")?')
_MANAGER = re.compile(r'conflicts? with "([^"]{1,128})"')
MESSAGE_CHARACTERS = 300
"""Of a server's message that is kept: some repeat the whole object."""


class KubeError(NumascopeError):
    """Root of what can go wrong with the API server."""


class KubeUnreachableError(KubeError):
    """No answer that could be understood."""


class CredentialsError(KubeError):
    """The token, the authority or the kubeconfig cannot be used; names the file."""


class KubeStatusError(KubeError):
    """The API server refused.

    Attributes:
        status: the HTTP status.
        reason: the machine-readable reason of its Status object, "" where it sent none.
        message: its message, shortened.
        retry_after: seconds that it asked us to wait, or None.
    """

    def __init__(
        self, request: str, status: int, reason: str = "", message: str = "", retry_after: float | None = None
    ) -> None:
        shown = message if len(message) <= MESSAGE_CHARACTERS else f"{message[:MESSAGE_CHARACTERS]}…"
        super().__init__(f"{request}: {status} {reason or 'without a reason'}: {shown}".rstrip(": "))
        self.status = status
        self.reason = reason
        self.message = shown
        self.retry_after = retry_after


class UnauthorizedError(KubeStatusError):
    """401"""


class ForbiddenError(KubeStatusError):
    """403"""

    @property
    def right(self) -> str | None:
        """The right that is missing, `patch noderesourcetopologies.topology.node.k8s.io`.

        None where the message names none: then it is no right but a policy that says no.
        """
        match = _RIGHT.search(self.message)
        if match is None:
            return None
        verb, resource, group = match.groups()
        return f"{verb} {resource}.{group}" if group else f"{verb} {resource}"


class NotFoundError(KubeStatusError):
    """404"""


class ConflictError(KubeStatusError):
    """409

    Attributes:
        managers: field managers that own what we wanted to set, where server-side apply says so.
    """

    managers: tuple[str, ...] = ()


class GoneError(KubeStatusError):
    """410"""


class TooManyRequestsError(KubeStatusError):
    """429"""


class ServerError(KubeStatusError):
    """5xx"""


_BY_STATUS: Mapping[int, type[KubeStatusError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    429: TooManyRequestsError,
}


def error_from_status(
    request: str, status: int, body: Mapping[str, Any], *, retry_after: float | None = None
) -> KubeStatusError:
    """The error that stands for an answer: `body` is the Status object, or an empty mapping where there was none."""
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else KubeStatusError)
    error = kind(request, status, str(body.get("reason") or ""), str(body.get("message") or ""), retry_after)
    if isinstance(error, ConflictError):
        error.managers = _conflicting_managers(body)
    return error


def _conflicting_managers(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names from the causes of a Status: `conflict with "kubectl" using topology.node.k8s.io/v1alpha2`."""
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    names = set()
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict":
            names.update(_MANAGER.findall(str(cause.get("message", ""))))
    return tuple(sorted(names))
