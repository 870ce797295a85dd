"""Manifests from files and standard input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from agent.workloads.documents import MAX_BYTES
from agent.workloads.errors import ManifestError
from agent.workloads.read import read_manifest

POD = json.dumps({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}})


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "pod.json").write_text(POD)
    assert read_manifest(str(tmp_path / "pod.json")).workloads[0].name == "web"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POD.encode())))
    assert read_manifest("-", replicas=2).workloads[0].replicas == 2


def test_what_is_wrong_with_standard_input_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"kind: X")))
    with pytest.raises(ManifestError, match="standard input: nothing in it makes pods"):
        read_manifest("-")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no.yaml: No such file"):
        read_manifest(str(tmp_path / "no.yaml"))


@pytest.mark.parametrize(
    ("data", "words"), [(b"a\xff", "not UTF-8 at byte 1"), (b"#" * (MAX_BYTES + 1), "more than 2 MiB")]
)
def test_what_is_no_text_or_too_much_of_it_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "pod.yaml"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match=f"pod.yaml: {words}"):
        read_manifest(str(path))
