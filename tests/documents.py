"""Documents that are written from the tables in the code. `make golden` writes them, tests compare them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.settings import flag_of, rows, variable_of
from agent.views.labels import LABELS, PREFIX
from agent.views.metrics.table import TABLE

_SETTINGS = """\
# Settings of the agent

`make golden` writes this page from the table in `agent/settings.py`.

A setting comes from the first of these that has it:

1. its flag, `--listen`;
2. its environment variable, `NUMASCOPE_LISTEN` (an empty one counts as not set);
3. its key in the YAML file that `--config FILE` or `NUMASCOPE_CONFIG` names, `listen`;
4. its default.

The file is a map of keys to single values, every value as it would stand in a flag:

```yaml
listen: 127.0.0.1:9787
survey_period: 5m
log_format: json
```

A key or variable that is not in this table, a key that is given twice, a value that is not usable and a file that
cannot be read end the agent at once with exit status 2 and one line that names the flag, the variable, or the file, line
and key. Variables that the kubelet sets for a Service named `numascope` (`NUMASCOPE_SERVICE_HOST`, `NUMASCOPE_PORT`, …) are
passed over.

Durations have a unit: `500ms`, `30s`, `5m`, `1h`.

"""

_METRICS = """\
# Metrics

`make golden` writes this page from the table in `agent/views/metrics/table.py`. Names and labels are public: renaming
one is a breaking change.

An unknown value is no sample, never 0. Samples are made from the last survey at each scrape: what is gone leaves nothing
behind. A metric that would have more than 4,096 samples is left out as a whole, and
`numascope_metric_samples_left_out` says so.

"""


_API = """\
# HTTP API

`make golden` writes the tables of fields from the facts model in `collectors/model`. What is described here is public.

The agent serves on one address (`--listen`, 127.0.0.1:9787 by default), without a password and without TLS. On
an address that others reach, only `/metrics`, `/healthz` and `/readyz` are for them; the rest tells which pod holds what,
and is answered over loopback alone (403 otherwise), unless `--api-access anyone` says so. In a cluster `kubectl
port-forward` and `kubectl exec` come over loopback, and ask for the rights to do so. It takes GET and HEAD, and no bodies.

| path | what it serves |
| --- | --- |
| `/` | the list of endpoints, as text or as a page |
| `/metrics` | metrics ([metrics.md](metrics.md)): Prometheus' text format, or OpenMetrics for `Accept: application/openmetrics-text` |
| `/api/v1/snapshot` | the machine as JSON, as below |
| `/api/v1/nrt` | the NodeResourceTopology as it is published, or would be: JSON, or YAML for `Accept: application/yaml` or `?format=yaml` |
| `/api/v1/alignment` | what each pod holds, on which NUMA nodes, and what its cgroups leave to it, as JSON; 503 on a machine without a kubelet |
| `/api/v1/headroom` | the largest pods that still fit, on the node and on each NUMA node, and what is stranded, as JSON; 503 on a machine without a kubelet, and while the kubelet's settings are not known |
| `/api/v1/refusals` | pods that the kubelet refused, and why, as JSON; of one pod for `?namespace=NS&pod=NAME`; 503 on a machine without a kubelet |
| `/healthz` | `ok`, or 503 and why the agent should be restarted: its survey loop has not shown itself for a period and a deadline |
| `/readyz` | `ok`, or 503 and why what is served may be wrong: no complete survey yet, one that is stuck, or the last is two periods old; in a cluster also while what is at the API server is not known to be what it should be |

Before the first survey has ended, and while the facts that an answer needs are unknown, `/api/v1/*` answer 503. Errors
are JSON, `{"error": "..."}`; 404 lists the endpoints. Large answers are compressed for `Accept-Encoding: gzip`.
`/api/v1/snapshot` carries an `ETag`, which changes with each survey and with the kubelet; with `If-None-Match` it answers 304.

A connection is closed after 75 s without a request, a client that does not take its answer after 10 s; there are 64
connections at most, and 8 KiB of request line and of each header.

## `/api/v1/nrt`

One zone `node-<id>` of type `Node` for each NUMA node with an id below 64 that holds CPUs, memory, hugepages or devices. In
a cluster it is the very object that is published, its owner included; [nrt.md](nrt.md) says what is in it. Without a
kubelet nothing is reserved or allocated as far as is known: capacity, allocatable and available are the same, and the
attribute `numascope.dev/source` is `machine`. `memory` is what hugepages leave. The memory of GPUs and other accelerators
is not in it: their driver hands it out.

## `/api/v1/snapshot`

