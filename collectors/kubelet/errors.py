"""What can go wrong between us and the kubelet's sockets.

KubeletError
├── KubeletUnreachableError           no connection came about
│   ├── KubeletSocketMissingError     there is no such socket
│   ├── KubeletDownError              the socket is there, nobody listens on it
│   └── KubeletForbiddenError         we may not open it
├── KubeletSilentError                no answer within the deadline
├── KubeletConnectionLostError        the connection broke before the answer was whole
├── KubeletStatusError                the kubelet answered, with an error (status, message)
│   ├── KubeletUnsupportedError       it does not know this call, or has it switched off
│   ├── KubeletBusyError              asked too often: 100 calls a second, 10 at once, all clients together
│   ├── KubeletStartingError          it does not know its pods yet: ask again soon
│   ├── KubeletBehindError            it cut a stream off because we did not keep up
│   └── PodNotFoundError              it has no such pod
└── KubeletAnswerError                an answer, but not in the form that the kubelet documents, or too long

All are NumascopeErrors, so their text is fit for a person.
"""

from __future__ import annotations

import errno
import os

from collectors.errors import NumascopeError


class KubeletError(NumascopeError):
    """A call to the kubelet gave no facts.

    Attributes:
        socket_path: the socket that was asked.
        reason: what happened, without the socket's path.
    """

    def __init__(self, socket_path: str, reason: str) -> None:
        super().__init__(f"{socket_path}: {reason}")
        self.socket_path = socket_path
        self.reason = reason


class KubeletUnreachableError(KubeletError):
    """No connection came about."""

    @classmethod
    def from_os_error(cls, socket_path: str, error: OSError) -> KubeletUnreachableError:
        """The narrowest of these errors for what connect() said, with what a person can do about it."""
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return KubeletSocketMissingError(
                socket_path, "no such socket: no kubelet has run here, or its directory is not mounted"
            )
        if error.errno == errno.ECONNREFUSED:
            return KubeletDownError(
                socket_path,
                "nobody listens: the kubelet is down or restarting"
                " (or the socket itself is mounted, not its directory, and belongs to an earlier kubelet)",
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return KubeletForbiddenError(
                socket_path,
                "permission denied: the socket belongs to root, and SELinux keeps confined containers away from it"
                " (run as root with the directory mounted by hostPath; under SELinux with type spc_t)",
            )
        return cls(socket_path, os.strerror(error.errno) if error.errno else str(error))


class KubeletSocketMissingError(KubeletUnreachableError):
    """There is no such socket: no kubelet has run here, or its directory is not mounted."""


class KubeletDownError(KubeletUnreachableError):
    """The socket is there, but nobody listens: the kubelet is down or restarting."""


class KubeletForbiddenError(KubeletUnreachableError):
    """The socket is there, but we may not open it."""


class KubeletSilentError(KubeletError):
    """The kubelet took the call and gave no answer within the deadline."""

    def __init__(self, socket_path: str, deadline_seconds: float) -> None:
        super().__init__(socket_path, f"no answer within {deadline_seconds:g} s")
        self.deadline_seconds = deadline_seconds


class KubeletConnectionLostError(KubeletError):
    """The connection broke before the answer was whole: the kubelet stopped, or spoke no gRPC."""


class KubeletStatusError(KubeletError):
    """The kubelet answered with an error.

    Attributes:
        status: gRPC's name of it, such as `UNKNOWN`.
        message: the kubelet's own words, shortened.
    """

    def __init__(self, socket_path: str, status: str, message: str) -> None:
        super().__init__(socket_path, f"the kubelet answered {status}: {message}")
        self.status = status
        self.message = message


class KubeletUnsupportedError(KubeletStatusError):
    """The kubelet does not know the call, or has it switched off: an older version, or a feature gate."""


class KubeletBusyError(KubeletStatusError):
    """The kubelet was asked too often: it takes 100 calls a second, 10 at once, from all its clients together."""


class KubeletStartingError(KubeletStatusError):
    """The kubelet has just started and does not know its pods yet: the same call is worth another try soon."""


class KubeletBehindError(KubeletStatusError):
    """The kubelet cut a stream off because 100 events waited for us: what came after them is lost, so begin anew."""


class PodNotFoundError(KubeletStatusError):
    """The kubelet has no such pod; one that it refused is no longer its own either."""


class KubeletAnswerError(KubeletError):
    """The kubelet's answer is not in the form that it documents, or longer than we read."""
