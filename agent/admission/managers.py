"""The kubelet's managers together: asked for hints and told to allocate in one order, devices, CPUs, memory.

Each forgets the pods that are gone when it is asked, not when they go: that is why a refused pod's CPUs stay taken until
the next admission. The device manager forgets later still, where nobody asks for devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from agent.admission.cpus.manager import NoCpus, StaticCpus
from agent.admission.devices.hints import is_managed
from agent.admission.devices.manager import Devices
from agent.admission.memory.manager import StaticMemory
from agent.admission.model import AllocationError, Books, Hint, Hints, Machine, PanicError, Provider, Settings
from collectors.model.pod import Pod, PodContainer

Living = frozenset[str]
"""The uids of pods that are not gone"""


class AllocationFailedError(Exception):
    """One of the managers could not give. `books` is what they had written by then, `cause` the manager's error."""

    def __init__(self, cause: AllocationError, books: Books) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.books = books


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """The managers of one machine under one configuration. They remember nothing; all is in the books."""

    devices: Devices
    cpus: Provider
    memory: StaticMemory

    @classmethod
    def made_for(cls, machine: Machine, settings: Settings) -> Self:
        """The managers that the settings ask for."""
        return cls(
            devices=Devices(machine, settings),
            cpus=StaticCpus(machine, settings) if settings.cpu_policy == "static" else NoCpus(),
            memory=StaticMemory(machine, settings),
        )

    def untouched_books(self) -> Books:
        """The books of a kubelet that has given nobody anything and knows no plugin."""
        shared = self.cpus.untouched_pool if isinstance(self.cpus, StaticCpus) else frozenset()
        return Books(shared_cpus=shared, memory_nodes=self.memory.untouched_table)

    def container_hints(
        self, books: Books, pod: Pod, container: PodContainer, living: Living
    ) -> tuple[list[Hints], Books]:
        """Every manager's hints for one container, and the books without those who are gone. Raises
        AllocationFailedError where the kubelet panics."""
        hints = []
        for each in self._all:
            books = _without_gone(each, books, living)
            try:
                hints.append(each.hints(books, pod, container))
            except PanicError as panic:
                raise AllocationFailedError(panic, books) from panic
        return hints, books

    def pod_hints(self, books: Books, pod: Pod, living: Living) -> tuple[list[Hints], Books]:
        """The same for the pod as a whole."""
        hints = []
        for each in self._all:
            books = _without_gone(each, books, living)
            try:
                hints.append(each.pod_hints(books, pod))
            except PanicError as panic:
                raise AllocationFailedError(panic, books) from panic
        return hints, books

    def allocate(self, books: Books, pod: Pod, container: PodContainer, hint: Hint, living: Living) -> Books:
        """All that the container gets. Raises AllocationFailedError."""
        for each in self._all:
            if each is not self.devices or any(is_managed(books, name) for name, _ in container.limits):
                books = _without_gone(each, books, living)
            try:
                books = each.allocate(books, pod, container, hint)
            except AllocationError as error:
                raise AllocationFailedError(error, books if error.books is None else error.books) from error
        return books

    def allocate_pod(self, books: Books, pod: Pod, hint: Hint, living: Living) -> Books:
        """All that the pod gets as a whole. Raises AllocationFailedError."""
        for each in (self.cpus, self.memory):
            books = _without_gone(each, books, living)
            try:
                books = each.allocate_pod(books, pod, hint)
            except AllocationError as error:
                raise AllocationFailedError(error, books if error.books is None else error.books) from error
        return books

    def start(self, books: Books, pod: Pod, container: PodContainer, hint: Hint, living: Living) -> Books:
        """What changes when a container starts. Raises AllocationError where it gets no devices."""
        if self.devices.lacks(books, pod, container):
            books = self.devices.start(_without_gone(self.devices, books, living), pod, container, hint)
        return self.memory.start(books, pod, container)

    def forget(self, books: Books, living: Living) -> Books:
        """What the books are once every manager has found out who is gone."""
        for each in self._all:
            books = _without_gone(each, books, living)
        return books

    @property
    def _all(self) -> tuple[Provider, ...]:
        return self.devices, self.cpus, self.memory


def _without_gone(manager: Provider, books: Books, living: Living) -> Books:
    """A kubelet that has just started waits until it knows all pods before it takes anything from anybody."""
    return books if books.starting else manager.forget(books, living)
