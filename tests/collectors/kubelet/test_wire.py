"""What is checked in is what the compiler makes of the .proto files."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc_tools import protoc

WIRE = Path("collectors/kubelet/wire")
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("proto", sorted(path.name for path in (ROOT / WIRE).glob("*.proto")))
def test_compiled_modules_are_up_to_date(tmp_path: Path, proto: str) -> None:
    options = [f"-I{ROOT}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    assert protoc.main(["protoc", *options, str(ROOT / WIRE / proto)]) == 0
    made = sorted((tmp_path / WIRE).iterdir())
    assert [path.suffix for path in made] == [".py", ".pyi"]
    for path in made:
        assert path.read_text() == (ROOT / WIRE / path.name).read_text(), "run `make proto`"
