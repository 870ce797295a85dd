"""Quantities in the words of people: bytes, hertz, links, sets of ids."""

from __future__ import annotations

from collectors.model import IdSet, PcieLink
from collectors.parse import format_id_list

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_bytes(number: int) -> str:
    """Three significant digits and a binary unit: `512 B`, `1.25 MiB`, `62.5 GiB`, `1007 GiB`."""
    value = float(number)
    unit = 0
    while value >= 1024 and unit < len(_BINARY) - 1:
        value /= 1024
        unit += 1
    return f"{format_number(value)} {_BINARY[unit]}"


def format_number(value: float) -> str:
    """Three significant digits, all of those before the point, no zeros at the end: `1007`, `62.5`, `1.25`, `4`."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_frequency(khz: int) -> str:
    """`3.5 GHz`, `800 MHz`."""
    return f"{format_number(khz / 1e6)} GHz" if khz >= 1_000_000 else f"{format_number(khz / 1e3)} MHz"


def format_rate(mbps: int) -> str:
    """A network's speed: `25 Gb/s`, `100 Mb/s`."""
    return f"{format_number(mbps / 1000)} Gb/s" if mbps >= 1000 else f"{mbps} Mb/s"


def format_ids(ids: IdSet) -> str:
    """`0-3,8`, or `none`."""
    return format_id_list(ids) or "none"


def name_nodes(ids: IdSet) -> str:
    """`NUMA node 3`, `NUMA nodes 0-1`."""
    return f"NUMA {'node' if len(ids) == 1 else 'nodes'} {format_ids(ids)}"


def format_link(width: int | None, speed_gts: float | None) -> str:
    """`x16 16 GT/s`; the part that is unknown is left out, `""` where both are."""
    parts = []
    if width:
        parts.append(f"x{width}")
    if speed_gts:
        parts.append(f"{speed_gts:g} GT/s")
    return " ".join(parts)


def describe_shortfall(link: PcieLink) -> str | None:
    """What a link lacks: `x8 of x16`, `2.5 of 16 GT/s`; None where it lacks nothing or that is unknown."""
    parts = []
    if link.width and link.max_width and link.width < link.max_width:
        parts.append(f"x{link.width} of x{link.max_width}")
    if link.speed_gts and link.max_speed_gts and link.speed_gts < link.max_speed_gts:
        parts.append(f"{link.speed_gts:g} of {link.max_speed_gts:g} GT/s")
    return ", ".join(parts) or None
