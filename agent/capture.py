"""Makes a capture: surveys a machine, keeps what the collectors saw, asks its kubelet, and takes out what is private."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from agent import __version__
from agent.survey import survey
from collectors.errors import CaptureError
from collectors.hostfs import HostFS
from collectors.hosts import open_host
from collectors.kubelet.captured import ANSWERS_FILE, CAPTURED_ROOT, KubeletFiles, read_kubelet_files
from collectors.kubelet.errors import KubeletError, KubeletSocketMissingError
from collectors.kubelet.plain import format_answers
from collectors.kubelet.podresources import fetch_podresources
from collectors.manifest import MANIFEST_PATH, Manifest, format_manifest, read_manifest
from collectors.model import Snapshot
from collectors.recording import CONTENT_LIMIT, RecordingFS
from collectors.redaction import Redaction
from collectors.tree import FileTree

KUBELET_DEADLINE_SECONDS = 5.0
"""A kubelet answers within milliseconds; one that does not is not waited for at length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One machine, ready to be packed."""

    tree: FileTree
    """With the manifest, and the kubelet's part"""
    manifest: Manifest
    kubelet: str
    """What there is of the kubelet, in words"""


def take_capture(
    host: str | None,
    *,
    full: bool,
    kubelet_root: str,
    now: float,
    sys_root: str | None = None,
    kubelet_deadline_seconds: float = KUBELET_DEADLINE_SECONDS,
) -> Capture:
    """Reads a machine as the collectors do, and keeps what they read.

    Args:
        host: None for this machine, else a folder or an archive; then no kubelet of this machine is asked.
        full: keep what tells this machine from others of its kind.
        kubelet_root: the kubelet's directory.
        now: seconds since the epoch.
        sys_root: the directory below which this machine's /sys is mounted, where that is not `/`.
        kubelet_deadline_seconds: how long the kubelet is waited for.

    Raises CaptureError where there is no such host, or too much of it. A kubelet that does not answer is no error.
    """
    fs = open_host(host, sys_root=sys_root)()
    earlier = None if host is None else read_manifest(fs, host)
    recording = RecordingFS(fs)
    snapshot = survey(recording, now=now)
    if recording.bytes_kept > CONTENT_LIMIT:
        raise CaptureError(
            host or "this machine", f"what there is to read is more than {CONTENT_LIMIT >> 20} MiB"
        )
    if host is None:
        kubelet, words = _kubelet_here(fs, kubelet_root, kubelet_deadline_seconds)
    else:
        kubelet, words = _kubelet_of_capture(fs, kubelet_root)
    tree = recording.tree
    for path, data in kubelet.files.items():
        tree.add_file(path, data)
    redaction = Redaction()
    failures = recording.failures
    if not full:
        tree, failures = redaction.tree(tree), redaction.failures(failures)
    manifest = Manifest(
        version=__version__,
        taken_at=now if earlier is None else earlier.taken_at,
        architecture=_architecture(snapshot),
        kernel_release=snapshot.system.facts.kernel_release if snapshot.system.facts is not None else None,
        redacted=_redacted(earlier, None if full else redaction.counts),
        failures=failures,
    )
    tree.add_file(MANIFEST_PATH, format_manifest(manifest).encode())
    return Capture(tree=tree, manifest=manifest, kubelet=words)


def _architecture(snapshot: Snapshot) -> str | None:
    return snapshot.cpus.facts.architecture if snapshot.cpus.facts is not None else None


def _redacted(earlier: Manifest | None, counts: Counter[str] | None) -> tuple[tuple[str, int], ...] | None:
    """What is missing by now; what an earlier capture left out does not come back."""
    before = None if earlier is None or earlier.redacted is None else Counter(dict(earlier.redacted))
    if before is None and counts is None:
        return None
    return tuple(sorted(((before or Counter()) + (counts or Counter())).items()))


def _kubelet_of_capture(fs: HostFS, root: str) -> tuple[KubeletFiles, str]:
    """What the capture has of its kubelet, or, if it is a host's whole root, the checkpoints that lie there."""
    found = read_kubelet_files(fs, CAPTURED_ROOT)
    if not found.files and not found.problems:
        found = read_kubelet_files(fs, root)
    if not found.files and not found.problems:
        return found, "none in this capture"
    return found, _words(found, "as captured")


def _kubelet_here(fs: HostFS, root: str, deadline_seconds: float) -> tuple[KubeletFiles, str]:
    found = read_kubelet_files(fs, root)
    socket_path = f"{root}/pod-resources/kubelet.sock"
    try:
        answers = asyncio.run(fetch_podresources(socket_path, deadline_seconds=deadline_seconds))
    except KubeletSocketMissingError:
        if not found.files and not found.problems:
            return found, f"none here (no socket {socket_path})"
        return found, _words(found, f"no socket {socket_path}")
    except KubeletError as error:
        return found, _words(found, str(error))
    found.files[f"{CAPTURED_ROOT}/{ANSWERS_FILE}"] = format_answers(answers).encode()
    return found, _words(found, f"{len(answers.pods)} pods")


def _words(found: KubeletFiles, start: str) -> str:
    names = sorted(path.rpartition("/")[2] for path in found.files)
    return "; ".join((start, *found.problems, ", ".join(names) or "no file of it"))
