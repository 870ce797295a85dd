"""Builds the oracle for one minor version of Kubernetes, once; it is kept outside the tree, by version and source."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.golang import (
    GoUnavailableError,
    cache_folder,
    digest_of,
    go_build,
    locked,
    module_folder,
    module_versions,
)

SOURCES = Path(__file__).with_name("program")
PRESENT = (1, 37)
"""The version that program/go.mod names"""
OLDER = {
    (1, 31): "v1.31.14",
    (1, 32): "v1.32.13",
    (1, 33): "v1.33.13",
    (1, 34): "v1.34.12",
    (1, 35): "v1.35.4",
    (1, 36): "v1.36.5",
}
STAGED = re.compile(r"^\s*(k8s\.io/[a-z0-9-]+) => \./staging/", re.MULTILINE)
"""How Kubernetes' own go.mod names the modules that it is released with, under the same number with 0 for 1"""

MISSING = re.compile(r"(?P<module>k8s\.io/[a-z0-9-]+)@v0\.\d+\.\d+: ")
"""How Go names one of them that it cannot get under that number"""

KEPT_SECONDS = 3 * 24 * 3600
"""How long what was built from other sources stays at the least: another run may be using it"""


def provide_oracle(version: tuple[int, int] = PRESENT) -> Path:
    """The oracle of a version. Raises GoUnavailableError where it cannot be built: older ones need the Go module proxy."""
    name = f"{version[0]}.{version[1]}"
    cache = cache_folder() / "oracle"
    folder = cache / f"{name}-{digest_of(SOURCES)}"
    program = folder / "oracle"
    with locked(cache / f"{name}.lock"):
        if not program.exists():
            _drop_outdated(cache.glob(f"{name}-*"))
            if version == PRESENT:
                go_build(".", program, sources=SOURCES)
            else:
                _build_older(version, folder / "sources", program)
    return program


def _drop_outdated(folders: Iterable[Path]) -> None:
    """Of other sources, once nobody can be using them any more."""
    for folder in folders:
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder)


def _build_older(version: tuple[int, int], sources: Path, program: Path) -> None:
    """From a copy of the sources with a go.mod that is made anew; Go completes it while it builds."""
    shutil.rmtree(sources, ignore_errors=True)
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("go.mod", "go.sum"))
    tag = "kubernetes_1_36" if version >= (1, 35) else "kubernetes_1_34"
    instead: dict[str, str] = {}
    while True:
        (sources / "go.mod").write_text(_go_mod(OLDER[version], instead))
        try:
            go_build(".", program, "-tags", tag, sources=sources, mod="mod")
            break
        except GoUnavailableError as error:
            missing = MISSING.search(str(error))
            if missing is None or missing["module"] in instead:
                raise
            instead[missing["module"]] = _nearest(missing["module"], version)
    shutil.rmtree(sources)


def _nearest(module: str, version: tuple[int, int]) -> str:
    """The last release of the module in the same minor version: not each has one for every patch."""
    beginning = f"v0.{version[1]}."
    found = [each for each in module_versions(module) if re.fullmatch(re.escape(beginning) + r"\d+", each)]
    if not found:
        raise GoUnavailableError(f"{module} has no {beginning}x")
    return found[-1]


def _go_mod(release: str, instead: Mapping[str, str]) -> str:
    theirs = (module_folder("k8s.io/kubernetes", release) / "go.mod").read_text()
    go = re.search(r"^go (\S+)$", theirs, re.MULTILINE)
    staged = release.replace("v1.", "v0.", 1)
    replaced = "".join(
        f"replace {name} => {name} {instead.get(name, staged)}\n" for name in STAGED.findall(theirs)
    )
    return (
        f"module numascope/tests/oracle/program\n\ngo {go[1] if go else '1.22'}\n\n"
        f"require k8s.io/kubernetes {release}\n\n{replaced}"
    )
