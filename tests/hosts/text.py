"""How the kernel prints sets of CPUs and nodes. Written apart from collectors.parse, which must read it back."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby


def id_list(ids: Iterable[int]) -> str:
    """`%*pbl` of lib/vsprintf: `0-3,8`."""
    runs = groupby(enumerate(sorted(ids)), key=lambda pair: pair[1] - pair[0])
    spans = [[number for _, number in run] for _, run in runs]
    return ",".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


def id_mask(ids: Iterable[int], width: int) -> str:
    """`%*pb` of lib/vsprintf: 32-bit words from the highest, the first as short as the width lets it be."""
    bits = sum(1 << number for number in ids)
    words = []
    for low in range(0, width, 32):
        digits = (min(32, width - low) + 3) // 4
        words.append(f"{bits >> low & 0xFFFFFFFF:0{digits}x}")
    return ",".join(reversed(words))
