"""From what a person gives to `--host` to a machine's files: this machine, a folder, or an archive."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

from collectors.errors import CaptureError, UnreadableError
from collectors.hostfs import ROOT_NAMES, DirectoryFS, HostFS
from collectors.manifest import Manifest, read_manifest
from collectors.recording import ReplayFS


def open_host(spec: str | None, *, sys_root: str | None = None) -> Callable[[], HostFS]:
    """What gives the machine's files, anew for each survey.

    Args:
        spec: None for this machine, else a folder that holds its /sys and /proc, or an archive of one.
        sys_root: of this machine, the directory below which its /sys is mounted where that is not `/`.

    Raises CaptureError where there is no such thing; an archive is read here, once and for all.
    """
    if spec is None:
        return functools.partial(DirectoryFS, sys_root=sys_root)
    if not Path(spec).is_dir():
        return _open_archive(spec)
    manifest = read_manifest(_open_folder(spec), spec)
    return lambda: _replayed(DirectoryFS(spec), manifest)


def _open_folder(spec: str) -> DirectoryFS:
    fs = DirectoryFS(spec)
    try:
        names = fs.entries("/") or ()
    except UnreadableError as error:
        raise CaptureError(spec, error.reason) from error
    if not _is_root(names):
        below = next((name for name in names if _is_root(_listed(fs, f"/{name}"))), None)
        hint = "" if below is None else f"; did you mean {Path(spec, below)}?"
        raise CaptureError(spec, f"is no captured machine: it holds neither sys nor proc{hint}")
    return fs


def _is_root(names: Iterable[str]) -> bool:
    return any(name in ROOT_NAMES for name in names)


def _listed(fs: DirectoryFS, path: str) -> tuple[str, ...]:
    try:
        return fs.entries(path) or ()
    except UnreadableError:
        return ()


def _open_archive(spec: str) -> Callable[[], HostFS]:
    # An agent of a machine of its own never needs tar, gzip and xz.
    from collectors.archive import read_archive  # noqa: PLC0415
    from collectors.tree import TreeFS  # noqa: PLC0415

    tree = read_archive(spec)
    fs = _replayed(TreeFS(tree), read_manifest(TreeFS(tree), spec))
    return lambda: fs


def _replayed(fs: HostFS, manifest: Manifest | None) -> HostFS:
    return ReplayFS(fs, manifest.failures) if manifest is not None and manifest.failures else fs
