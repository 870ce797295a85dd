"""Checksums of the kubelet's state files, as Kubernetes 1.37 and later write and want them.

`dataChecksum` is FNV-1a, 32 bits, over the word `(string)` and the text in `data`: Go's print of a string with its type. A
kubelet does not start over a file whose sum is another. The sum of older kubelets is over Go's print of a whole structure,
which changes with the structure; of that nothing is said.
"""

from __future__ import annotations

from collectors.model.kubelet import KubeletCheckpoints
from collectors.parse import ParseError
from collectors.reader import FactReader
from collectors.strictjson import MAX_BYTES, parse_json

WRONG_SUM = "its checksum does not fit its content: somebody edited it, or it was not written to its end"

_OFFSET, _PRIME = 0x811C9DC5, 0x01000193


def note_wrong_sums(reader: FactReader, found: KubeletCheckpoints, *, root: str) -> None:
    """Notes a problem of each state file below `root` that was read well but is not as the kubelet wrote it."""
    for name, state in (("cpu_manager_state", found.cpu), ("memory_manager_state", found.memory)):
        path = f"{root}/{name}"
        text = None if state is None else reader.text(path, limit=MAX_BYTES)
        if text is not None and has_wrong_sum(text):
            reader.note(path, WRONG_SUM)


def has_wrong_sum(text: str) -> bool:
    """Whether a state file has a `data` and another sum than that has; False of what is no state file at all."""
    try:
        document = parse_json(text, "a checkpoint")
        data, noted = document.get("data"), document.get("dataChecksum")
        if data.is_null:
            return False
        return sum_of(data.text()) != (0 if noted.is_null else noted.integer())
    except ParseError:
        return False


def sum_of(data: str) -> int:
    """The sum of the text in `data`."""
    total = _OFFSET
    for byte in b"(string)" + data.encode():
        total = (total ^ byte) * _PRIME & 0xFFFFFFFF
    return total
