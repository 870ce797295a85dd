from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.cpu_model import CpuModel, read_cpu_model, read_kernel_release
from collectors.cpu_names import arm_part_name, s390_machine_name
from tests.collectors.trees import reader_of

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model name\t: Intel(R) Xeon(R) CPU           E5345  @ 2.33GHz
flags\t\t: fpu lm
"""
ARM64 = "processor : 0\nCPU implementer : 0x41\nCPU architecture: 8\nCPU part : {}\n"
ARM = """Processor\t: ARMv7 Processor rev 1 (v7l)
processor\t: 0

CPU implementer\t: 0x41
CPU architecture: 7
CPU part\t: 0xc09
"""
POWER = "processor : 0\ncpu : POWER9, altivec supported\nclock : 3450.000000MHz\n"
S390 = "vendor_id : IBM/S390\n# processors : 1\nprocessor 0: version = 00,  identification = 279F25,  machine = 2817\n"
RISCV = "processor : 0\nhart : 1\nisa : rv64imafdc\nuarch : sifive,u74-mc\nmvendorid : 0x489\n"


def model(root: Path, cpuinfo: str, more: Mapping[str, object] | None = None) -> CpuModel:
    return read_cpu_model(reader_of(root, {"/proc/cpuinfo": cpuinfo, **(more or {})}))


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (X86, ("Intel(R) Xeon(R) CPU E5345 @ 2.33GHz", "GenuineIntel", "x86_64")),
        (X86.replace("fpu lm", "fpu"), ("Intel(R) Xeon(R) CPU E5345 @ 2.33GHz", "GenuineIntel", "i686")),
        (f"{X86}f00f_bug : no\n", ("Intel(R) Xeon(R) CPU E5345 @ 2.33GHz", "GenuineIntel", "i686")),
        (ARM64.format("0xd4f"), ("Neoverse-V2", "Arm", "aarch64")),
        (ARM64.format("0xd87") + ARM64.format("0xd85"), ("Cortex-A725 + Cortex-X925", "Arm", "aarch64")),
        (ARM, ("Cortex-A9", "Arm", "armv7l")),
        (POWER, ("POWER9", "IBM", None)),
        (S390, ("IBM z196", "IBM/S390", "s390x")),
        (
            "vendor_id : IBM/S390\ncpu number : 0\nmachine : 9999\n",
            ("IBM machine type 9999", "IBM/S390", "s390x"),
        ),
        (RISCV, ("sifive,u74-mc", "SiFive", "riscv64")),
        ("processor : 0\nisa : rv32ima\n", (None, None, "riscv32")),
        ("vendor : GenuineIntel\narch : IA-64\n", (None, "GenuineIntel", "ia64")),
        (
            "CPU Family : Loongson-64bit\nModel Name : Loongson-3C5000\n",
            ("Loongson-3C5000", None, "loongarch64"),
        ),
        ("model name : unknown\ncpu : UltraSparc T1\n", ("UltraSparc T1", None, None)),
        ("CPU architecture: 5TE\n", (None, None, None)),
        ("CPU part : 0xd0c\nCPU implementer : many\nCPU part : 0xd0c\n", (None, None, None)),
        ("CPU implementer : 0x41\nCPU part : -1\nisa : z80\n", (None, "Arm", None)),
        ("", (None, None, None)),
    ],
)
def test_cpuinfo_tells_name_vendor_and_architecture(
    tmp_path: Path, cpuinfo: str, expected: tuple[str | None, str | None, str | None]
) -> None:
    found = model(tmp_path, cpuinfo)

    assert (found.name, found.vendor, found.architecture) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/proc/sys/kernel/arch", "ppc64le\n", "ppc64le"),
        ("/proc/sys/kernel/osrelease", "5.14.0-570.el9.ppc64le\n", "ppc64le"),
        ("/proc/sys/kernel/osrelease", "6.1.0-18-powerpc64le\n", "ppc64le"),
        ("/proc/sys/kernel/osrelease", "6.17.0-1014-nvidia\n", None),
        ("/proc/version", "Linux version 4.14.0-49.el7a.ppc64le (mockbuild@x) (gcc)\n", "ppc64le"),
        ("/sys/devices/system/cpu/modalias", "cpu:type:aarch64:feature:,0000\n", "aarch64"),
        ("/sys/devices/system/cpu/modalias", "cpu:type:x86,ven0000fam0006\n", None),
        ("/proc/hwloc-nofile-info", "OSName: Linux\nArchitecture: ppc64\n", "ppc64"),
    ],
)
def test_the_architecture_is_told_elsewhere_where_cpuinfo_leaves_it_open(
    tmp_path: Path, path: str, text: str, expected: str | None
) -> None:
    assert model(tmp_path, POWER, {path: text}).architecture == expected


def test_the_kernel_knows_better_than_its_processor(tmp_path: Path) -> None:
    assert model(tmp_path, X86, {"/proc/sys/kernel/arch": "i686\n"}).architecture == "i686"


def test_the_release_is_the_one_of_uname(tmp_path: Path) -> None:
    files = {"/proc/sys/kernel/osrelease": "6.8.0-45-generic\n", "/proc/version": "Linux version 5.0 (x)\n"}

    assert read_kernel_release(reader_of(tmp_path, files)) == "6.8.0-45-generic"


@pytest.mark.parametrize("text", ["", "Linux version\n", "FreeBSD 14.0 amd64\n"])
def test_a_version_in_another_form_tells_no_release(tmp_path: Path, text: str) -> None:
    assert read_kernel_release(reader_of(tmp_path, {"/proc/version": text})) is None


def test_designs_without_a_name_are_given_by_number() -> None:
    assert arm_part_name(0x41, 0xFFF) == "Arm part 0xfff"
    assert arm_part_name(0x99, 0x001) == "implementer 0x99 part 0x001"


def test_machine_types_without_a_name_are_given_by_number() -> None:
    assert (s390_machine_name(3931), s390_machine_name(1)) == ("IBM z16", "IBM machine type 1")
