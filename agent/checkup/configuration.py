"""A kubelet's configuration as somebody names it at the command line: a file, drop-ins, a version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.admission.versions import NEWEST, OLDEST, Version
from agent.sources.kubelet_config_file import config_of_document, read_config_document
from collectors.errors import NumascopeError
from collectors.model.kubelet_config import KubeletConfig

_VERSION = re.compile(r"v?1\.([0-9]{1,3})(?:\.[0-9]+.*)?", re.ASCII)


class VersionError(NumascopeError):
    """A version of Kubernetes that is none, or whose rules are not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the files say."""

    files: tuple[str, ...]
    """In the order in which they are laid over each other, a directory among them"""
    document: Mapping[str, Any]
    """All of them merged, as values of JSON"""
    config: KubeletConfig
    """The facts in it"""


def read_configuration(files: Sequence[str], drop_in_directory: str | None) -> Configuration:
    """The first file, the *.conf of the directory, then the other files. Raises ConfigFileError."""
    first, *others = files
    document = read_config_document(first, drop_in_directory=drop_in_directory, drop_ins=others)
    directory = () if drop_in_directory is None else (drop_in_directory,)
    named = (first, *directory, *others)
    return Configuration(
        files=named, document=document, config=config_of_document(document, where=" + ".join(named))
    )


def parse_version(text: str) -> Version:
    """`1.37`, `v1.37.2`. Raises VersionError."""
    match = _VERSION.fullmatch(text)
    version = None if match is None else (1, int(match[1]))
    if version is None or not OLDEST <= version <= NEWEST:
        oldest, newest = (".".join(map(str, each)) for each in (OLDEST, NEWEST))
        raise VersionError(
            f"--kubernetes-version {text}: expected {oldest} to {newest}; for a newer one take {newest}"
        )
    return version
