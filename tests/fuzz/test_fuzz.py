"""Some mutated machines with a fresh seed, in every run of the tests; `make fuzz` runs twenty thousand."""

from __future__ import annotations

import secrets
from pathlib import Path
from random import Random

from collectors.errors import UnreadableError
from collectors.hostfs import HostFS
from tests.fuzz.bases import make_base, synthetic_bases
from tests.fuzz.disk import DiskMachine
from tests.fuzz.mutations import ON_DISK, apply_in_memory, draw_mutation
from tests.fuzz.run import Runner, quiet
from tests.fuzz.trial import draw_mutations
from tests.hosts import shapes
from tests.hosts.machine import build_tree

TREES = 400


def test_mutated_machines_are_surveyed_without_failure_or_invention(tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 31)
    with quiet():
        runner = Runner(tuple(synthetic_bases()), seed, tmp_path)
        failures = [failure for number in range(TREES) if (failure := runner.run(number)) is not None]

    assert failures == [], f"again: Runner(tuple(synthetic_bases()), {seed}, tmp_path).run(number)"


def test_a_tree_can_be_run_again_by_its_seed_and_number() -> None:
    base = make_base("desktop", build_tree(shapes.DESKTOP))

    assert draw_mutations(Random("7:12"), base) == draw_mutations(Random("7:12"), base)
    assert draw_mutations(Random("7:12"), base) != draw_mutations(Random("7:13"), base)


def test_a_machine_in_memory_answers_as_the_same_one_on_a_disk(tmp_path: Path) -> None:
    base = make_base("network cards", build_tree(shapes.SMALL_SRIOV))
    disk = DiskMachine(base.tree, tmp_path)
    random = Random(secrets.randbelow(1 << 31))
    for _ in range(30):
        drawn = (draw_mutation(random, base.targets, base.machine) for _ in range(5))
        mutations = tuple(mutation for mutation in drawn if mutation.kind in ON_DISK)
        memory = base.machine.copy()
        for mutation in mutations:
            apply_in_memory(mutation, memory, {})
        with disk.spoilt(mutations):
            for path in (*base.targets.files, *base.targets.directories):
                assert answers(memory, path) == answers(disk.open(), path), (path, mutations)


def answers(machine: HostFS, path: str) -> list[object]:
    """What a machine says of a path, or which error it gives."""
    found: list[object] = []
    for look in (machine.read, machine.entries, machine.real_path):
        try:
            found.append(look(path))
        except UnreadableError as error:
            found.append((error.reason, error.errno))
    return found
