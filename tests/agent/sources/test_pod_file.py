"""A Pod from a file, as kubectl writes it."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.pod_file import MAX_BYTES, PodFileError, read_pod_file

BODY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "ml", "uid": "1"},
    "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": 2, "memory": "1Gi"}}}]},
    "status": {"phase": "Failed", "startTime": "2026-01-31T09:00:00Z"},
}


@pytest.mark.parametrize("text", [json.dumps(BODY), yaml.safe_dump(BODY)])
def test_yaml_and_json_say_the_same(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pod"
    file.write_text(text.replace("'2026-01-31T09:00:00Z'", "2026-01-31T09:00:00Z"))
    pod = read_pod_file(str(file))
    assert (pod.namespace, pod.name, pod.phase, pod.started_at) == ("ml", "web", "Failed", 1769850000.0)
    assert pod.containers[0].requests == (("cpu", 2000), ("memory", 1 << 30))


def test_a_minus_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(BODY).encode())))
    assert read_pod_file("-").name == "web"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "neither YAML nor JSON"),
        ("\udcff", "neither YAML nor JSON"),
        ("", "expected one object of kind Pod, found none"),
        ("kind: Deployment", "found Deployment"),
        ("kind: Pod\nmetadata: {}", "expected an object at a pod.spec"),
        (" " * (MAX_BYTES + 1), "no Pod is"),
    ],
)
def test_what_is_no_pod_is_said_with_the_file(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "pod"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(PodFileError, match=words) as caught:
        read_pod_file(str(file))
    assert str(file) in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(PodFileError, match="No such file"):
        read_pod_file(str(tmp_path / "none"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pod_or_none(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with pytest.raises(PodFileError):
            read_pod_file(file.name)
