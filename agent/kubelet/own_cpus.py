"""The CPUs that our own process may run on: in a pod without exclusive CPUs they are the kubelet's shared pool.

What a pod gives back is in the kubelet's pool at once, and in ours as late as the kubelet's next round through all
containers. So until then the CPUs that such a pod was listed with are added here. What its ordinary init containers had
beside them was never listed: after such a pod our CPUs tell nothing for a while.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from collectors.hostfs import HostFS
from collectors.parse import IdSet, parse_id_list
from collectors.reader import FactReader

SHARED_POOL_SECONDS = 12.0
"""Until our process has back what a pod has given back: the kubelet sees to that every ten seconds"""

_STATUS = "/proc/self/status"
_ALLOWED = "Cpus_allowed_list:"


class OwnCpus:
    """What `read` gives, where it tells something.

    Attributes:
        cpus: the shared pool, as far as it is known; None while that is not.
    """

    def __init__(self, read: Callable[[], IdSet | None], *, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._tells_from = clock.monotonic()
        self._given_back: dict[int, float] = {}
        self.cpus = read()

    def read(self) -> None:
        """Reads them anew."""
        now = self._clock.monotonic()
        self._given_back = {cpu: until for cpu, until in self._given_back.items() if until > now}
        own = self._read() if now >= self._tells_from else None
        self.cpus = None if own is None else own | frozenset(self._given_back)

    def pod_went(self, cpus: IdSet, *, had_more: bool) -> None:
        """A pod with these CPUs has gone; `had_more`: it may have had others, that were never listed."""
        until = self._clock.monotonic() + SHARED_POOL_SECONDS
        self._given_back.update(dict.fromkeys(cpus, until))
        if had_more:
            self._tells_from = until
        self.read()

    def pod_came(self, cpus: IdSet) -> None:
        """These CPUs are a pod's own from now on."""
        for cpu in cpus:
            self._given_back.pop(cpu, None)


def read_own_cpus(fs: HostFS) -> IdSet | None:
    """Cpus_allowed_list of our own process; None where the kernel does not say."""
    reader = FactReader(fs)
    for line in (reader.text(_STATUS) or "").splitlines():
        if line.startswith(_ALLOWED):
            return reader.parsed(_STATUS, line.removeprefix(_ALLOWED), parse_id_list)
    return None
