"""Reads graphics cards as the kernel's Direct Rendering Manager shows them.

Paths: /sys/class/drm/card<N>, /sys/class/drm/renderD<N>, each with a link `device`.
Source: Documentation/gpu/drm-uapi.rst.
"""

from __future__ import annotations

import re

from collectors.class_devices import ClassMember, driver_of, find_members, read_members
from collectors.model import DrmCard
from collectors.reader import FactReader

DRM = "/sys/class/drm"

_CARD_OR_RENDER_NODE = re.compile(r"(?:card|renderD)[0-9]+", re.ASCII)


def read_drm(reader: FactReader) -> tuple[DrmCard, ...] | None:
    """Cards by number, without their connectors (`card0-VGA-1`); None where they cannot be listed.

    Cards made of software (vkms, vgem) that hang from no device are left out.
    """
    members = find_members(reader, DRM, _CARD_OR_RENDER_NODE)
    if members is None:
        return None
    # A card and its render node lie in one directory, that of their device: .../0000:3b:00.0/drm/{card1,renderD129}.
    render_nodes = {
        member.directory.rpartition("/")[0]: member.name
        for member in members
        if member.name.startswith("renderD") and member.directory.startswith("/sys/devices/")
    }

    def read(reader: FactReader, member: ClassMember) -> DrmCard:
        return DrmCard(
            name=member.name,
            pci_address=member.pci_address,
            driver=driver_of(reader, member),
            render_node=render_nodes.get(member.directory.rpartition("/")[0]),
        )

    cards = (member for member in members if member.name.startswith("card") and not member.virtual)
    return read_members(reader, cards, read)
