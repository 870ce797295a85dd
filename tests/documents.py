"""Documents that are written from the tables in the code. `make golden` writes them, tests compare them."""

from __future__ import annotations

from collections.abc import Iterable

from agent.settings import flag_of, rows, variable_of
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


def _table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    rules = ["---"] * len(header)
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in (header, rules, *lines)
    )
