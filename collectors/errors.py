"""What can go wrong while a machine is read. Absent is not here: absent is `None` or `()`.

NumascopeError
├── HostError                 the machine's files
│   ├── UnreadableError       there, but the kernel would not give it (path, OSError as cause)
│   └── MalformedError        read, but not in the form that the kernel documents
├── KubeletError              the kubelet's sockets (collectors/kubelet/errors.py has its own tree)
└── CaptureError              an archive or folder that is no captured machine, or a hostile one
"""

from __future__ import annotations

import os

SHOWN_CHARACTERS = 60
"""How much of an offending text a message repeats."""


class NumascopeError(Exception):
    """Root of every error that this program raises on purpose; its text is fit for a person."""


class HostError(NumascopeError):
    """A file of the machine could not be turned into a fact.

    Attributes:
        path: the file, as the machine names it (`/sys/...`), never with the capture's own prefix.
        reason: what happened, without the path.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class UnreadableError(HostError):
    """The file is there, but reading it failed.

    Attributes:
        errno: the kernel's number for it, or None where we refused by ourselves (not a regular file, too many links).
    """

    def __init__(self, path: str, reason: str, errno: int | None = None) -> None:
        super().__init__(path, reason)
        self.errno = errno

    @classmethod
    def from_os_error(cls, path: str, error: OSError) -> UnreadableError:
        """The same failure in our words, keeping the kernel's number."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        return cls(path, reason, error.errno)


class MalformedError(HostError):
    """The file was read, but its text is not what the kernel documents.

    Attributes:
        text: the offending text, shortened.
        expected: what would have been right, as a noun: "a CPU list", "an integer".
    """

    def __init__(self, path: str, text: str, expected: str) -> None:
        shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
        super().__init__(path, f"expected {expected}, found {shown!r}")
        self.text = shown
        self.expected = expected


class CaptureError(NumascopeError):
    """What was given as a captured machine is not one, or is built to do harm.

    Attributes:
        source: the archive or folder as the person named it.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
