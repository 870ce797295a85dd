"""Devices in words: a line for each, with its driver, its link and its virtual functions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.views.inventory import ClassDevice, Item, Sort
from agent.views.text import Branch, Span, name, plain, plural, quiet, warn
from agent.views.units import describe_shortfall, format_bytes, format_link, format_number, format_rate
from collectors.model import (
    CxlMemory,
    DaxDevice,
    Disk,
    NetworkInterface,
    NvmeController,
    PciDevice,
    PcieLink,
    RdmaDevice,
    RdmaPort,
)

WIDE_ONLY = frozenset({Sort.BRIDGE, Sort.OTHER})
"""Sorts that are counted, not listed, unless the wide form is asked for"""

VENDORS = {
    0x1002: "AMD",
    0x10DE: "NVIDIA",
    0x1BCF: "NEC",
    0x1DA3: "Habana",
    0x8086: "Intel",
}
"""Makers of GPUs and accelerators, whose functions have no model name in sysfs"""


def device_branches(items: Iterable[Item], *, wide: bool) -> tuple[Branch, ...]:
    """A line for each device, and one that counts what only the wide form lists."""
    items = tuple(items)
    shown = [item for item in items if wide or item.sort not in WIDE_ONLY]
    branches = [_branch(item, wide=wide) for item in shown]
    hidden = len(items) - len(shown)
    if hidden:
        branches.append(Branch(line=(quiet(f"{plural(hidden, 'other PCI function')}, listed by -o wide"),)))
    return tuple(branches)


def count_items(items: Iterable[Item]) -> str:
    """`8 GPUs, 10 network, 9 NVMe`; bridges and the like are not counted. `""` where there is nothing."""
    counts = Counter(item.sort for item in items)
    return ", ".join(
        _COUNTED[sort].format(counts[sort], "" if counts[sort] == 1 else "s")
        for sort in _COUNTED
        if counts[sort]
    )


_COUNTED = {
    Sort.GPU: "{} GPU{}",
    Sort.ACCELERATOR: "{} accelerator{}",
    Sort.NETWORK: "{} network device{}",
    Sort.NVME: "{} NVMe controller{}",
    Sort.STORAGE: "{} storage device{}",
    Sort.MEMORY: "{} memory device{}",
    Sort.DISPLAY: "{} display adapter{}",
}


def _branch(item: Item, *, wide: bool) -> Branch:
    title = " ".join([item.sort.value, ", ".join(item.names) or (item.pci.address if item.pci else "")])
    spans: list[Span] = [name(title)]
    about = _about(item)
    if about:
        spans.append(plain(f": {about}"))
    if item.pci is not None:
        where = [*([item.pci.address] if item.names else []), *_driver_words(item.pci)]
        if where:
            spans.append(quiet(f"{'; ' if about else ': '}{', '.join(where)}"))
        spans += _link_spans(item.pci.link)
        if wide:
            spans.append(quiet(_wide_words(item.pci)))
    if item.virtual_functions:
        spans.append(plain(f"; {_describe_virtual(item)}"))
    below = tuple(_branch(virtual, wide=wide) for virtual in item.virtual_functions) if wide else ()
    return Branch(line=tuple(spans), below=below)


def _driver_words(function: PciDevice) -> list[str]:
    """The driver; `no driver` only of a function that tells at least who made it, for the link may be unread."""
    if function.driver is not None:
        return [function.driver]
    return [] if function.vendor_id is None else ["no driver"]


def _about(item: Item) -> str:
    """What the classes tell; for a GPU or accelerator, which have no name there, maker and ids."""
    said = Counter(_describe_part(part) for part in item.parts)  # a controller's disks are often all alike
    words = [f"{count}x {text}" if count > 1 else text for text, count in said.items() if text]
    function = item.pci
    if (
        item.sort in (Sort.GPU, Sort.ACCELERATOR, Sort.DISPLAY, Sort.OTHER, Sort.BRIDGE)
        and function is not None
    ):
        words.insert(0, " ".join(filter(None, [VENDORS.get(function.vendor_id or 0), _ids(function)])))
    return ", ".join(word for word in words if word)


def _ids(function: PciDevice) -> str:
    if function.vendor_id is None or function.device_id is None:
        return ""
    return f"{function.vendor_id:04x}:{function.device_id:04x}"


def _describe_part(part: ClassDevice) -> str:
    words: tuple[str, ...] = ()
    match part:
        case NetworkInterface():
            words = (_describe_interface(part),)
        case RdmaDevice():
            words = tuple(_describe_port(port) for port in part.ports)
        case NvmeController():
            transport = part.transport if part.transport not in (None, "pcie") else None
            words = (
                _tidy(part.model),
                _total([space.size_bytes for space in part.namespaces]),
                transport or "",
            )
        case Disk():
            words = (_tidy(part.model), _total([part.size_bytes]), "rotating" if part.rotational else "")
        case DaxDevice():
            target = "" if part.target_node is None else f"becomes NUMA node {part.target_node}"
            words = (_total([part.size_bytes]), target, part.driver or "")
        case CxlMemory():
            words = (_total([part.ram_bytes]), _labelled(_total([part.persistent_bytes]), "persistent"))
        case _:
            pass
    return ", ".join(word for word in words if word)


def _describe_interface(part: NetworkInterface) -> str:
    if part.carrier is False or part.operstate == "down":
        return "no link"
    return format_rate(part.speed_mbps) if part.speed_mbps else ""


def _describe_port(port: RdmaPort) -> str:
    rate = f"{format_number(port.rate_gbps)} Gb/s" if port.rate_gbps else ""
    return " ".join(filter(None, ["RDMA", port.link_layer, rate, (port.state or "").lower()]))


def _tidy(text: str | None) -> str:
    return " ".join((text or "").split())


def _total(sizes: Iterable[int | None]) -> str:
    known = [size for size in sizes if size]
    return format_bytes(sum(known)) if known else ""


def _labelled(text: str, label: str) -> str:
    return f"{text} {label}" if text else ""


def _link_spans(link: PcieLink | None) -> list[Span]:
    """Width and speed. A narrow link is worth a warning; a slow one may be asleep."""
    if link is None:
        return []
    spans = []
    said = format_link(link.width, link.speed_gts)
    if said:
        spans.append(quiet(f", {said}"))
    shortfall = describe_shortfall(link)
    if shortfall and link.width is not None and link.max_width is not None and link.width < link.max_width:
        spans.append(warn(f", degraded: {shortfall}"))
    elif shortfall:
        spans.append(quiet(f" ({format_link(None, link.max_speed_gts)} possible)"))
    return spans


def _wide_words(function: PciDevice) -> str:
    words = []
    if function.class_code is not None:
        words.append(f"class {function.class_code:06x}")
    if function.iommu_group is not None:
        words.append(f"IOMMU group {function.iommu_group}")
    words.append(f"under {' > '.join(function.path[:-1])}" if function.path_known else "path unknown")
    return f"; {', '.join(words)}"


def _describe_virtual(item: Item) -> str:
    drivers = Counter(virtual.pci.driver or "no driver" for virtual in item.virtual_functions if virtual.pci)
    count = plural(len(item.virtual_functions), "virtual function")
    if item.pci is not None and item.pci.sriov_total_vfs is not None:
        count += f" of {item.pci.sriov_total_vfs}"
    said = ", ".join(
        f"{driver} {number}" if len(drivers) > 1 else driver for driver, number in sorted(drivers.items())
    )
    return f"{count} ({said})"
