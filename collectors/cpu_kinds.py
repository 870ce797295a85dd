"""Hybrid machines: which CPUs are of which sort.

Paths: /sys/devices/{cpu_core,cpu_atom,cpu_lowpower}/cpus (x86, the performance counters of each sort), and what
collectors.cpu_speed reads of each CPU.
Kernel documents: Documentation/admin-guide/pm/intel_pstate.rst ("hybrid processors"),
Documentation/arch/arm64/cpu-feature-registers.rst.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping

from collectors.cpu_names import arm_part_name
from collectors.cpu_speed import CpuSpeed
from collectors.model.cpu import CpuKind
from collectors.parse import IdSet, parse_id_list
from collectors.reader import FactReader

HYBRID_UNITS = ("cpu_core", "cpu_atom", "cpu_lowpower")

NOTABLE_DIFFERENCE = 0.1
"""Speeds that are closer together than a tenth are one speed. The few favoured cores of a machine that is not hybrid
run some percent faster than the rest; cores of another design differ by far more."""


def read_cpu_kinds(reader: FactReader, speeds: Mapping[int, CpuSpeed], online: IdSet) -> tuple[CpuKind, ...]:
    """The sorts of CPUs by their lowest CPU; empty where all are alike, or what is known does not tell them apart.

    The first of these that tells CPUs apart decides: x86 counters with the frequencies, the arm64 design, then
    capacity and frequencies.
    """
    units = _read_units(reader, online)
    designs = _designs(speeds)
    if units:
        return _kinds(_joined((units, *_frequencies(speeds))), speeds, units)
    if len(set(designs.values())) > 1:
        return _kinds(designs, speeds, designs)
    capacities = {cpu: speed.capacity for cpu, speed in speeds.items() if speed.capacity is not None}
    return _kinds(_joined((_levelled(capacities), *_frequencies(speeds))), speeds, {})


def _read_units(reader: FactReader, online: IdSet) -> dict[int, str]:
    """The name of each CPU's counters; empty where the machine has one sort of them."""
    units: dict[int, str] = {}
    for name in HYBRID_UNITS:
        cpus = reader.value(f"/sys/devices/{name}/cpus", parse_id_list) or frozenset()
        for cpu in cpus & online:
            units.setdefault(cpu, name)
    return units if len(set(units.values())) > 1 else {}


def _designs(speeds: Mapping[int, CpuSpeed]) -> dict[int, str]:
    """The name of each arm64 core's design: MIDR bits 31-24 are the implementer, 15-4 the part."""
    return {
        cpu: arm_part_name(speed.midr >> 24 & 0xFF, speed.midr >> 4 & 0xFFF)
        for cpu, speed in speeds.items()
        if speed.midr is not None
    }


def _frequencies(speeds: Mapping[int, CpuSpeed]) -> tuple[dict[int, int], dict[int, int]]:
    """Base frequencies, and the maximum ones levelled among CPUs of one base frequency."""
    base = {cpu: speed.base_frequency_khz for cpu, speed in speeds.items() if speed.base_frequency_khz}
    by_base: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for cpu, speed in speeds.items():
        if speed.max_frequency_khz is not None:
            by_base[base.get(cpu, 0)][cpu] = speed.max_frequency_khz
    most = {cpu: value for values in by_base.values() for cpu, value in _levelled(values).items()}
    return base, most


def _levelled(values: Mapping[int, int]) -> dict[int, int]:
    """The same values by CPU, or all of them the highest where they differ by less than NOTABLE_DIFFERENCE."""
    if not values:
        return {}
    lowest, highest = min(values.values()), max(values.values())
    alike = highest - lowest < lowest * NOTABLE_DIFFERENCE
    return {cpu: highest if alike else value for cpu, value in values.items()}


def _joined(labels: Iterable[Mapping[int, Hashable]]) -> dict[int, tuple[Hashable, ...]]:
    """What every mapping that knows anything says of each CPU; a CPU that one of them does not know is left out."""
    known = [label for label in labels if label]
    everywhere = set(known[0]).intersection(*known[1:]) if known else set()
    return {cpu: tuple(label[cpu] for label in known) for cpu in everywhere}


def _kinds(
    labels: Mapping[int, Hashable], speeds: Mapping[int, CpuSpeed], names: Mapping[int, str]
) -> tuple[CpuKind, ...]:
    """One kind for every label, where there is more than one."""
    by_label: defaultdict[Hashable, set[int]] = defaultdict(set)
    for cpu, label in labels.items():
        by_label[label].add(cpu)
    if len(by_label) < 2:
        return ()
    kinds = (
        CpuKind(
            cpus=frozenset(cpus),
            name=names.get(min(cpus)),
            capacity=_highest(speeds[cpu].capacity for cpu in cpus if cpu in speeds),
            max_frequency_khz=_highest(speeds[cpu].max_frequency_khz for cpu in cpus if cpu in speeds),
            base_frequency_khz=_highest(speeds[cpu].base_frequency_khz for cpu in cpus if cpu in speeds),
        )
        for cpus in by_label.values()
    )
    return tuple(sorted(kinds, key=lambda kind: min(kind.cpus)))


def _highest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
