"""The kubelet's part of a capture: which files hold it, and whence they come.

Below the capture's root: kubelet/podresources.json (collectors.kubelet.plain) and the kubelet's own checkpoints under
the names that they have below its root, so that `read_checkpoints(reader, root=CAPTURED_ROOT)` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.errors import UnreadableError
from collectors.hostfs import HostFS
from collectors.strictjson import MAX_BYTES

CAPTURED_ROOT = "/kubelet"
ANSWERS_FILE = "podresources.json"
CHECKPOINT_FILES = (
    "cpu_manager_state",
    "memory_manager_state",
    "device-plugins/kubelet_internal_checkpoint",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletFiles:
    """Files for a capture, by their path in it, and why others are missing."""

    files: dict[str, bytes]
    problems: tuple[str, ...] = ()


def read_kubelet_files(fs: HostFS, root: str) -> KubeletFiles:
    """What lies below a kubelet's root, on a machine or in a capture; what is absent is no problem."""
    files: dict[str, bytes] = {}
    problems: list[str] = []
    for name in (ANSWERS_FILE, *CHECKPOINT_FILES):
        try:
            data = fs.read(f"{root}/{name}", MAX_BYTES)
        except UnreadableError as error:
            problems.append(str(error))
            continue
        if data is not None:
            files[f"{CAPTURED_ROOT}/{name}"] = data
    return KubeletFiles(files=files, problems=tuple(problems))
