"""Reads the relative distances between NUMA nodes (10 is a node's distance to itself).

Path: node/nodeN/distance, one row of integers. The kernel prints one value per node that is online, in the order of
their ids, and no ids: the row of node 8 on a machine with nodes 0 and 8 is `40 10`.
Sources: Documentation/ABI/stable/sysfs-devices-node; drivers/base/node.c, node_read_distance.
"""

from __future__ import annotations

from collectors.parse import parse_int_row
from collectors.reader import FactReader


def read_distances(
    reader: FactReader, node_folder: str, online: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """(node id, distance) from one node to every node that is online, by id.

    `()` where the row is absent, unreadable or cannot be believed; matrices need not be symmetric.

    Args:
        reader: the machine.
        node_folder: /sys/devices/system/node/nodeN.
        online: ids of the nodes that are online, ascending.
    """
    path = f"{node_folder}/distance"
    row = reader.value(path, parse_int_row)
    if row is None:
        return ()
    if len(row) < len(online):
        reader.note(path, f"expected {len(online)} distances, one per node online, found {len(row)}")
        return ()
    if not all(row[: len(online)]):
        reader.note(path, "a distance of 0, which no node has, not even to itself")
        return ()
    if len(row) > len(online):
        # A node may have come online since the list was read; captures that were edited by hand have such rows too.
        reader.note(path, f"found {len(row)} distances for {len(online)} nodes online; took the first ones")
    return tuple(zip(online, row, strict=False))
