"""The agent's settings: one table, from which flags, environment variables, YAML keys and docs/settings.md all come.

Precedence, highest first: flag, environment (`NUMASCOPE_…`), YAML file (`--config FILE`), default. A key that is not
in the table, a key given twice or a bad value is an error that names the key and where it stood; nothing is guessed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agent.setting_values import (
    KUBELET_PORT,
    parse_absolute_path,
    parse_cpu_list,
    parse_kubelet_address,
    parse_label_prefix,
    parse_namespaces,
    parse_resources,
    some_of,
)
from collectors.errors import NumascopeError

ENVIRONMENT_PREFIX = "NUMASCOPE_"
CONFIG_ENVIRONMENT = "NUMASCOPE_CONFIG"
CONFIG_LIMIT = 64 << 10
"""Bytes of a settings file at most: a longer one is not a settings file."""

DEFAULT_PORT = 9787
"""Not in use by another exporter that is listed with the Prometheus project."""

_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)", re.ASCII)
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NODE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^\[\]:]*)):([0-9]{1,5})", re.ASCII)
_SERVICE_LINK = re.compile(
    r"NUMASCOPE_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)",
    re.ASCII,
)
"""Variables that the kubelet sets in every container for a Service named numascope: not ours, not an error."""


class SettingsError(NumascopeError):
    """A setting that is unknown, given twice or not usable.

    Attributes:
        source: the flag, the variable, or the file (with the line where one is known).
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. `host` is empty for every address of the machine; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host:port`, `[::1]:port` or `:port`."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65_535:
        raise ValueError("expected host:port, such as 127.0.0.1:9787 or [::1]:9787")
    return Address(host=match[1] or match[2] or "", port=int(match[3]))


def parse_duration(text: str) -> float:
    """Seconds from `500ms`, `30s`, `5m` or `1h`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("expected a duration with its unit, such as 30s or 5m")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_node_name(text: str) -> str:
    """A name that Kubernetes accepts for a node (RFC 1123 subdomain)."""
    if not _NODE_NAME.fullmatch(text):
        raise ValueError("expected lower-case letters, digits, '-' and '.', at most 253 of them")
    return text


def parse_text(text: str) -> str:
    """Any text but none."""
    if not text:
        raise ValueError("expected a text")
    return text


def bounded(parse: Callable[[str], float], *, least: float, most: float) -> Callable[[str], float]:
    """The same parser, with values outside the bounds refused."""

    def parse_bounded(text: str) -> float:
        value = parse(text)
        if not least <= value <= most:
            raise ValueError(f"expected {format_duration(least)} to {format_duration(most)}")
        return value

    return parse_bounded


def one_of(*words: str) -> Callable[[str], str]:
    """A parser for one of these words."""

    def parse_word(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected {' or '.join(words)}")
        return text

    return parse_word


def format_duration(seconds: float) -> str:
    """The shortest form that parse_duration reads back."""
    for unit in ("h", "m", "s"):
        if seconds >= _DURATION_UNITS[unit] and seconds % _DURATION_UNITS[unit] == 0:
            return f"{seconds / _DURATION_UNITS[unit]:g}{unit}"
    return f"{round(seconds * 1000)}ms"


def default_node_name(environ: Mapping[str, str] | None = None) -> str:
    """`NODE_NAME`, which manifests set from the pod's own spec, else the host's name in lower case."""
    environ = os.environ if environ is None else environ
    return environ.get("NODE_NAME") or os.uname().nodename.lower()


def default_kubelet_address(environ: Mapping[str, str]) -> str | None:
    """`NODE_IP` or `HOST_IP`, which manifests set from the pod's status.hostIP."""
    return environ.get("NODE_IP") or environ.get("HOST_IP") or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the table says of one setting."""

    parse: Callable[[str], Any]
    help: str
    metavar: str
    why: str
    """Why the default is what it is"""
    shown_default: str


def _setting(
    default: Any,
    parse: Callable[[str], Any],
    *,
    help: str,
    metavar: str,
    why: str,
    shown_default: str | None = None,
) -> Any:
    row = Row(parse=parse, help=help, metavar=metavar, why=why, shown_default=shown_default or str(default))
    if callable(default):
        return field(default_factory=default, metadata={"row": row})
    return field(default=default, metadata={"row": row})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the agent, parsed and within its bounds. The table is this class."""

    listen: Address = _setting(  # noqa: RUF009 - it makes a field
        Address("127.0.0.1", DEFAULT_PORT),
        parse_address,
        metavar="HOST:PORT",
        help="where to serve; [::1]:9787 for IPv6, :9787 for every address, port 0 for any free port",
        why="this machine only: what is served has no password",
    )
    api_access: str = _setting(
        "loopback",
        one_of("loopback", "anyone"),
        metavar="loopback|anyone",
        help="who may read more than /metrics, /healthz and /readyz: this machine alone (in a pod: that pod), or "
        "whoever reaches the address",
        why="the rest tells which pod holds what, and what was refused",
    )
    host: str | None = _setting(
        None,
        parse_text,
        metavar="DIR|ARCHIVE",
        help="a captured machine to serve instead of this one",
        why="this machine",
        shown_default="this machine",
    )
    sys_root: str | None = _setting(
        None,
        parse_text,
        metavar="DIR",
        help="the directory below which this machine's /sys is mounted: /host for /host/sys",
        why="a container's own /sys shows neither the host's cgroups nor its network devices; manifests set it",
        shown_default="/",
    )
    survey_period: float = _setting(
        60.0,
        bounded(parse_duration, least=1.0, most=86_400.0),
        metavar="DURATION",
        help="how often to read the machine again when no kernel event asks for it",
        why="hardware changes are rare, and kernel events tell most of them; memory that is free moves all the time",
        shown_default="60s",
    )
    survey_deadline: float = _setting(
        20.0,
        bounded(parse_duration, least=0.1, most=3_600.0),
        metavar="DURATION",
        help="how long one reading of the machine may take until it counts as stuck",
        why="fifty times what the largest machine takes; a driver that hangs is said so within a period",
        shown_default="20s",
    )
    node_name: str = _setting(
        default_node_name,
        parse_node_name,
        metavar="NAME",
        help="the name of the node in what is published",
        why="what the kubelet registers where nobody overrides it",
        shown_default="$NODE_NAME, else the host's name in lower case",
    )
    hotplug: str = _setting(
        "on",
        one_of("on", "off"),
        metavar="on|off",
        help="whether kernel events (udev) wake a reading; off leaves the timer alone",
        why="a change is seen at once; where events cannot be had, the agent says so and the timer stays",
    )
    kubelet_root: str = _setting(
        "/var/lib/kubelet",
        parse_absolute_path,
        metavar="DIR",
        help="the kubelet's directory (its --root-dir): pod-resources/kubelet.sock and, from Kubernetes 1.37, pods-api/pods-api.sock below it are asked; its state files are read where they are mounted",
        why="where kubelets live that were told nothing else",
    )
    kubelet_address: str | None = _setting(
        None,
        parse_kubelet_address,
        metavar="HOST[:PORT]",
        help=f"where the kubelet of this node serves its configuration (/configz); the port is {KUBELET_PORT} by default",
        why="where a kubelet listens that was told nothing else; without an address it is not asked",
        shown_default="$NODE_IP, else $HOST_IP",
    )
    kubelet_ca: str | None = _setting(
        None,
        parse_text,
        metavar="FILE",
        help="the authority (PEM) that signed the kubelet's serving certificate",
        why="it signs kubelets' certificates where serverTLSBootstrap is on; a certificate that does not verify gets no token",
        shown_default="the cluster's authority",
    )
    kubelet_config: str | None = _setting(
        None,
        parse_text,
        metavar="FILE",
        help="the kubelet's configuration file, read where /configz does not answer us",
        why="it has to be mounted first",
        shown_default="none",
    )
    kubelet_config_dir: str | None = _setting(
        None,
        parse_text,
        metavar="DIR",
        help="the kubelet's drop-in directory (its --config-dir), laid over kubelet_config",
        why="kubelets have none unless they are told",
        shown_default="none",
    )
    topology_manager_policy: str | None = _setting(
        None,
        one_of("none", "best-effort", "restricted", "single-numa-node"),
        metavar="POLICY",
        help="the kubelet's topology manager policy, where nothing else tells it",
        why="the last resort: what the kubelet says itself always wins",
        shown_default="unknown",
    )
    topology_manager_scope: str | None = _setting(
        None,
        one_of("container", "pod"),
        metavar="container|pod",
        help="the kubelet's topology manager scope, where nothing else tells it",
        why="as above",
        shown_default="unknown",
    )
    cpu_manager_policy: str | None = _setting(
        None,
        one_of("none", "static"),
        metavar="none|static",
        help="the kubelet's CPU manager policy, where nothing else tells it",
        why="as above",
        shown_default="unknown",
    )
    memory_manager_policy: str | None = _setting(
        None,
        one_of("None", "Static"),
        metavar="None|Static",
        help="the kubelet's memory manager policy, where nothing else tells it",
        why="as above",
        shown_default="unknown",
    )
    reserved_cpus: str | None = _setting(
        None,
        parse_cpu_list,
        metavar="CPUS",
        help="the CPUs that the kubelet keeps from pods (its reservedSystemCPUs), where nothing else tells them",
        why="as above",
        shown_default="unknown",
    )
    cgroup_root: str | None = _setting(
        None,
        parse_absolute_path,
        metavar="DIR",
        help="where the host's cgroup file systems are mounted, in which the containers' CPUs and pages are looked up",
        why="in a pod our own /sys/fs/cgroup shows our own container alone, so manifests mount the host's /sys at /host/sys",
        shown_default="/host/sys/fs/cgroup where that is, else /sys/fs/cgroup",
    )
    kubeconfig: str | None = _setting(
        None,
        parse_text,
        metavar="FILE",
        help="how to reach the API server from outside a pod (needs the package `kubernetes`)",
        why="in a pod its service account is used",
        shown_default="none",
    )
    publish: tuple[str, ...] = _setting(
        ("nrt",),
        some_of("nrt", "numatopology"),
        metavar="NAMES|off",
        help="what is kept at the API server, with commas between: nrt (NodeResourceTopology), numatopology (Volcano's); or off",
        why="what the scheduler reads; without a cluster nothing is published anyway",
        shown_default="nrt",
    )
    labels: str = _setting(
        "off",
        one_of("apply", "nfd-file", "off"),
        metavar="apply|nfd-file|off",
        help="how the node gets labels: applied to it (needs the right to patch nodes), by a feature file of node-feature-discovery, or not at all",
        why="no right is asked for that not everybody needs",
    )
    on_conflict: str = _setting(
        "yield",
        one_of("yield", "force"),
        metavar="yield|force",
        help="what happens where another manager goes on to set the fields that we publish: they are left to it, or taken back for ever",
        why="two that both insist would write without end",
    )
    write_spread: float = _setting(
        0.0,
        bounded(parse_duration, least=0.0, most=600.0),
        metavar="DURATION",
        help="over how long a fleet that starts at once spreads its first writes and its reconnects",
        why="a small cluster need not wait; 25s for 5,000 nodes",
        shown_default="0s",
    )
    fingerprint: str = _setting(
        "all",
        one_of("all", "with-exclusive-resources", "off"),
        metavar="all|with-exclusive-resources|off",
        help="which pods the fingerprint in the NodeResourceTopology is made of",
        why="every scheduler that checks fingerprints knows it",
    )
    exclude_resources: tuple[str, ...] = _setting(
        (),
        parse_resources,
        metavar="NAMES",
        help="resources that are not published, with commas between",
        why="everything that can be given from a NUMA node matters to somebody",
        shown_default="none",
    )
    exclude_namespaces: tuple[str, ...] = _setting(
        (),
        parse_namespaces,
        metavar="NAMES",
        help="namespaces whose pods count as if they held nothing, with commas between",
        why="what is held is not free, whoever holds it",
        shown_default="none",
    )
    explain_events: str = _setting(
        "off",
        one_of("on", "off"),
        metavar="on|off",
        help="whether a refused pod gets an Event that says why (needs the right to create events, deploy/components/explain-events): one for a workload, and few in all",
        why="no right is asked for that not everybody needs; /api/v1/refusals and the log say the same",
    )
    label_prefix: str = _setting(
        "numascope.dev/",
        parse_label_prefix,
        metavar="PREFIX",
        help="what the keys of node labels begin with",
        why="a domain of our own, so that nobody else's labels are touched",
    )
    log_format: str = _setting(
        "text",
        one_of("text", "json"),
        metavar="text|json",
        help="the form of the lines on standard error",
        why="a person starts it first",
    )
    log_level: str = _setting(
        "info",
        one_of("debug", "info", "warning", "error"),
        metavar="LEVEL",
        help="the least important lines to write: debug, info, warning or error",
        why="info says only what changes: start, stop, trouble and its end",
    )


def rows() -> Iterator[tuple[str, Row]]:
    """The table: every setting's key and what is said of it, in order."""
    for item in dataclasses.fields(Settings):
        yield item.name, item.metadata["row"]


def flag_of(key: str) -> str:
    """`survey_period` → `--survey-period`."""
    return f"--{key.replace('_', '-')}"


def variable_of(key: str) -> str:
    """`survey_period` → `NUMASCOPE_SURVEY_PERIOD`."""
    return f"{ENVIRONMENT_PREFIX}{key.upper()}"


def add_arguments(parser: argparse.ArgumentParser, *, besides: frozenset[str] = frozenset({"host"})) -> None:
    """Adds a flag for every setting, but for those `besides` that every command has anyway."""
    group = parser.add_argument_group(
        "settings", "each also as a variable (NUMASCOPE_LISTEN) and a key of the file (listen); a flag wins"
    )
    group.add_argument("--config", metavar="FILE", help="a YAML file with settings ($NUMASCOPE_CONFIG)")
    for key, row in rows():
        if key not in besides:
            text = f"{row.help} (default: {row.shown_default})"
            group.add_argument(flag_of(key), metavar=row.metavar, help=text.replace("%", "%%"))


def load(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """The settings from parsed flags (None: not given), environment, the file that either names, and defaults.

    Raises SettingsError for the first thing that is wrong. An empty variable counts as not set.
    """
    texts: dict[str, tuple[str, str]] = {}
    config = cast(str | None, flags.get("config")) or environ.get(CONFIG_ENVIRONMENT) or None
    if config is not None:
        texts.update(_from_file(config))
    texts.update(_from_environment(environ))
    for key, _ in rows():
        if (given := flags.get(key)) is not None:
            texts[key] = (flag_of(key), str(given))
    values: dict[str, Any] = {}
    for key, row in rows():
        if key in texts:
            values[key] = _parsed(row, *texts[key])
    defaults = {
        "node_name": default_node_name(environ),
        "kubelet_address": default_kubelet_address(environ),
    }
    table = dict(rows())
    for key, text in defaults.items():
        if key not in values and text is not None:
            values[key] = _parsed(table[key], f"{key} by default", text)
    return Settings(**values)


def _parsed(row: Row, source: str, text: str) -> object:
    try:
        return row.parse(text)
    except ValueError as error:
        raise SettingsError(source, f"{error}, found {text[:60]!r}") from None


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    known = {variable_of(key): key for key, _ in rows()}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_ENVIRONMENT:
            continue
        if variable in known:
            if environ[variable]:
                yield known[variable], (f"${variable}", environ[variable])
        elif not _SERVICE_LINK.fullmatch(variable):
            raise SettingsError(
                f"${variable}",
                f"there is no such setting{_did_you_mean(variable, [*known, CONFIG_ENVIRONMENT])}",
            )


def _from_file(path: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Keys of the YAML file, with its name and line. Every value is taken as text, so that `on` stays `on`."""
    import yaml  # noqa: PLC0415 - half a megabyte that only who has a settings file pays for

    try:
        root = yaml.compose(_file_text(path), Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise SettingsError(f"{path}{line}", f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise SettingsError(path, f"not YAML: {' '.join(str(error).split())}") from None
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise SettingsError(path, "expected lines of `key: value`")
    keys = [key for key, _ in rows()]
    seen: set[str] = set()
    for key_node, value_node in root.value:
        source = f"{path}:{key_node.start_mark.line + 1}"
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key not in keys:
            name = key if isinstance(key, str) else "that is not a word"
            raise SettingsError(source, f"unknown key {name!r}{_did_you_mean(str(key), keys)}")
        if key in seen:
            raise SettingsError(source, f"key {key!r} is given twice")
        if not isinstance(value_node, yaml.ScalarNode):
            raise SettingsError(source, f"key {key!r}: expected one value, not a list or a map")
        seen.add(key)
        yield key, (f"{source}: key {key!r}", value_node.value)


def _file_text(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is the person's own words, kept for the message
            data = file.read(CONFIG_LIMIT + 1)
    except OSError as error:
        raise SettingsError(path, f"cannot read the settings: {error.strerror}") from error
    if len(data) > CONFIG_LIMIT:
        raise SettingsError(path, f"longer than {CONFIG_LIMIT} bytes; not a settings file")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SettingsError(path, "not UTF-8 text") from None


def _did_you_mean(word: str, words: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only who mistypes pays for it

    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(words)}"
