from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from collectors.cpu_kinds import read_cpu_kinds
from collectors.cpu_speed import CpuSpeed
from collectors.model import CpuKind
from tests.collectors.machines import ids
from tests.collectors.trees import reader_of

BIG, LITTLE = 0x410FD851, 0x410FD871


def kinds(
    root: Path, speeds: Mapping[int, CpuSpeed], files: Mapping[str, object] | None = None
) -> tuple[CpuKind, ...]:
    return read_cpu_kinds(reader_of(root, files or {}), speeds, frozenset(range(8)))


def fast(khz: int, **more: int) -> CpuSpeed:
    return CpuSpeed(max_frequency_khz=khz, **more)


def sets(found: tuple[CpuKind, ...]) -> list[list[int]]:
    return [sorted(kind.cpus) for kind in found]


UNITS = {"/sys/devices/cpu_core/cpus": "0-3\n", "/sys/devices/cpu_atom/cpus": "4-7\n"}


def test_a_machine_whose_cpus_are_alike_has_no_kinds(tmp_path: Path) -> None:
    assert kinds(tmp_path, {0: fast(3_000_000), 1: fast(3_000_000)}) == ()


def test_a_machine_of_which_nothing_is_known_has_no_kinds(tmp_path: Path) -> None:
    assert kinds(tmp_path, {}) == ()


def test_x86_counters_name_the_kinds(tmp_path: Path) -> None:
    speeds = {cpu: fast(5_000_000 if cpu < 4 else 3_800_000, capacity=1024) for cpu in range(8)}

    assert kinds(tmp_path, speeds, UNITS) == (
        CpuKind(cpus=ids(0, 1, 2, 3), name="cpu_core", capacity=1024, max_frequency_khz=5_000_000),
        CpuKind(cpus=ids(4, 5, 6, 7), name="cpu_atom", capacity=1024, max_frequency_khz=3_800_000),
    )


def test_x86_counters_are_enough_without_frequencies(tmp_path: Path) -> None:
    assert sets(kinds(tmp_path, {}, UNITS)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_efficiency_cores_of_two_speeds_are_two_kinds(tmp_path: Path) -> None:
    speeds = {cpu: fast(5_000_000 if cpu < 4 else 3_800_000 if cpu < 6 else 2_500_000) for cpu in range(8)}

    assert sets(kinds(tmp_path, speeds, UNITS)) == [[0, 1, 2, 3], [4, 5], [6, 7]]


def test_counters_of_one_sort_tell_nothing_apart(tmp_path: Path) -> None:
    assert kinds(tmp_path, {}, {"/sys/devices/cpu_core/cpus": "0-7\n"}) == ()


def test_arm64_designs_are_named_and_their_revisions_do_not_matter(tmp_path: Path) -> None:
    speeds = {0: CpuSpeed(midr=LITTLE), 1: CpuSpeed(midr=BIG, capacity=997), 2: CpuSpeed(midr=BIG + 1)}

    assert kinds(tmp_path, speeds) == (
        CpuKind(cpus=ids(0), name="Cortex-A725"),
        CpuKind(cpus=ids(1, 2), name="Cortex-X925", capacity=997),
    )


def test_one_design_at_two_capacities_is_two_kinds(tmp_path: Path) -> None:
    speeds = {0: CpuSpeed(midr=BIG, capacity=512), 1: CpuSpeed(midr=BIG, capacity=1024)}

    assert sets(kinds(tmp_path, speeds)) == [[0], [1]]


def test_base_frequencies_tell_kinds_apart(tmp_path: Path) -> None:
    speeds = {
        0: fast(3_000_000, base_frequency_khz=2_500_000),
        1: fast(3_000_000, base_frequency_khz=1_200_000),
    }

    assert [kind.base_frequency_khz for kind in kinds(tmp_path, speeds)] == [2_500_000, 1_200_000]


def test_favoured_cores_some_percent_faster_are_no_kind(tmp_path: Path) -> None:
    assert kinds(tmp_path, {0: fast(5_200_000), 1: fast(5_000_000)}) == ()


def test_maximum_frequencies_far_apart_are_kinds(tmp_path: Path) -> None:
    assert sets(kinds(tmp_path, {0: fast(5_000_000), 1: fast(3_500_000)})) == [[0], [1]]


def test_a_cpu_that_tells_less_than_the_others_is_of_no_kind(tmp_path: Path) -> None:
    speeds = {0: fast(5_000_000), 1: fast(3_000_000), 2: CpuSpeed(base_frequency_khz=1)} | {
        cpu: fast(khz, base_frequency_khz=1) for cpu, khz in ((3, 5_000_000), (4, 3_000_000))
    }

    assert sets(kinds(tmp_path, speeds)) == [[3], [4]]
