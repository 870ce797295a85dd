"""The CPUs that our own process may run on: in a pod without exclusive CPUs they are the kubelet's shared pool."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from collectors.hostfs import HostFS
from collectors.parse import IdSet, parse_id_list
from collectors.reader import FactReader

SHARED_POOL_SECONDS = 12.0
"""After a pod with CPUs of its own has gone, until our process has them back too: the kubelet sees to that every ten
seconds. Until then what we may run on tells nothing."""

_STATUS = "/proc/self/status"
_ALLOWED = "Cpus_allowed_list:"


class OwnCpus:
    """What `read` gives, where it tells something.

    Attributes:
        cpus: what it gave last; None while it tells nothing.
    """

    def __init__(self, read: Callable[[], IdSet | None], *, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._tells_from = clock.monotonic()
        self.cpus = read()

    def read(self) -> None:
        """Reads them anew."""
        self.cpus = self._read() if self._clock.monotonic() >= self._tells_from else None

    def distrust(self) -> None:
        """A pod with CPUs of its own has gone."""
        self.cpus = None
        self._tells_from = self._clock.monotonic() + SHARED_POOL_SECONDS


def read_own_cpus(fs: HostFS) -> IdSet | None:
    """Cpus_allowed_list of our own process; None where the kernel does not say."""
    reader = FactReader(fs)
    for line in (reader.text(_STATUS) or "").splitlines():
        if line.startswith(_ALLOWED):
            return reader.parsed(_STATUS, line.removeprefix(_ALLOWED), parse_id_list)
    return None
