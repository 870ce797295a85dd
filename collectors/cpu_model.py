"""What the processor is called, who makes it, and what architecture the kernel runs on.

Paths: /proc/cpuinfo (its head), /proc/sys/kernel/{arch,osrelease}, /proc/version,
/sys/devices/system/cpu/modalias, and /proc/hwloc-nofile-info in captures that hwloc's tools made.
Kernel documents: Documentation/admin-guide/sysctl/kernel.rst (arch, since 6.1); cpuinfo has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.cpu_ids import SYSFS_CPU
from collectors.cpu_names import ARM_IMPLEMENTERS, arm_part_name, s390_machine_name
from collectors.cpuinfo import read_cpuinfo_head
from collectors.parse import parse_key_values, parse_text
from collectors.reader import FactReader

Lines = tuple[tuple[str, str], ...]

_ARCHITECTURES = (
    "x86_64",
    "aarch64",
    "ppc64le",
    "s390x",
    "riscv64",
    "loongarch64",
    "i686",
    "ppc64",
    "armv7l",
)
_RELEASE_WORDS = {
    **{name: name for name in _ARCHITECTURES},
    "amd64": "x86_64",
    "arm64": "aarch64",
    "powerpc64le": "ppc64le",
}
"""How distributions end the release of their kernels: 5.14.0-570.el9.ppc64le, 6.1.0-18-amd64"""

_NAME_KEYS = ("model name", "Model Name", "cpu model", "uarch", "cpu")
"""x86, loongarch, mips and alpha, riscv, the others; `unknown` is how x86 kernels say that they do not know"""
_32_BIT_X86_KEYS = frozenset({"fdiv_bug", "f00f_bug", "coma_bug"})
"""Flaws of the first Pentiums, which only 32-bit kernels report"""
_ARM_KERNEL = re.compile(r"\((v[0-9]{1,2}[a-z]{1,4})\)", re.ASCII)
_MACHINE = re.compile(r"\bmachine = ([0-9]{1,5})\b", re.ASCII)
_RISCV_VENDORS = {0x31E: "Andes", 0x489: "SiFive", 0x5B7: "T-Head", 0x602: "Ventana", 0x710: "SpacemiT"}
"""JEDEC numbers as `mvendorid` gives them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuModel:
    """None where the machine does not say, or says it in no form known here."""

    name: str | None = None
    vendor: str | None = None
    architecture: str | None = None
    """As `uname -m` says"""


def read_cpu_model(reader: FactReader) -> CpuModel:
    """Name, vendor and architecture; no file is required."""
    lines = read_cpuinfo_head(reader)
    first = dict(reversed(lines))  # of the first processor, but for keys that only a later one has
    architecture = (
        reader.value("/proc/sys/kernel/arch", parse_text)
        or _from_release(reader)
        or _from_modalias(reader)
        or _from_cpuinfo(first)
        or _from_capture_notes(reader)
    )
    return CpuModel(name=_name(lines, first), vendor=_vendor(first), architecture=architecture)


def _name(lines: Lines, first: dict[str, str]) -> str | None:
    """The name of the first processor, or of each sort on a machine of several arm64 designs."""
    designs = tuple(dict.fromkeys(arm_part_name(*numbers) for numbers in _arm_parts(lines)))
    if designs:
        return " + ".join(designs)
    for key, value in first.items():
        if key.startswith("processor ") and (machine := _MACHINE.search(value)):  # s390
            return s390_machine_name(int(machine[1]))
    if "machine" in first and first.get("vendor_id") == "IBM/S390" and first["machine"].isdecimal():
        return s390_machine_name(int(first["machine"][:5]))
    named = next((first[key] for key in _NAME_KEYS if first.get(key, "unknown") not in ("", "unknown")), None)
    return named and named.removesuffix(", altivec supported")


def _arm_parts(lines: Lines) -> Iterator[tuple[int, int]]:
    """(implementer, part) of every processor in the text; the kernel writes them in this order."""
    implementer: int | None = None
    for key, value in lines:
        if key == "CPU implementer":
            implementer = _number(value)
        elif key == "CPU part" and implementer is not None:
            part = _number(value)
            if part is not None:
                yield implementer, part


def _number(text: str) -> int | None:
    """An integer of up to 32 bits, in the notations of C; None where it is none."""
    try:
        number = int(text, 0)
    except ValueError:
        return None
    return number if 0 <= number < 1 << 32 else None


def _vendor(lines: dict[str, str]) -> str | None:
    named = lines.get("vendor_id") or lines.get("vendor")
    if named:
        return named
    for key, vendors in (("CPU implementer", ARM_IMPLEMENTERS), ("mvendorid", _RISCV_VENDORS)):
        number = _number(lines.get(key, ""))
        if number in vendors:
            return vendors[number]
    return "IBM" if lines.get("cpu", "").startswith("POWER") else None


def _from_release(reader: FactReader) -> str | None:
    release = read_kernel_release(reader) or ""
    return _RELEASE_WORDS.get(re.split(r"[.\-]", release)[-1])


def read_kernel_release(reader: FactReader) -> str | None:
    """What `uname -r` says: /proc/sys/kernel/osrelease, else the third word of /proc/version."""
    release = reader.value("/proc/sys/kernel/osrelease", parse_text)
    if release is not None:
        return release
    version = (reader.text("/proc/version") or "").split()
    return version[2] if version[:2] == ["Linux", "version"] and len(version) > 2 else None


def _from_modalias(reader: FactReader) -> str | None:
    """arm64 names itself there; x86 does so in the same words for 32 and 64 bits, the others by processor."""
    modalias = reader.text(f"{SYSFS_CPU}/modalias") or ""
    return "aarch64" if modalias.startswith("cpu:type:aarch64:") else None


def _from_cpuinfo(lines: dict[str, str]) -> str | None:
    """By the keys that only one architecture writes. ppc64 says nothing of its byte order: unknown."""
    if "CPU architecture" in lines:
        return _arm_architecture(lines)
    if "flags" in lines and "cpu family" in lines:
        return "i686" if _32_BIT_X86_KEYS & lines.keys() or "lm" not in lines["flags"].split() else "x86_64"
    if lines.get("vendor_id") == "IBM/S390":
        return "s390x"
    if lines.get("arch") == "IA-64":
        return "ia64"
    if lines.get("isa", "")[:4] in ("rv64", "rv32"):
        return f"riscv{lines['isa'][2:4]}"
    return "loongarch64" if lines.get("CPU Family") == "Loongson-64bit" else None


def _arm_architecture(lines: dict[str, str]) -> str | None:
    """A 32-bit kernel names its own mode beside the processor, `(v7l)`; a 64-bit kernel does so only of version 8."""
    mode = _ARM_KERNEL.search(lines.get("model name") or lines.get("Processor") or "")
    if mode is not None:
        return f"arm{mode[1]}"
    return "aarch64" if lines["CPU architecture"] in ("8", "AArch64") else None


def _from_capture_notes(reader: FactReader) -> str | None:
    """What hwloc's tool for captures notes of `uname`, for the files that it saves do not tell."""
    notes = parse_key_values(reader.text("/proc/hwloc-nofile-info") or "", ":")
    return notes.get("Architecture") or None
