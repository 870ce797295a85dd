"""Sets of online CPUs from the maps and lists of cpuN/topology and cpuN/cache.

Form: Documentation/core-api/printk-formats.rst (bitmaps). A big machine repeats the same few hundred texts in
thousands of files, so each text is parsed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from collectors.parse import IdSet, parse_id_list, parse_id_mask
from collectors.reader import FactReader

LIST_SUFFIX = "_list"


class CpuSetReader:
    """Reads files that name CPUs, and keeps what is online of them.

    Attributes:
        reader: where the files come from and where problems go.
        online: the CPUs that are online.
    """

    def __init__(self, reader: FactReader, online: IdSet) -> None:
        self.reader = reader
        self.online = online
        self._parsed: dict[tuple[bool, str], IdSet] = {}

    def read(self, path: str) -> IdSet | None:
        """The online CPUs that a map, or a list where the name ends so, names; None where it is absent or bad."""
        text = self.reader.text(path)
        if text is None:
            return None
        is_list = path.endswith(LIST_SUFFIX)
        key = (is_list, text)
        cpus = self._parsed.get(key)
        if cpus is None:
            named = self.reader.parsed(path, text, parse_id_list if is_list else parse_id_mask)
            if named is None:
                return None
            cpus = self._parsed[key] = named & self.online
        return cpus

    def read_with(self, cpu: int, directory: str, names: Sequence[str]) -> tuple[str, IdSet] | None:
        """The path and the CPUs of the first file in a directory that names this very CPU.

        Maps go before lists in `names`: where they disagree, the map is right. A file that leaves its own CPU out
        cannot be believed. Where no file names the CPU, the answer is the last one read (with its path), or None
        where there was none.
        """
        found: tuple[str, IdSet] | None = None
        for name in names:
            path = f"{directory}/{name}"
            cpus = self.read(path)
            if cpus is None:
                continue
            found = (path, cpus)
            if cpu in cpus:
                break
        return found
