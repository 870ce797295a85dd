"""Everything that a verdict on the kubelet's next start stands on: the machine, its state files, who its pods are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.admission.settings import settings_of
from agent.admission.versions import Version
from agent.checkup.configuration import Configuration
from agent.checkup.machine import examine
from agent.kubelet_config.drop_in import DropIn
from agent.kubelet_config.hardware import hardware_of
from agent.kubelet_config.model import CPU_STATE, MEMORY_STATE, Hardware, Start, UnfitError
from agent.kubelet_config.preflight import Verdict, judge
from agent.kubelet_config.restart import refused_at_restart
from agent.settings import Settings
from agent.sources.kubelet_config_file import config_of_document
from collectors.errors import NumascopeError
from collectors.kubelet.configuration import merge_drop_in, with_default_eviction
from collectors.kubelet.state_sums import WRONG_SUM
from collectors.model import Problem, Snapshot
from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_picture import KubeletPicture

_NO_STATE = ("expected ", "the file is empty", WRONG_SUM)
"""How the reason begins where a file was read and is not what it ought to be"""


class StateFileError(NumascopeError):
    """A state file of the kubelet that is there and cannot be read, so that nothing can be said of the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A verdict, and what it stands on."""

    verdict: Verdict
    about: tuple[str, ...]


def look(
    machine: Snapshot, configuration: Configuration, *, host: str | None, root: str, version: Version
) -> Answer:
    """Whether a kubelet starts with a configuration.

    Args:
        machine: on which.
        configuration: what it is to be started with.
        host: None for this machine, else a capture; the state files are then its own.
        root: the kubelet's directory.
        version: of Kubernetes.

    Raises StateFileError where a state file cannot be read.
    """
    examined = examine(machine, host=host, settings=Settings(kubelet_root=root), credentials=None)
    malformed = tuple(_malformed(examined.state_problems))
    picture = examined.snapshot.kubelet or KubeletPicture()
    checkpoints = picture.checkpoints or KubeletCheckpoints()
    start = Start(
        document=configuration.document,
        config=configuration.config,
        settings=settings_of(configuration.config, version=version),
        hardware=hardware_of(machine),
        checkpoints=checkpoints,
        malformed=malformed,
        version=version,
        root=root,
    )
    verdict = judge(start, names=_names(picture, checkpoints))
    if verdict.starts:
        verdict = replace(verdict, losses=tuple(refused_at_restart(start, examined.snapshot)))
    return Answer(verdict=verdict, about=_about(configuration, checkpoints, root, version))


def _names(picture: KubeletPicture, checkpoints: KubeletCheckpoints) -> dict[str, str]:
    """`namespace/name` of pods by uid: by their specs, else by the CPUs that they are listed with and nobody else has."""
    if picture.pods.facts is not None:
        return {pod.uid: f"{pod.namespace}/{pod.name}" for pod in picture.pods.facts}
    holders = {
        (container.name, container.cpus): f"{pod.namespace}/{pod.name}"
        for pod in picture.allocations.facts or ()
        for container in pod.containers
        if container.cpus
    }
    states = () if checkpoints.cpu is None else checkpoints.cpu.containers
    return {
        each.pod_uid: holders[each.container or "", each.cpus]
        for each in states
        if (each.container or "", each.cpus) in holders
    }


def hold_against_rules(
    drop_in: DropIn, hardware: Hardware, *, version: Version, present: Configuration | None
) -> None:
    """Raises UnfitError where a kubelet would not start with a configuration that was made here: what it is laid over
    has something that does not go with it. State files are not looked at."""
    base = with_default_eviction({}) if present is None else present.document
    document = merge_drop_in(base, drop_in.document)
    config = config_of_document(document, where="the two together")
    start = Start(
        document=document,
        config=config,
        settings=settings_of(config, version=version),
        hardware=hardware,
        version=version,
    )
    for found in judge(start).objections:
        raise UnfitError(f"{found.what}; {found.way_out}")


def _malformed(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) of state files; other files of the kubelet keep none from starting."""
    for problem in problems:
        name = problem.path.rpartition("/")[2]
        if name not in (CPU_STATE, MEMORY_STATE):
            continue
        if not problem.reason.startswith(_NO_STATE):
            raise StateFileError(f"{problem.path}: {problem.reason}")
        yield name, problem.reason


def _about(
    configuration: Configuration, checkpoints: KubeletCheckpoints, root: str, version: Version
) -> tuple[str, ...]:
    found = [
        f"{root}/{name} (policy {state.policy})"
        for name, state in ((CPU_STATE, checkpoints.cpu), (MEMORY_STATE, checkpoints.memory))
        if state is not None
    ]
    return (
        f"Kubernetes {'.'.join(map(str, version))} with {', then '.join(configuration.files)}",
        f"over {' and '.join(found)}" if found else f"without state files: there are none in {root}",
    )