- What is unknown is null, never 0 and never left out.
- Sets of CPUs and of NUMA nodes are the kernel's list strings: `"0-3,8"`, `""` for none.
- Numbers are in the unit that the field's name ends with; times are RFC 3339 in UTC.
- Ids of PCI vendors, devices and classes are hexadecimal strings.
- `kubelet` is null on a machine alone. Of pods only what is below is ever kept: no environment, no volume, no annotation but the two that are named there.
- New fields may come at any time; `api_version` rises when one changes its meaning or goes. `kind` is `Snapshot`.

"""

_ALIGNMENT = """\
## `/api/v1/alignment`

`kind` is `Alignment`. The rules of `/api/v1/snapshot` hold. The containers' cgroups are read when somebody asks, at most
once a second; [alignment.md](alignment.md) says what follows from what. Fields are of `Alignment`, and of what is in it:

"""

_HEADROOM = """\
## `/api/v1/headroom`

`kind` is `Headroom`. Worked out when somebody asks, once for each snapshot. Amounts are in CPUs, bytes and devices.
[predict.md](predict.md) says how it is found.

| field | form | what it is |
| --- | --- | --- |
| `source` | string | Where the node was looked at |
| `kubernetes_version` | string | Whose rules count |
| `topology_manager_policy`, `topology_manager_scope`, `cpu_manager_policy`, `memory_manager_policy` | string | Under which settings |
| `options` | list of string | Of the CPU and the topology manager, those that are on |
| `what_if` | list of string | Settings that are not the node's own; none here |
| `assumed` | list of string | What stands in for settings that nobody tells |
| `inferred` | list of string | What was concluded about who holds what, without the kubelet's state files |
| `unknown` | list of string | What is not known, and may make a figure wrong |
| `largest` | list of `kind`, `pod`, `beyond` | The largest Guaranteed pod of each kind that the kubelet would admit: `cpu`, `cpu+memory` in proportion, `memory`, `hugepages-*`, a device's resource, `cpu with RESOURCE`; `pod` is what it asks for, amount by resource, or null where not even the smallest fits; `beyond` the reason with which the next size is refused |
| `numa_nodes` | list of `id`, `free`, `largest`, `stranded` | `free` is amount by resource; `largest` as above, of pods that lie on this NUMA node alone; `stranded` a list of `resource`, `amount` and `lack`: what of `free` cannot be had here in one pod, for lack of `cpu`, `whole cores`, `memory`, `group` (the node gives memory only together with others), `node` (other pods have asked for so much of the whole node) or `unknown` |
| `fragmentation` | by resource: `free`, `largest`, `in_one_piece` | What is free, the most of it that one pod can have from one NUMA node, and the second by the first (null where nothing is free) |

"""

_REFUSALS = """\
## `/api/v1/refusals`

`kind` is `Refusals`. The rules of `/api/v1/snapshot` hold; sets of NUMA nodes are lists of numbers here.

| field | form | what it is |
| --- | --- | --- |
| `pod` | PodAskedFor | Only where one pod was asked for |
| `counts` | RefusalCounts | As in the snapshot's `kubelet` |
| `stories` | list of Story | One for each workload, the last refusal first; of one pod: the story that it is in, or none |
| `forgotten` | number | Stories that made room for newer ones |

PodAskedFor has `namespace` and `name` as asked, `found` (whether the agent knows such a pod now), `refused`, `phase`,
`reason` and `message` (null where it does not). Its story may be known though the pod is gone. A pod that was refused
is explained within a second or two; until then `explanation` is null. [refusals.md](refusals.md) explains the words.

