"""A machine with its kubelet, looked at once: this one, or a captured one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.clock import SystemClock
from agent.kubelet.cgroups import read_cgroups
from agent.kubelet.config_reader import ConfigReader, config_sources
from agent.settings import Settings
from agent.views.doctor_model import Examined
from collectors.container_cgroups import CGROUP_ROOT
from collectors.hostfs import DirectoryFS, HostFS
from collectors.hosts import open_host
from collectors.kubelet.captured import ANSWERS_FILE, CAPTURED_ROOT
from collectors.kubelet.checkpoints import read_checkpoints
from collectors.kubelet.errors import KubeletError, KubeletSocketMissingError
from collectors.kubelet.plain import parse_answers
from collectors.kubelet.podresources import fetch_podresources
from collectors.kubelet.pods_api import PodsApiClient
from collectors.kubelet.state_sums import note_wrong_sums
from collectors.model import Observed, Problem, Snapshot
from collectors.model.kubelet import Allocatable, KubeletAnswers, KubeletCheckpoints, PodAllocation
from collectors.model.kubelet_picture import KubeletPicture
from collectors.model.pod import Pod
from collectors.reader import FactReader
from collectors.strictjson import MAX_BYTES

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials

PODRESOURCES_SOCKET = "pod-resources/kubelet.sock"
PODS_API_SOCKET = "pods-api/pods-api.sock"
"""Below the kubelet's root"""

DEADLINE_SECONDS = 5.0
NO_ANSWERS = "its answers are not in this capture"
NO_POOL = "the kubelet does not tell what it can give"
CAPTURED = "not asked: this is a captured machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The kubelet, or why there is none."""

    picture: KubeletPicture | None = None
    problems: tuple[Problem, ...] = ()
    missing: str | None = None


def examine(
    machine: Snapshot, *, host: str | None, settings: Settings, credentials: Credentials | None
) -> Examined:
    """Adds the kubelet to a machine that has been surveyed.

    Args:
        machine: the survey.
        host: None for this machine, else the capture that it was made of; its kubelet is in it or nowhere.
        settings: where this machine's kubelet lives, and where its configuration is.
        credentials: with which the kubelet is asked for its configuration; None where there are none.

    A kubelet that is not there or does not answer is what is found, and no error.
    """
    fs = open_host(host, sys_root=settings.sys_root)()
    if host is None:
        seen = asyncio.run(_kubelet_here(settings, credentials))
    else:
        seen = asyncio.run(_kubelet_of_capture(fs, settings))
    snapshot = replace(machine, kubelet=seen.picture)
    root = settings.cgroup_root if host is None else CGROUP_ROOT
    return Examined(
        snapshot=snapshot,
        state_problems=seen.problems,
        no_kubelet=seen.missing,
        cgroups=read_cgroups(fs, snapshot, root=root, now=time.time(), here=host is None),
    )


async def list_pods_of_kubelet(settings: Settings) -> tuple[Pod, ...]:
    """The pods as the kubelet's own Pods API tells them. Raises KubeletError."""
    path = f"{settings.kubelet_root}/{PODS_API_SOCKET}"
    async with PodsApiClient(path, deadline_seconds=DEADLINE_SECONDS) as client:
        return await client.list()


async def _kubelet_here(settings: Settings, credentials: Credentials | None) -> _Seen:
    pods = await _pods_here(settings)
    answers: KubeletAnswers | None = None
    failure: KubeletError | None = None
    try:
        answers = await fetch_podresources(
            f"{settings.kubelet_root}/{PODRESOURCES_SOCKET}", deadline_seconds=DEADLINE_SECONDS
        )
    except KubeletError as error:
        failure = error
    reader = FactReader(DirectoryFS())
    checkpoints = _checkpoints(reader, settings.kubelet_root)
    if isinstance(failure, KubeletSocketMissingError) and checkpoints is None and not reader.problems:
        return _Seen(missing=str(failure))
    config = ConfigReader(config_sources(settings, credentials), clock=SystemClock())
    return _Seen(
        picture=KubeletPicture(
            allocations=_allocations(answers, str(failure)),
            allocatable=_allocatable(answers, str(failure)),
            pods=pods,
            config=await config.read(checkpoints),
            checkpoints=checkpoints,
        ),
        problems=reader.problems,
    )


async def _pods_here(settings: Settings) -> Observed[tuple[Pod, ...]]:
    try:
        return Observed(facts=await list_pods_of_kubelet(settings), read_at=time.time())
    except KubeletError as error:
        return Observed(error=str(error))


async def _kubelet_of_capture(fs: HostFS, settings: Settings) -> _Seen:
    """What the capture has of its kubelet or, if it is a host's whole root, the state files that lie there."""
    reader = FactReader(fs)
    path = f"{CAPTURED_ROOT}/{ANSWERS_FILE}"
    text = reader.text(path, limit=MAX_BYTES)
    answers = None if text is None else reader.parsed(path, text, parse_answers)
    checkpoints = _checkpoints(reader, CAPTURED_ROOT)
    if answers is None and checkpoints is None and not reader.problems:
        checkpoints = _checkpoints(reader, settings.kubelet_root)
        if checkpoints is None and not reader.problems:
            return _Seen(missing="there is nothing of one in this capture")
    config = ConfigReader(replace(config_sources(settings, None), no_configz=CAPTURED), clock=SystemClock())
    return _Seen(
        picture=KubeletPicture(
            allocations=_allocations(answers, NO_ANSWERS),
            allocatable=_allocatable(answers, NO_ANSWERS),
            config=await config.read(checkpoints),
            checkpoints=checkpoints,
        ),
        problems=reader.problems,
    )


def _checkpoints(reader: FactReader, root: str) -> KubeletCheckpoints | None:
    found = read_checkpoints(reader, root=root)
    note_wrong_sums(reader, found, root=root)
    return None if found == KubeletCheckpoints() else found


def _allocations(answers: KubeletAnswers | None, reason: str) -> Observed[tuple[PodAllocation, ...]]:
    return (
        Observed(error=reason) if answers is None else Observed(facts=answers.pods, read_at=answers.read_at)
    )


def _allocatable(answers: KubeletAnswers | None, reason: str) -> Observed[Allocatable]:
    if answers is None or answers.allocatable is None:
        return Observed(error=reason if answers is None else NO_POOL)
    return Observed(facts=answers.allocatable, read_at=answers.read_at)
