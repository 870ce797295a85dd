"""A bed that stays up between commands: `up` leaves a process behind that keeps it, `down` ends that process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tests.e2e.bed.bed import API_PORT, KUBELET_PORT, NODE_NAME, Bed, start_bed
from tests.e2e.bed.machines import MACHINES, make_machine
from tests.e2e.bed.manifests import CRDS, apply_manifests
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import wait_until
from tests.e2e.bed.programs import provide_programs
from tests.golang import cache_folder

START_SECONDS = 1800.0
"""Kubernetes may have to be built first."""


def state_folder() -> Path:
    """Where the state of the bed that stays up lies."""
    folder = cache_folder() / "bed"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def up(arguments: Sequence[str]) -> dict[str, str]:
    """Starts a bed and leaves it running; returns where its parts are. One that is up already stays as it is."""
    if (state := _state()) is not None:
        return state
    log = state_folder() / "up.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.bed", "keep", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_until(
        lambda: _state() is not None or keeper.poll() is not None, what="the bed", seconds=START_SECONDS
    )
    if (state := _state()) is None:
        raise SystemExit(f"the bed did not start:\n{log.read_text()[-2000:]}")
    return state


def down() -> bool:
    """Ends the bed that is up; False where none is."""
    state = _state()
    if state is None:
        return False
    os.kill(int(state["keeper"]), signal.SIGTERM)
    wait_until(lambda: _state() is None, what="the bed to end", seconds=60)
    return True


def keep(machine: str, options: KubeletOptions) -> None:
    """Keeps a bed until SIGTERM or SIGINT. Its state file is there as long as it is up."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    state = state_folder() / "up.json"
    with (state_folder() / "up.lock").open("w") as lock:
        # Whoever asks whether a bed is up holds the lock for a moment.
        wait_until(lambda: _locked(lock), what="the bed that is up to end", seconds=5)
        with tempfile.TemporaryDirectory(prefix="nsmachine-") as folder:
            made = make_machine(MACHINES[machine], Path(folder))
            with start_bed(provide_programs(), made, options) as bed:
                apply_manifests(bed.api, CRDS)
                unfinished = state.with_suffix(".unfinished")
                unfinished.write_text(json.dumps({"keeper": str(os.getpid()), **places(bed)}))
                unfinished.rename(state)
                over.wait()
            state.unlink()


def places(bed: Bed) -> dict[str, str]:
    """Where the parts of a bed are, for people and their tools."""
    return {
        "node": NODE_NAME,
        "kubeconfig": str(bed.credentials.kubeconfig),
        "API server": f"https://{bed.address}:{API_PORT}",
        "kubelet": f"https://{bed.address}:{KUBELET_PORT}",
        "podresources": str(bed.podresources_socket),
        "state files": str(bed.kubelet_root),
        "logs": str(bed.folder),
        "a shell in it": f"nsenter --mount --target {bed.program('kubelet').pid}",
    }


def _state() -> dict[str, str] | None:
    """What stands in the state file; None where nobody keeps a bed: a keeper that was killed leaves the file alone."""
    with (state_folder() / "up.lock").open("a") as lock:
        if _locked(lock):
            return None
    try:
        state: dict[str, str] = json.loads((state_folder() / "up.json").read_text())
    except FileNotFoundError:
        return None
    return state


def _locked(lock: TextIO) -> bool:
    """Takes the lock; False where somebody else has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
