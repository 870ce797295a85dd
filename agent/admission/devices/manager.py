"""The device manager: devices of plugins, by the limits of containers, whatever the pod's QoS class.

Devices of an ordinary init container go on to the pod's later containers, and stay taken as long as the pod lives.
Resources are served one after the other; where one cannot be, those before it have been served already and stay with
the refused pod until the kubelet finds out that it is gone. The kubelet's order of resources is that of a map without
order, so which of two failing resources a message names is chance; here it is the first by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from agent.admission.devices.choice import NoDevicesError, Wanted, choose_devices
from agent.admission.devices.hints import Stock, derive_rule, derive_stock, ids_of, is_managed
from agent.admission.merging.rules import mask_of
from agent.admission.model import AllocationError, Books, Hint, HintRule, Hints, Holder, Machine, Settings
from agent.admission.versions import DEVICE_HINTS_OF_DEVICE_NODES
from agent.admission.whole_node.requirements import pod_limits
from collectors.model.kubelet import DeviceAllocation
from collectors.model.pod import ContainerRole, ContainerState, Pod, PodContainer

Allocations = tuple[DeviceAllocation, ...]


class _NotTakenError(Exception):
    """A resource could not be had. `books` are those with what was taken before."""

    def __init__(self, message: str, books: Books) -> None:
        super().__init__(message)
        self.books = books


class Devices:
    """The kubelet always has one, whatever the policies of the others.

    Attributes:
        known: devices that containers are known to have been given, by who got them; a replay then follows the kubelet
            where it had a choice, and only there.
    """

    def __init__(
        self, machine: Machine, settings: Settings, *, known: Mapping[Holder, Allocations] | None = None
    ) -> None:
        self.known = known or {}
        self._machine = mask_of(machine.numa_nodes)
        self._only_nodes_with_devices = DEVICE_HINTS_OF_DEVICE_NODES.holds(settings.version)

    def hints(self, books: Books, pod: Pod, container: PodContainer) -> Hints:
        """From which nodes the container's devices could come; for one that has them already, from which they did."""
        held = books.device_holders.get((pod.uid, container.name), ())
        reusable = books.reusable_devices.get(pod.uid, ())
        return {
            resource: self._hints(derive_stock(books, resource), request, held, reusable)
            for resource, request in _requests(books, container.limits)
        }

    def pod_hints(self, books: Books, pod: Pod) -> Hints:
        """The same for the pod as a whole. What one container leaves to another is in the pod's number already."""
        held = [
            device
            for (uid, _), devices in books.device_holders.items()
            if uid == pod.uid
            for device in devices
        ]
        return {
            resource: self._hints(derive_stock(books, resource), request, held, ())
            for resource, request in _requests(books, pod_limits(pod).items())
        }

    def _hints(
        self,
        stock: Stock,
        request: int,
        held: Iterable[DeviceAllocation],
        reusable: Iterable[DeviceAllocation],
    ) -> HintRule | tuple[Hint, ...] | None:
        if not stock.has_topology:
            return None
        again = ids_of(stock.resource, reusable)
        available = ids_of(stock.resource, held)
        if available:
            again = frozenset()
            if len(available) != request:
                return ()
        else:
            available = stock.free
        if len(available | again) < request:
            return ()
        return derive_rule(
            stock,
            machine=self._machine,
            available=available,
            reusable=again,
            request=request,
            only_nodes_with_devices=self._only_nodes_with_devices,
        )

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """Takes the container's devices, as many as they can be on the hint's nodes."""
        try:
            return self._take(books, pod, container, hint)
        except _NotTakenError as error:
            raise AllocationError.unexpected(str(error), books=error.books) from error

    def _take(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        holder = pod.uid, container.name
        reusable = books.reusable_devices.get(pod.uid, ())
        given = books.device_holders
        for resource, request in _requests(books, container.limits):
            stock = derive_stock(books, resource)
            before = books.device_holders.get(holder, ())
            wanted = Wanted(
                pod_uid=pod.uid,
                container=container.name,
                number=request,
                known=ids_of(resource, self.known.get(holder, ())),
                held=ids_of(resource, before) or None,
                running=books.starting and container.state is ContainerState.RUNNING,
            )
            try:
                chosen = choose_devices(stock, wanted, reusable=ids_of(resource, reusable), nodes=hint.nodes)
            except NoDevicesError as error:
                lost = *books.stray_devices, *_allocations(books, resource, error.lost)
                raise _NotTakenError(str(error), replace(books, stray_devices=lost)) from error
            if chosen:
                if stock.plugin.allocate_error is not None:
                    raise _NotTakenError(stock.plugin.allocate_error, replace(books, stray_devices=()))
                held = _sorted((*before, *_allocations(books, resource, chosen)))
                books = replace(books, device_holders={**books.device_holders, holder: held})
        left = _reusable(reusable, container, books.device_holders.get(holder, ()))
        written = books.written_devices if books.device_holders is given else books.device_holders
        return replace(books, reusable_devices={pod.uid: left}, written_devices=written)

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint) -> Books:
        """Nothing changes: containers of such a pod get their devices when they start."""
        return books

    def lacks(self, books: Books, pod: Pod, container: PodContainer) -> bool:
        """Whether the container asks for devices of some resource and has none of it."""
        held = {device.resource for device in books.device_holders.get((pod.uid, container.name), ())}
        return any(
            request and resource not in held for resource, request in _requests(books, container.limits)
        )

    def start(self, books: Books, pod: Pod, container: PodContainer, hint: Hint) -> Books:
        """A container starts: it gets devices of every resource that it asks for if it `lacks` some.

        Raises AllocationError with the manager's bare words: the container then does not start, and the kubelet tries
        again.
        """
        try:
            return self._take(books, pod, container, hint) if self.lacks(books, pod, container) else books
        except _NotTakenError as error:
            raise AllocationError("CreateContainerConfigError", str(error), books=error.books) from error

    def forget(self, books: Books, living: frozenset[str]) -> Books:
        """Gives back what pods hold that are gone, and finds what was lost, but only if any pod is gone."""
        kept = {holder: held for holder, held in books.device_holders.items() if holder[0] in living}
        if len(kept) == len(books.device_holders):
            return books
        return replace(books, device_holders=kept, stray_devices=())


def _requests(books: Books, limits: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The resources of the device manager that are asked for, by name. For these, requests equal limits."""
    return ((name, amount) for name, amount in sorted(limits) if is_managed(books, name))


def _allocations(books: Books, resource: str, ids: frozenset[str]) -> Iterator[DeviceAllocation]:
    return (
        each.device
        for each in books.devices
        if each.device.resource == resource and each.device.device_id in ids
    )


def _reusable(reusable: Allocations, container: PodContainer, held: Allocations) -> Allocations:
    """What later containers of the pod may use again: an ordinary init container adds to it, others use it up."""
    if container.role is ContainerRole.INIT:
        return _sorted({*reusable, *held})
    return tuple(device for device in reusable if device not in held)


def _sorted(devices: Iterable[DeviceAllocation]) -> Allocations:
    return tuple(sorted(devices, key=lambda device: (device.resource, device.device_id)))
