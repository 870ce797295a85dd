"""Named machines are what their names say."""

from __future__ import annotations

import pytest

from tests.hosts import shapes
from tests.hosts.cpu import online_cpus
from tests.hosts.memory import list_nodes
from tests.hosts.pci import list_functions
from tests.hosts.spec import MachineSpec
from tests.hosts.text import id_list, id_mask


@pytest.mark.parametrize(
    ("spec", "nodes", "cpus", "functions"),
    [
        (shapes.HUGE, 64, 1024, 200),
        (shapes.DUAL_SERVER, 2, 128, 60),
        (shapes.sized(cpus=128, nodes=16, functions=400), 16, 128, 400),
        (shapes.GB200, 34, 144, 8),
        (shapes.GPU_MEMORY_SPARSE, 34, 128, 64),
    ],
)
def test_machines_have_the_size_that_is_measured(
    spec: MachineSpec, nodes: int, cpus: int, functions: int
) -> None:
    assert (len(list_nodes(spec)), len(online_cpus(spec.cpus)), len(list_functions(spec))) == (
        nodes,
        cpus,
        functions,
    )


def test_an_hgx_server_has_eight_gpus_two_behind_each_of_four_switches() -> None:
    functions = list_functions(shapes.HGX)
    gpus = [function for function in functions if function.spec.gpu]
    switches = [gpu.path[:3] for gpu in gpus]

    assert len(gpus) == 8
    assert len(set(switches)) == 4
    assert sum(function.physical_function is not None for function in functions) == 128


def test_no_two_functions_have_the_same_address() -> None:
    for spec in shapes.SHAPES:
        addresses = [function.address for function in list_functions(spec)]
        assert len(set(addresses)) == len(addresses), spec.name


def test_sets_are_written_as_the_kernel_writes_them() -> None:
    assert id_list({0, 1, 2, 3, 8, 10, 11}) == "0-3,8,10-11"
    assert id_list(()) == ""
    assert id_mask({0, 1, 2, 3, 33}, 40) == "02,0000000f"
    assert id_mask((), 72) == "00,00000000,00000000"
