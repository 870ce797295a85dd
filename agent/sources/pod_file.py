"""A Pod as `kubectl get pod NAME -o yaml` (or json) writes it into a file, or on standard input."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from agent.sources.pod_json import pod_from_json
from collectors.errors import NumascopeError
from collectors.model.pod import Pod
from collectors.parse import ParseError

MAX_BYTES = 2 << 20
"""The API server takes no object that is larger"""


class PodFileError(NumascopeError):
    """The file cannot be read, or holds no Pod."""


def read_pod_file(path: str) -> Pod:
    """The Pod in a file; `-` is standard input. Raises PodFileError."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PodFileError(f"{path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise PodFileError(f"{path}: longer than {MAX_BYTES} bytes; no Pod is")
    try:
        found = yaml.load(data, Loader=_Loader)  # noqa: S506 - a safe loader, less its times
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PodFileError(f"{path}: neither YAML nor JSON: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or found.get("kind") != "Pod":
        kind = found.get("kind") if isinstance(found, dict) else None
        raise PodFileError(f"{path}: expected one object of kind Pod, found {kind or 'none'}")
    try:
        return pod_from_json(found)
    except ParseError as error:
        raise PodFileError(f"{path}: {error}") from None


class _Loader(yaml.SafeLoader):
    """Takes times as the text that they are in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
