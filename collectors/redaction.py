"""What a capture leaves out unless it is asked for all: what tells one machine, or its owner, from another of its kind.

FILES and TEXTS are the whole of it. A file of FILES is left out, so that the fact in it becomes unknown; out of other
files the TEXTS go. Names that carry a MAC address (such as systemd's enx001122334455) give way to numbered ones. Other
names of interfaces, PCI addresses, models and sizes stay.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from collectors.recording import Failure
from collectors.tree import FileTree

MAC = "MAC addresses and GUIDs"
SERIAL = "serial numbers and UUIDs"
MOUNT = "mounts"
ANSWER = "what device plugins hand in"

DEVICE_CHECKPOINT = "/kubelet/device-plugins/kubelet_internal_checkpoint"

FILES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        MAC,
        re.compile(
            r".*/net/[^/]+/(?:.*/)?"
            r"(?:address|broadcast|[^/]*hwaddr|[^/]*_addr|phys_(?:port|switch)_id|bridge_id|root_id|ad_[^/]*)"
        ),
    ),
    (MAC, re.compile(r".*/(?:[^/]*guid[^/]*|gids/[^/]*|node_desc)")),
    (SERIAL, re.compile(r".*/(?:[^/]*(?:serial|uuid|asset_tag)[^/]*|[^/]*nqn|vpd[^/]*)")),
    (SERIAL, re.compile(r".*/(?:wwid|wwn|eui|unique_id|hostid|system-id)")),
)
"""Files by the whole of their path"""

_OF_HARDWARE = re.compile(r"/sys/.*|/proc/(?!self/|[0-9]+/).*")
"""Not what /proc tells of our own process: the paths of its cgroups hold UUIDs, and are needed."""

TEXTS: tuple[tuple[str, re.Pattern[str], re.Pattern[bytes], bytes], ...] = (
    # Disks, servers and containers are named by what is mounted; of it all only the cpuset's mount is of use.
    (MOUNT, re.compile(r"/proc/.*mountinfo"), re.compile(rb"(?m)^(?!.* - (?:cgroup2?|cpuset) ).+\n?"), b""),
    (MOUNT, re.compile(r"/proc/.*mounts"), re.compile(rb"(?m)^(?!\S+ \S+ (?:cgroup2?|cpuset) ).+\n?"), b""),
    # IBM Z: within a line that also tells the machine's type.
    (
        SERIAL,
        re.compile(r"/proc/cpuinfo"),
        re.compile(rb"\b(identification\s*[:=]\s*)[0-9A-Fa-f]+"),
        rb"\1redacted",
    ),
    # Arm's line in /proc/cpuinfo, keys of a uevent, lines of drivers' own files.
    (
        SERIAL,
        re.compile(r"(?!/proc/cmdline)" + _OF_HARDWARE.pattern),
        re.compile(rb"(?im)^[a-z0-9_ ]*(?:serial|uuid|wwid|nqn|uniq)[a-z0-9_ ]*[:=\t].*\n?"),
        b"",
    ),
    (
        SERIAL,
        _OF_HARDWARE,
        re.compile(rb"(?i)(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])"),
        b"redacted",
    ),
    # MAC addresses of 6 bytes, EUI-64, InfiniBand's of 20; with colons or, as in BOOTIF=, with dashes.
    (
        MAC,
        _OF_HARDWARE,
        re.compile(rb"(?i)(?<![\w:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4,18}(?![\w:-])"),
        b"redacted",
    ),
    # GUIDs and GIDs.
    (
        MAC,
        _OF_HARDWARE,
        re.compile(rb"(?i)(?<![\w:])(?:[0-9a-f]{4}:){3}(?:[0-9a-f]{4}:){0,4}[0-9a-f]{4}(?![\w:])"),
        b"redacted",
    ),
)
"""Texts by the whole path of the file they are in, and what takes their place"""

_MAC_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])((?:en|sl|wl|ww|ib|iw|roce|opa|usnic)x)([0-9a-f]{16}|[0-9a-f]{12})(?![A-Za-z0-9])"
)
_NAME_IN_TEXT = re.compile(_MAC_IN_NAME.pattern.encode())
_KEPT_OF_A_DEVICE_ENTRY = ("PodUID", "ContainerName", "ResourceName", "DeviceIDs")


class Redaction:
    """Takes out of one machine's files what is private.

    Attributes:
        counts: in how many places each sort of thing was.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def tree(self, tree: FileTree) -> FileTree:
        """The tree without what is private, and without a trace of the files that are left out."""
        self._learn_names(tree)
        clean = FileTree()
        clean.directories = {
            self._renamed(path): {self._renamed(name) for name in names}
            for path, names in tree.directories.items()
        }
        clean.links = {self._renamed(path): self._renamed(target) for path, target in tree.links.items()}
        for path, data in tree.files.items():
            kept = self._file(path, data)
            here = self._renamed(path)
            if kept is not None:
                clean.files[here] = kept
            else:
                parent, _, name = here.rpartition("/")
                clean.directories[parent].discard(name)
        return clean

    def failures(self, failures: Iterable[Failure]) -> tuple[Failure, ...]:
        """What could not be read, with the names that the tree has now. Comes after `tree`."""
        return tuple(replace(failure, path=self._renamed(failure.path)) for failure in failures)

    def _file(self, path: str, data: bytes) -> bytes | None:
        """What remains of a file, or None where nothing does."""
        for what, pattern in FILES:
            if pattern.fullmatch(path):
                self.counts[what] += 1
                return None
        if path == DEVICE_CHECKPOINT:
            return self._device_checkpoint(data)
        for what, place, private, instead in TEXTS:
            if place.fullmatch(path):
                data, count = private.subn(instead, data)
                self.counts[what] += count
        if self._names:
            data = _NAME_IN_TEXT.sub(self._renamed_in_text, data)
        return data

    def _device_checkpoint(self, data: bytes) -> bytes | None:
        """The device manager's notes without the plugins' answers (AllocResp), which hold variables and mounts.

        Nothing remains of one that is not in the form that we know: who knows what is in it.
        """
        try:
            notes = json.loads(data)["Data"]
            entries = notes["PodDeviceEntries"] or []
            kept = {
                "PodDeviceEntries": [
                    {key: entry[key] for key in _KEPT_OF_A_DEVICE_ENTRY if key in entry} for entry in entries
                ],
                "RegisteredDevices": notes["RegisteredDevices"],
            }
        except (ValueError, RecursionError, KeyError, TypeError):
            self.counts[ANSWER] += 1
            return None
        self.counts[ANSWER] += sum("AllocResp" in entry for entry in entries)
        return json.dumps({"Data": kept}).encode()

    def _learn_names(self, tree: FileTree) -> None:
        """Numbers the names that carry a MAC address, in an order that leaves lists of devices as they were."""
        found = {
            match[0]: match
            for names in tree.directories.values()
            for name in names
            for match in _MAC_IN_NAME.finditer(name)
        }
        for number, name in enumerate(sorted(found), 1):
            prefix, digits = found[name].groups()
            self._names[name] = f"{prefix}{number:0{len(digits)}x}"
        self.counts[MAC] += sum(name != number for name, number in self._names.items())

    def _renamed(self, text: str) -> str:
        if not self._names:
            return text
        return _MAC_IN_NAME.sub(lambda match: self._names.get(match[0], match[0]), text)

    def _renamed_in_text(self, match: re.Match[bytes]) -> bytes:
        """A name in a file's text; one that no directory has is no less a MAC address."""
        name = match[0].decode("ascii")
        return self._names.get(name, f"{match[1].decode('ascii')}redacted").encode()
