"""Copies into an empty folder what the agent runs on, and no more: Python, our packages, the libraries that these load.

Runs while the image is built, as root in a Debian with Python. No shell comes along, no package manager, no compiler.
What is left of Debian's list of packages names those whose files were copied, so that scanners see what there is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

OURS = Path("/opt/numascope")
STDLIB = Path(f"/usr/lib/python3.{sys.version_info.minor}")
INTERPRETERS = [Path("/usr/bin/python3"), Path(f"/usr/bin/python3.{sys.version_info.minor}")]
NOT_RUN = {
    "distutils",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "test",
    "tkinter",
    "turtledemo",
    "unittest",
}
"""Parts of the standard library that no program needs that is finished"""
LEXERS = OURS / "lib" / STDLIB.name / "site-packages" / "pygments" / "lexers"
"""Languages that rich could colour; we show none"""
OPENED_BY_NAME = ["libudev.so.1"]
"""Libraries that are looked for while the program runs, so that no file says that it needs them"""
SMALL_FILES = [
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/debian_version",
    "/usr/lib/os-release",
]
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "etc/os-release": "../usr/lib/os-release"}

_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def main(root: Path) -> None:
    """Fills the folder."""
    files = {*INTERPRETERS, *map(Path, SMALL_FILES), *python_files(STDLIB), *python_files(OURS)}
    loaded = {file for file in files if file.is_file() and (file in INTERPRETERS or ".so" in file.suffixes)}
    files |= libraries_of(loaded | {library(name) for name in OPENED_BY_NAME})
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    for file in files:
        copy(file, root)
    for folder in ("proc", "sys", "dev", "tmp", "run", "host"):
        (root / folder).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    paragraphs = packages_of(files)
    keep_licences(paragraphs, root)
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("".join(f"{text}\n\n" for text in paragraphs.values()))
    bill = root / "usr/share/numascope/sbom.cdx.json"
    bill.parent.mkdir(parents=True)
    bill.write_text(json.dumps(bill_of_materials(paragraphs.values()), indent=1) + "\n")
    subprocess.run(["ldconfig", "-r", root], check=True)


def python_files(folder: Path) -> Iterator[Path]:
    """Every file of a library but for what is never run."""
    for place, names, files in os.walk(folder):
        here = Path(place)
        names[:] = [
            name for name in names if not (here == STDLIB and name in NOT_RUN) and here / name != LEXERS
        ]
        names[:] = [name for name in names if not name.startswith("config-3.")]
        yield from (here / name for name in files)
        yield from (here / name for name in names if (here / name).is_symlink())


def library(name: str) -> Path:
    """Where the loader finds a library."""
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return Path(next(line.split(" => ")[1] for line in known.splitlines() if line.strip().startswith(name)))


def libraries_of(loaded: Iterable[Path]) -> set[Path]:
    """The files, and every library that the loader would load for them, under each name that it has on the way."""
    found: set[Path] = set()
    for file in loaded:
        said = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
        found |= {file, *(Path(path) for path in _LIBRARY.findall(said))}
    return {each for file in found for each in (file, Path(os.path.realpath(file)))}


def copy(file: Path, root: Path) -> None:
    """Copies a file or a link to the same path; /lib and /bin are /usr's."""
    place = Path(os.path.realpath(file.parent)) / file.name
    target = root / place.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink() and not target.exists():
        shutil.copy2(file, target, follow_symlinks=False)


def packages_of(files: Iterable[Path]) -> dict[str, str]:
    """What dpkg's list says of each package that has one of these files, by the package's name."""
    wanted = [str(file) for file in files if OURS not in file.parents]
    wanted += [path.removeprefix("/usr") for path in wanted]
    said = subprocess.run(["dpkg", "-S", *wanted], capture_output=True, text=True, check=False).stdout
    owners = {line.split(": ")[0].split(":")[0] for line in said.splitlines()}
    paragraphs = Path("/var/lib/dpkg/status").read_text().strip().split("\n\n")
    named = {re.search(r"^Package: (\S+)", text, re.MULTILINE)[1]: text for text in paragraphs}  # type: ignore[index]
    return {name: text for name, text in sorted(named.items()) if name in owners}


def keep_licences(packages: Iterable[str], root: Path) -> None:
    """Debian's copyright file of each package."""
    for name in packages:
        licence = Path("/usr/share/doc") / name / "copyright"
        if licence.exists():
            target = root / licence.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(licence, target)


def bill_of_materials(paragraphs: Iterable[str]) -> dict[str, object]:
    """What is inside, as CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/)."""
    components = []
    for text in paragraphs:
        fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")
        name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
        components.append(_component(name, version, f"pkg:deb/debian/{name}@{version}?arch={architecture}"))
    for found in distributions(path=[str(LEXERS.parents[1])]):
        name = found.metadata["Name"]
        components.append(_component(name, found.version, f"pkg:pypi/{name.lower()}@{found.version}"))
    components.sort(key=lambda each: each["purl"])
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}


def _component(name: str, version: str, purl: str) -> dict[str, str]:
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
