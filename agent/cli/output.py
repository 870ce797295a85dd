"""Answers for programs: JSON and YAML on standard output."""

from __future__ import annotations

import json
import sys
from typing import TextIO


def write_plain(value: object, *, form: str, out: TextIO | None = None) -> None:
    """Writes a JSON-ready value as `json` or `yaml`, ending with a line break."""
    out = sys.stdout if out is None else out
    if form == "yaml":
        import yaml  # noqa: PLC0415 - 15 ms that JSON need not pay

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # C where PyYAML was built with libyaml
        yaml.dump(value, out, Dumper=dumper, sort_keys=False, allow_unicode=False, width=120)
    else:
        json.dump(value, out, indent=2)
        out.write("\n")
