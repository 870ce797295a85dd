"""Runs every collector once and joins what they found into a Snapshot.

A collector's failure is data: the snapshot then carries its last good facts, their age, and the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from collectors.cpu import read_cpus
from collectors.devices import read_devices
from collectors.errors import HostError
from collectors.hostfs import HostFS
from collectors.model import IdSet, Observed, Snapshot
from collectors.numa import read_numa
from collectors.pci import read_pci
from collectors.reader import FactReader
from collectors.system import read_system

log = logging.getLogger(__name__)

T = TypeVar("T")


NOTHING_SEEN = Snapshot(
    taken_at=0.0,
    system=Observed(),
    cpus=Observed(),
    numa=Observed(),
    pci=Observed(),
    devices=Observed(),
)
"""What is known before the first survey."""


def survey(fs: HostFS, *, now: float, previous: Snapshot | None = None) -> Snapshot:
    """Reads the whole machine; blocks on its files, so the agent runs it in a thread.

    Args:
        fs: the machine's files; a fresh object for each survey.
        now: seconds since the epoch, noted as the age of what is read.
        previous: the snapshot before this one; what cannot be read now is taken from it.

    Raises nothing that a machine could cause: whatever a collector raises is in the snapshot.
    """
    before = previous or NOTHING_SEEN
    cpus = observe(fs, read_cpus, now, before.cpus)
    online: IdSet | None = cpus.facts.online if cpus.facts is not None else None
    return Snapshot(
        taken_at=now,
        system=observe(fs, read_system, now, before.system),
        cpus=cpus,
        numa=observe(fs, lambda reader: read_numa(reader, online=online), now, before.numa),
        pci=observe(fs, read_pci, now, before.pci),
        devices=observe(fs, read_devices, now, before.devices),
    )


def observe(fs: HostFS, read: Callable[[FactReader], T], now: float, previous: Observed[T]) -> Observed[T]:
    """One collector's outcome: its facts and problems, or its last good facts and why there are no newer ones."""
    reader = FactReader(fs)
    try:
        facts = read(reader)
    except HostError as error:
        reason = str(error)
    except Exception as error:
        # One of the two seams where anything is caught: a defect in one collector must not take the others along.
        log.exception("a collector failed; this is a defect, please report it with `numascope capture`")
        reason = f"defect: {type(error).__name__}: {error}"
    else:
        return Observed(facts=facts, read_at=now, problems=reader.problems)
    return Observed(facts=previous.facts, read_at=previous.read_at, problems=reader.problems, error=reason)
