"""Amounts, wishes and NUMA nodes in the words of people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.placement.model import CPU, HUGEPAGES, MEMORY
from agent.refusals.model import Share, Want
from agent.views.text import plural
from agent.views.units import format_bytes
from collectors.model.pod import Amounts

NODES = 6
"""That are told one by one in a sentence; past that the best are"""

BEST = 3


def amount(resource: str, number: int) -> str:
    """`16 CPUs`, `60 GiB memory`, `2 GiB hugepages-1Gi`, `2 example.com/gpu`."""
    if resource == CPU:
        return plural(number, "CPU")
    if _is_memory(resource):
        return f"{format_bytes(number)} {resource}"
    return f"{number} {resource}"


def figure(resource: str, number: int, *, wanted: int | None = None) -> str:
    """The number alone: `9`, `22 GiB`. One that only looks like what is wanted, being less, says so."""
    if not _is_memory(resource):
        return str(number)
    text = format_bytes(number)
    alike = wanted is not None and number < wanted and text == format_bytes(wanted)
    return f"just under {text}" if alike else text


def joined(parts: Iterable[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    listed = list(parts)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def asked_for(amounts: Amounts) -> str:
    """`16 CPUs, 60 GiB memory and 2 example.com/gpu`."""
    return joined(amount(resource, number) for resource, number in amounts)


def who(want: Want) -> str:
    """Who asks: `container app`, `init container first`, `the pod`."""
    if want.container is None:
        return "the pod"
    kind = {"init": "init container", "sidecar": "sidecar"}.get(want.role, "container")
    return f"{kind} {want.container}"


def place(share: Share) -> str:
    """`NUMA node 0`, or where it is not known."""
    return "no known NUMA node" if share.node is None else f"NUMA node {share.node}"


def free_on(shares: Sequence[Share], wanted: int) -> str:
    """What is free of one resource, node by node: `node 0 has 9, node 1 has 12`."""
    told = [share for share in shares if share.node is not None and share.free is not None]
    if not told:
        return "what is free there is not known"
    if len(told) > NODES:
        best = [share for share in sorted(told, key=lambda share: -(share.free or 0))[:BEST] if share.free]
        if not best:
            return "no node has any"
        return f"the most is {joined(_free(share, wanted) for share in best)}"
    return ", ".join(f"node {share.node} has {_figure(share, wanted)}" for share in told)


def line_of(share: Share, wanted: int | None) -> str:
    """A line of evidence: `NUMA node 0: 9 of 30 CPUs free; default/web holds 16, default/db 5`."""
    resource = share.resource
    if share.free is None:
        return f"{place(share)}: what is free of {resource} is not known"
    free = figure(resource, share.free, wanted=wanted)
    pool = "" if share.allocatable is None else f" of {figure(resource, share.allocatable)}"
    unit = "CPUs" if resource == CPU else resource
    holders = [
        f"{holding.holder} {'holds ' if at == 0 else ''}{figure(resource, holding.amount)}"
        for at, holding in enumerate(share.holders)
    ]
    if share.more_holders:
        holders.append(f"{plural(share.more_holders, 'other pod')} the rest")
    held = f"; {', '.join(holders)}" if holders else ""
    return f"{place(share)}: {free}{pool} {unit} free{held}"


def _free(share: Share, wanted: int) -> str:
    return f"{_figure(share, wanted)} on node {share.node}"


def _figure(share: Share, wanted: int) -> str:
    return figure(share.resource, share.free or 0, wanted=wanted)


def _is_memory(resource: str) -> bool:
    return resource == MEMORY or resource.startswith(HUGEPAGES)
