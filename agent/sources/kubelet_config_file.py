"""The kubelet's configuration file and its drop-in directory (`--config`, `--config-dir`).

What they say is in force after the kubelet's next start, and where it was started with flags besides: flags win over
both, and nobody can read them here. Source:
https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors.errors import NumascopeError
from collectors.kubelet.configuration import (
    check_kind,
    merge_drop_in,
    parse_configuration,
    with_default_eviction,
    without_empty_lists,
)
from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import ParseError
from collectors.strictjson import JsonValue

if TYPE_CHECKING:
    import yaml

FILE_LIMIT = 1 << 20
"""Bytes of one file. A whole configuration with every default spelt out is 6 kB."""

VALUES_LIMIT = 20_000
"""Values of one file, those that an alias repeats counted each time"""

DEPTH_LIMIT = 20
DROP_INS_LIMIT = 500
"""Entries of the drop-in directory that are looked at, at any depth"""

DROP_IN_SUFFIX = ".conf"


class ConfigFileError(NumascopeError):
    """The kubelet's configuration file or a drop-in cannot be read or understood; names the file."""


def read_config_file(path: str, *, drop_in_directory: str | None = None) -> KubeletConfig:
    """The configuration in a file, with every drop-in laid over it in the kubelet's order.

    Raises ConfigFileError where the kubelet would not start with it either. Blocks on the disk: the agent calls it in a
    thread.
    """
    return config_of_document(read_config_document(path, drop_in_directory=drop_in_directory), where=path)


def read_config_document(
    path: str, *, drop_in_directory: str | None = None, drop_ins: Iterable[str] = ()
) -> dict[str, Any]:
    """What stands in the file, as values of JSON, with every drop-in laid over it in the kubelet's order.

    Args:
        path: the configuration file.
        drop_in_directory: whose *.conf are laid over it.
        drop_ins: single files that are laid over all of that, in this order.

    Raises ConfigFileError where a file is none that the kubelet could read.
    """
    document = with_default_eviction(_document(Path(path)))
    laid_over = tuple(drop_ins)
    if drop_in_directory is None and not laid_over:
        return document
    document = without_empty_lists(document)
    directory = () if drop_in_directory is None else _drop_ins(Path(drop_in_directory))
    for each in (*directory, *map(Path, laid_over)):
        document = merge_drop_in(document, _document(each))
    return document


def config_of_document(document: Mapping[str, Any], *, where: str) -> KubeletConfig:
    """The facts in it. Raises ConfigFileError, with the file's name, where a field is not what it ought to be."""
    try:
        return parse_configuration(document, where=where)
    except ParseError as error:
        raise ConfigFileError(f"{where}: {error}") from error


def _drop_ins(directory: Path) -> Iterator[Path]:
    """Files named *.conf, by name; directories in their turn, links to directories not, as Go's WalkDir goes."""
    pending, seen = [directory], 0
    while pending:
        path = pending.pop()
        seen += 1
        if seen > DROP_INS_LIMIT:
            raise ConfigFileError(f"{directory}: more than {DROP_INS_LIMIT} entries; not a drop-in directory")
        try:
            if path == directory or (path.is_dir() and not path.is_symlink()):
                pending += sorted(path.iterdir(), reverse=True)
            elif path.suffix == DROP_IN_SUFFIX:
                yield path
        except OSError as error:
            raise ConfigFileError(f"{path}: {error.strerror}") from error


def _document(path: Path) -> dict[str, Any]:
    """The one map in a YAML (or JSON) file, as values of JSON."""
    import yaml  # noqa: PLC0415 - half a megabyte that only who names such a file pays for

    text = _text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = _Values().plain(root)
        if not isinstance(document, dict):
            raise ConfigFileError(f"{path}: expected a KubeletConfiguration, found no map")
        check_kind(JsonValue(document, str(path)))
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise ConfigFileError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigFileError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except ParseError as error:
        raise ConfigFileError(f"{path}: {error}") from error
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigFileError(f"{path}: {error.strerror}") from error
    if len(data) > FILE_LIMIT:
        raise ConfigFileError(f"{path}: longer than {FILE_LIMIT} bytes; not a kubelet's configuration")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigFileError(f"{path}: not UTF-8 text") from None


class _Values:
    """Turns nodes of YAML into values of JSON; a date stays the text that it is. Bounded, whatever aliases repeat."""

    def __init__(self) -> None:
        self._left = VALUES_LIMIT

    def plain(self, node: yaml.Node | None, depth: int = 0) -> Any:
        import yaml  # noqa: PLC0415 - see above

        self._left -= 1
        if self._left < 0 or depth > DEPTH_LIMIT:
            raise ParseError("", "a configuration of a kubelet's size")
        if isinstance(node, yaml.MappingNode):
            return self._map(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(each, depth + 1) for each in node.value]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _map(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value
            if not isinstance(name, str) or name == "<<" or name in values:
                raise ParseError(str(name), "keys that are words, each once, without YAML's merge key")
            values[name] = self.plain(value, depth + 1)
        return values


def _scalar(node: yaml.ScalarNode) -> Any:
    """What a word of YAML stands for in JSON."""
    import yaml  # noqa: PLC0415 - see above

    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    make = {
        "bool": yaml.SafeLoader.construct_yaml_bool,
        "int": yaml.SafeLoader.construct_yaml_int,
        "float": yaml.SafeLoader.construct_yaml_float,
    }.get(kind)
    try:
        return text if make is None else make(yaml.SafeLoader(""), node)
    except (ValueError, KeyError):  # `!!int x`: a tag that does not fit the word
        raise ParseError(text, f"a value of kind {kind}") from None
