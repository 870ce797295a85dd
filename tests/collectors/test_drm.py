"""Reading graphics cards."""

from __future__ import annotations

import errno
from pathlib import Path

from collectors.drm import DRM, read_drm
from collectors.model import DrmCard
from collectors.reader import FactReader
from tests.collectors.plugged import Refusing, host, link, plug

GPU = "pci0000:00/0000:00:01.0/0000:01:00.0"
CONSOLE = "pci0000:00/0000:00:02.0"


def test_a_card_is_read_with_the_render_node_of_the_same_device(tmp_path: Path) -> None:
    plug(tmp_path, f"{CONSOLE}/drm/card0", DRM, {"device/uevent": "DRIVER=ast\n"})
    plug(tmp_path, f"{GPU}/drm/card1", DRM, {"device/uevent": "DRIVER=nvidia\n"})
    plug(tmp_path, f"{GPU}/drm/renderD128", DRM)

    assert read_drm(host(tmp_path)) == (
        DrmCard(name="card0", pci_address="0000:00:02.0", driver="ast"),
        DrmCard(name="card1", pci_address="0000:01:00.0", driver="nvidia", render_node="renderD128"),
    )


def test_connectors_and_cards_made_of_software_are_left_out(tmp_path: Path) -> None:
    plug(tmp_path, f"{GPU}/drm/card1/card1-DP-1", DRM)
    plug(tmp_path, "virtual/drm/card2", DRM)
    (tmp_path / "sys/class/drm/version").write_text("drm 1.1.0\n")
    reader = host(tmp_path)

    assert read_drm(reader) == ()
    assert reader.problems == ()


def test_the_cards_of_old_kernels_do_not_share_each_others_render_nodes(tmp_path: Path) -> None:
    for name, place in (("card0", CONSOLE), ("renderD128", GPU)):
        (tmp_path / "sys/devices" / place).mkdir(parents=True)
        link(tmp_path, tmp_path / f"sys/class/drm/{name}/device", f"/sys/devices/{place}")

    assert read_drm(host(tmp_path)) == (DrmCard(name="card0", pci_address="0000:00:02.0"),)


def test_cards_that_cannot_be_listed_are_unknown(tmp_path: Path) -> None:
    assert read_drm(FactReader(Refusing(tmp_path, {DRM: errno.EACCES}))) is None
