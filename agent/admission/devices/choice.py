"""Which devices a container gets: those that its init containers leave, then those on the nodes of the merged hint.

A plugin may say which devices it would like to give (GetPreferredAllocation). It is heard last: among more devices on
the right nodes than are needed, or on what is still missing when these are not enough.

Where any of several devices would do, the kubelet takes what comes first in a map without order. Here it is the lowest
id, compared as text, unless it is known which ones the kubelet took.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.admission.devices.hints import Stock
from agent.admission.model import Mask


class NoDevicesError(Exception):
    """The container cannot have its devices.

    Attributes:
        lost: devices that were taken already and are given to nobody.

    The message is the kubelet's own.
    """

    def __init__(self, message: str, *, lost: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.lost = lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one container asks of one resource."""

    pod_uid: str
    container: str
    number: int
    known: frozenset[str] = frozenset()
    """Devices that the kubelet is known to have given to it: taken first, wherever it could have taken any"""
    held: frozenset[str] | None = None
    """What it has already; None: nothing of this resource"""
    running: bool = False
    """Whether it ran already when the kubelet started, and the kubelet has not caught up yet"""


def choose_devices(
    stock: Stock, wanted: Wanted, *, reusable: frozenset[str], nodes: Mask | None
) -> frozenset[str]:
    """The devices to be given to a container beyond those it has; empty if it needs none.

    Args:
        stock: the resource.
        wanted: the container and its wish.
        reusable: devices of the pod's init containers.
        nodes: those of the merged hint; None: any.

    Raises NoDevicesError.
    """
    if not _needs_some(stock, wanted):
        return frozenset()
    given = _first(reusable, wanted.number, wanted.known)
    missing = wanted.number - len(given)
    if not missing:
        return given
    free = stock.free - given
    if len(free) < missing:
        raise NoDevicesError(
            f"requested number of devices unavailable for {stock.resource}. "
            f"Requested: {missing}, Available: {len(free)}"
        )
    aligned, elsewhere, nowhere = _by_affinity(stock, free, nodes)
    if missing < len(aligned):
        preferred = _preferred(stock, offered=aligned | given, required=given, number=wanted.number)
        return given | _in_turn((preferred & aligned, aligned), missing, wanted.known)
    given |= aligned
    missing -= len(aligned)
    if not missing:
        return given
    preferred = _preferred(stock, offered=free | given, required=given, number=wanted.number, lost=given)
    return given | _in_turn(((preferred & free) - given, elsewhere, nowhere), missing, wanted.known)


def _needs_some(stock: Stock, wanted: Wanted) -> bool:
    """Whether the container lacks devices. It may have them from before the kubelet was restarted, but then they must
    be as many as it asks for, and healthy, unless it runs already."""
    held = wanted.held or frozenset()
    if wanted.held is not None and len(held) != wanted.number:
        raise NoDevicesError(
            f'pod "{wanted.pod_uid}" container "{wanted.container}" changed request for resource '
            f'"{stock.resource}" from {len(held)} to {wanted.number}'
        )
    if wanted.running:
        return False
    if not stock.plugin.registered:
        raise NoDevicesError(f"cannot allocate unregistered device {stock.resource}")
    if not stock.healthy:
        raise NoDevicesError(
            f"no healthy devices present; cannot allocate unhealthy devices {stock.resource}"
        )
    if not held <= stock.healthy:
        raise NoDevicesError(
            "previously allocated devices are no longer healthy; "
            f"cannot allocate unhealthy devices {stock.resource}"
        )
    return len(held) < wanted.number


def _by_affinity(
    stock: Stock, devices: frozenset[str], nodes: Mask | None
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The devices on at least one of the nodes, those on others only, and those on none. Without a hint or without
    topology all are on none."""
    if nodes is None or not stock.has_topology:
        return frozenset(), frozenset(), devices
    aligned = frozenset(device for device in devices if (stock.where[device] or 0) & nodes)
    nowhere = frozenset(device for device in devices if not stock.where[device])
    return aligned, devices - aligned - nowhere, nowhere


def _preferred(
    stock: Stock,
    *,
    offered: frozenset[str],
    required: frozenset[str],
    number: int,
    lost: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """What the plugin answers when it is asked which devices it would give."""
    plugin = stock.plugin
    if plugin.preference is None:
        return frozenset()
    if plugin.preference_error is not None:
        raise NoDevicesError(
            f"device plugin GetPreferredAllocation rpc failed with err: {plugin.preference_error}", lost=lost
        )
    others = [device for device in plugin.preference if device in offered and device not in required]
    return required | frozenset(others[: number - len(required)])


def _in_turn(pools: Iterable[frozenset[str]], number: int, known: frozenset[str]) -> frozenset[str]:
    """So many devices from the first pool, then from the next ones; the pools have enough."""
    given: frozenset[str] = frozenset()
    for pool in pools:
        given |= _first(pool - given, number - len(given), known)
    return given


def _first(devices: frozenset[str], number: int, known: frozenset[str]) -> frozenset[str]:
    return frozenset(sorted(devices, key=lambda device: (device not in known, device))[:number])
