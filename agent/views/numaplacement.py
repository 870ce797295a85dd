"""Which single NUMA node each container with exclusive resources sits on, in the words of numaplacement v001.

The scheduler's NUMA-aware preemption reads it. Each container has a number: its place among the sorted hashes of all
containers. Every NUMA node lists the numbers of its containers, as differences, in a base-89 alphabet; the node with
the most containers is left out, since it has whatever the others do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from xxhash import xxh64_intdigest

METADATA_ATTRIBUTE = "topology.node.k8s.io/numaplacement-metadata"
"""Top-level attribute"""
VECTOR_ATTRIBUTE = "topology.node.k8s.io/numaplacement-vector"
"""Attribute of a zone"""

ALPHABET = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"&<>\\')
"""89 characters: the first 64 end a number, the other 25 continue it"""
_ENDING, _CONTINUING = 64, 25


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedContainer:
    """A container whose exclusive resources all lie on one NUMA node."""

    namespace: str
    pod: str
    container: str
    numa_node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumaPlacement:
    """What is published of the placement."""

    metadata: str
    vectors: tuple[tuple[int, str], ...]
    """(NUMA node, vector) by id, without the busiest node and without nodes that have no container"""


def derive_numaplacement(containers: Iterable[PlacedContainer], *, numa_nodes: int) -> NumaPlacement | None:
    """The placement of containers on a machine with so many NUMA nodes.

    None where a node's id is not below their number: the form has no words for sparse ids.
    """
    placed = sorted(containers, key=_hash)
    if any(container.numa_node >= numa_nodes for container in placed):
        return None
    offsets: defaultdict[int, list[int]] = defaultdict(list)
    for offset, container in enumerate(placed):
        offsets[container.numa_node].append(offset)
    busiest = min(offsets, key=lambda node: (-len(offsets[node]), node), default=0)
    return NumaPlacement(
        metadata=f"npv0v001::ve=leb89::cc={len(placed)}::nn={numa_nodes}::bn={busiest}",
        vectors=tuple(
            (node, encode_vector(numbers)) for node, numbers in sorted(offsets.items()) if node != busiest
        ),
    )


def encode_vector(offsets: list[int]) -> str:
    """Ascending numbers as text: the first as it is, then the differences."""
    return "".join(
        map(encode_number, [*offsets[:1], *(after - before for before, after in pairwise(offsets))])
    )


def encode_number(value: int) -> str:
    """One number in LEB89: continuing digits in base 25, the highest first, then one of 64 that ends it."""
    if value < _ENDING:
        return ALPHABET[value]
    rest, ending = divmod(value - _ENDING, _ENDING)
    digits = ""
    while True:
        rest, digit = divmod(rest, _CONTINUING)
        digits = ALPHABET[_ENDING + digit] + digits
        if rest == 0:
            return digits + ALPHABET[ending]


def _hash(container: PlacedContainer) -> int:
    return xxh64_intdigest(f"{container.namespace}\0{container.pod}\0{container.container}".encode())