"""

_REFUSALS_MODEL = Path(__file__).resolve().parents[1] / "agent" / "refusals" / "model.py"
_CAUSES = _REFUSALS_MODEL.with_name("classify.py")
_ALIGNMENT_MODEL = Path(__file__).resolve().parents[1] / "agent" / "alignment" / "model.py"
_MODEL = Path(__file__).resolve().parents[1] / "collectors" / "model"
_MODEL_FILES = (
    "snapshot",
    "cpu",
    "memory",
    "pci",
    "devices",
    "kubelet_picture",
    "kubelet",
    "pod",
    "kubelet_config",
    "refusals",
)
_NOT_SERVED = (
    "KubeletAnswers",
    "PagesByNode",
    "HugePagesByNode",
    "ContainerCgroup",
    "ContainerCgroups",
    "Verdict",
)
_HEXADECIMAL = ("class_code", "vendor_id", "device_id", "subsystem_vendor_id", "subsystem_device_id")
_WORDS = {
    "IdSet": "list string",
    "int": "number",
    "float": "number",
    "str": "string",
    "bool": "true or false",
    "T_co": "the facts of the subject",
}
_NAMED = {
    "Amounts": "amount by resource",
    "tuple[tuple[str, str], ...]": "text by name",
    "tuple[tuple[str, bool], ...]": "true or false by name",
    "tuple[tuple[int, tuple[tuple[str, int], ...]], ...]": "amount by resource, by NUMA node id",
    "frozenset[str]": "list of string",
    "tuple[tuple[int, ...], ...]": "list of lists of number",
}
_TIMES = ("taken_at", "read_at", "started_at", "at", "first_at", "last_at")


def api_document() -> str:
    """docs/api.md"""
    machine = _sections(_MODEL / f"{name}.py" for name in _MODEL_FILES)
    alignment = _sections((_ALIGNMENT_MODEL, _MODEL / "cgroup.py"))
    refusals = _sections((_REFUSALS_MODEL, _CAUSES))
    return f"{_API}{machine}{_ALIGNMENT}{alignment}{_HEADROOM}{_REFUSALS}{refusals}".rstrip("\n") + "\n"


def _sections(paths: Iterable[Path]) -> str:
    return "".join(
        _class_section(kind)
        for path in paths
        for kind in ast.parse(path.read_text()).body
        if isinstance(kind, ast.ClassDef) and kind.name not in _NOT_SERVED
    )


def _class_section(kind: ast.ClassDef) -> str:
    said = _one_line(ast.get_docstring(kind) or "")
    if any(isinstance(base, ast.Attribute) and base.attr == "Enum" for base in kind.bases):
        values = ", ".join(
            f"`{item.value.value!s}`"
            for item in kind.body
            if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
        )
        return f"### {kind.name}\n\n{said} One of {values}.\n\n"
    return f"### {kind.name}\n\n{said}\n\n{_table(('field', 'form', 'what it is'), _fields(kind))}\n"


def _fields(kind: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for item, after in zip(kind.body, [*kind.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            said = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                said = _one_line(str(after.value.value))
            name = item.target.id
            yield f"`{name}`", _form(name, ast.unparse(item.annotation)), said


def _plain_form(name: str, annotation: str) -> str | None:
    """The form of a field that is written in a way of its own."""
    if name in _TIMES:
        return "time"
    if name in _HEXADECIMAL and annotation == "int":
        return "hexadecimal string"
    return "number by NUMA node id" if name == "distances" else _NAMED.get(annotation)


def _form(name: str, annotation: str) -> str:
    """The JSON form of a field in words."""
    inner = annotation.removesuffix(" | None")
    unknown = " or null" if inner != annotation else ""
    plain = _plain_form(name, inner)
    if plain is not None:
        return f"{plain}{unknown}"
    listed = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", inner)
    observed = re.fullmatch(r"Observed\[(?:tuple\[(\w+), \.\.\.\]|(\w+))\]", inner)
    if listed:
        return f"list of {_WORDS.get(listed[1], listed[1])}{unknown}"
    if observed:
        return f"Observed with {f'a list of {observed[1]}' if observed[1] else observed[2]}{unknown}"
    return f"{_WORDS.get(inner, inner)}{unknown}"


def _one_line(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))


_LABELS = """\
# Node labels

`make golden` writes this page from the table in `agent/views/labels.py`. Keys are public: renaming one is a breaking
change.

Labels carry slow facts only, never what is free. `--label-prefix` sets what every key begins with; here it is the
default.

A label that has nothing to say any more is taken away only when its fact is known to be gone: the hugepages were given
back, the GPU was pulled. What could not be read keeps the label that it has. `numascope cleanup` takes all of them away.

NVLink has no label yet. Where the kubelet's configuration is unknown its labels are left alone; docs/nrt.md says where
it is read.

"""


def settings_document() -> str:
    """docs/settings.md"""
    return _SETTINGS + _table(
        ("key", "flag", "variable", "what it is", "default", "why this default"),
        (
            (
                f"`{key}`",
                f"`{flag_of(key)} {row.metavar}`",
                f"`{variable_of(key)}`",
                row.help,
                row.shown_default,
                row.why,
            )
            for key, row in rows()
        ),
    )


def metrics_document() -> str:
    """docs/metrics.md"""
    return _METRICS + _table(
        ("name", "type", "labels", "what it says"),
        (
            (f"`{row.name}`", row.type.value, ", ".join(f"`{label}`" for label in row.labels), row.help)
            for row in TABLE
        ),
    )


def labels_document() -> str:
    """docs/labels.md"""
    return _LABELS + _table(
        ("label", "what it says", "for example"),
        ((f"`{PREFIX}{row.key}`", row.help, f"`{row.example}`") for row in LABELS),
    )


def _table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    rules = ["---"] * len(header)
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in (header, rules, *lines)
    )
