"""What is wrong with the machine itself: files that cannot be read, narrow links, NUMA ids that nobody can use. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.placement.model import Ledger
from agent.views.doctor_model import SHOWN, Examined, Finding, Severity, some
from agent.views.nrt import MAX_ZONE_ID, zones_left_out
from agent.views.text import plural
from agent.views.units import describe_shortfall, name_nodes
from collectors.model import PciDevice, Snapshot


def machine_findings(examined: Examined, ledger: Ledger) -> Iterator[Finding]:
    """In a fixed order."""
    yield from _failures(examined.snapshot)
    yield from _unreadable(examined.snapshot)
    yield from _left_out(examined.snapshot, ledger)
    yield from _links(examined.snapshot)


def _failures(snapshot: Snapshot) -> Iterator[Finding]:
    for name, seen in snapshot.observed:
        if seen.error is not None:
            yield Finding(
                check="subject-unreadable",
                severity=Severity.ERROR,
                what=f"{name} could not be read as a whole",
                evidence=(seen.error,),
                way_out="everything else was read; a file that only root may read, root can read",
            )


def _unreadable(snapshot: Snapshot) -> Iterator[Finding]:
    problems = [problem for _, seen in snapshot.observed for problem in seen.problems]
    if problems:
        more = len(problems) - SHOWN
        yield Finding(
            check="files-unreadable",
            severity=Severity.WARNING,
            what=f"{plural(len(problems), 'file')} could not be read or understood",
            evidence=(
                *(f"{each.path}: {each.reason}".removeprefix(": ") for each in problems[:SHOWN]),
                *((f"and {more} more",) if more > 0 else ()),
            ),
            way_out="run as root where a file is closed to others; what is malformed is worth a `numascope capture` "
            "and a report",
        )


def _left_out(snapshot: Snapshot, ledger: Ledger) -> Iterator[Finding]:
    ids = zones_left_out(snapshot, ledger=ledger)
    if ids:
        yield Finding(
            check="zones-left-out",
            severity=Severity.WARNING,
            what=f"{name_nodes(frozenset(ids))} cannot be published",
            evidence=(
                f"schedulers take ids up to {MAX_ZONE_ID}: their plugin ends at {MAX_ZONE_ID + 1}, and skips what is higher",
            ),
            way_out="fewer NUMA nodes by firmware settings (SNC, NPS), or memory devices onlined into fewer nodes",
        )


def _links(snapshot: Snapshot) -> Iterator[Finding]:
    narrow = [function for function in snapshot.pci.facts or () if _is_narrow(function)]
    if narrow:
        yield Finding(
            check="links-degraded",
            severity=Severity.WARNING,
            what=f"{plural(len(narrow), 'PCIe link')} narrower than both ends could be",
            evidence=(some(_link_words(function) for function in narrow),),
            way_out="look at the slot, the riser and the card; `numascope show -o wide` has every link",
        )


def _is_narrow(function: PciDevice) -> bool:
    """A slow link may be asleep; a narrow one is not."""
    link = function.link
    return (
        link is not None
        and link.width is not None
        and link.max_width is not None
        and 0 < link.width < link.max_width
    )


def _link_words(function: PciDevice) -> str:
    shortfall = None if function.link is None else describe_shortfall(function.link)
    return f"{function.address} ({shortfall})"
