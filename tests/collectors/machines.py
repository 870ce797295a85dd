"""Files of CPUs for tests: what a kernel shows of a few of them, to be added to and taken from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collectors.model import IdSet

CPUS = "/sys/devices/system/cpu"


def ids(*numbers: int) -> IdSet:
    return frozenset(numbers)


def id_map(cpus: Iterable[int]) -> str:
    """The kernel's map of CPUs below 32."""
    return f"{sum(1 << cpu for cpu in cpus):08x}\n"


def cpu_files(
    cpu: int, *, core: Iterable[int], package: Iterable[int], core_id: int = 0, package_id: int = 0
) -> dict[str, object]:
    """The topology of one CPU as kernels before 5.3 name it, in maps only."""
    folder = f"{CPUS}/cpu{cpu}/topology"
    return {
        f"{folder}/thread_siblings": id_map(core),
        f"{folder}/core_siblings": id_map(package),
        f"{folder}/core_id": f"{core_id}\n",
        f"{folder}/physical_package_id": f"{package_id}\n",
    }


def cache_files(
    cpu: int, index: int, *, level: int, kind: str, shared: Iterable[int], size: str = "32K"
) -> dict[str, object]:
    """One cache of a CPU."""
    folder = f"{CPUS}/cpu{cpu}/cache/index{index}"
    return {
        f"{folder}/level": f"{level}\n",
        f"{folder}/type": f"{kind}\n",
        f"{folder}/size": f"{size}\n",
        f"{folder}/shared_cpu_map": id_map(shared),
    }


def smt_machine() -> dict[str, object]:
    """Two packages of two cores of two threads: 0-3 and 4-7, threads side by side."""
    files: dict[str, object] = {f"{CPUS}/online": "0-7\n"}
    for cpu in range(8):
        core = (cpu // 2 * 2, cpu // 2 * 2 + 1)
        package = range(cpu // 4 * 4, cpu // 4 * 4 + 4)
        files |= cpu_files(cpu, core=core, package=package, core_id=cpu // 2 % 2, package_id=cpu // 4)
    return files


def without(files: Mapping[str, object], *endings: str) -> dict[str, object]:
    """The files whose path ends in none of these."""
    return {path: text for path, text in files.items() if not path.endswith(endings)}
