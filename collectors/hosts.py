"""From what a person gives to `--host` to a machine's files: this machine, a folder, or an archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from collectors.errors import CaptureError
from collectors.hostfs import ROOT_NAMES, DirectoryFS, HostFS
from collectors.manifest import Manifest, read_manifest
from collectors.recording import ReplayFS


def open_host(spec: str | None) -> Callable[[], HostFS]:
    """What gives the machine's files, anew for each survey.

    Args:
        spec: None for this machine, else a folder that holds its /sys and /proc, or an archive of one.

    Raises CaptureError where there is no such thing; an archive is read here, once and for all.
    """
    if spec is None:
        return DirectoryFS
    if not Path(spec).is_dir():
        return _open_archive(spec)
    manifest = read_manifest(_open_folder(spec), spec)
    return lambda: _replayed(DirectoryFS(spec), manifest)


def _open_folder(spec: str) -> DirectoryFS:
    fs = DirectoryFS(spec)
    names = fs.entries("/") or ()
    if not any(name in names for name in ROOT_NAMES):
        below = [name for name in names if any(fs.entries(f"/{name}/{root}") for root in ROOT_NAMES)]
        hint = f"; did you mean {Path(spec, below[0])}?" if below else ""
        raise CaptureError(spec, f"is no captured machine: it holds neither sys nor proc{hint}")
    return fs


def _open_archive(spec: str) -> Callable[[], HostFS]:
    # An agent of a machine of its own never needs tar, gzip and xz.
    from collectors.archive import read_archive  # noqa: PLC0415
    from collectors.tree import TreeFS  # noqa: PLC0415

    tree = read_archive(spec)
    fs = _replayed(TreeFS(tree), read_manifest(TreeFS(tree), spec))
    return lambda: fs


def _replayed(fs: HostFS, manifest: Manifest | None) -> HostFS:
    return ReplayFS(fs, manifest.failures) if manifest is not None and manifest.failures else fs
