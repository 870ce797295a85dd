"""`numascope kubelet-config` and `numascope preflight` at the command line: files, exit status, forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.__main__ import main
from tests.hosts.machine import write_machine
from tests.hosts.spec import GIB, MIB, CpuSpec, HugePages, MachineSpec, MemorySpec

SERVER = MachineSpec(
    name="two sockets",
    cpus=CpuSpec(packages=2, cores=4, smt=2),
    memory=MemorySpec(bytes_per_node=64 * GIB, hugepages=(HugePages(size_bytes=2 * MIB, totals=(512,)),)),
)
BASE = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "kubeReserved": {"memory": "1Gi", "cpu": "1"},
    "cpuManagerPolicyOptions": {"distribute-cpus-across-numa": "true"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A captured machine."""
    folder = tmp_path_factory.mktemp("server")
    write_machine(SERVER, folder)
    return str(folder)


@pytest.fixture
def base(tmp_path: Path) -> str:
    return written(tmp_path / "config.yaml", BASE)


def written(path: Path, document: object) -> str:
    path.write_text(yaml.safe_dump(document))
    return str(path)


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What is printed, as values."""
    assert main(["kubelet-config", *arguments]) == 0
    document: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return document


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    return line


# kubelet-config


def test_yaml_and_json_say_the_same(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--policy", "restricted", "--host", server)
    assert made(capsys, *arguments) == made(capsys, *arguments, "-o", "json")


def test_what_is_asked_for_is_in_it(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = made(
        capsys,
        *("--policy", "restricted", "--scope", "pod", "--reserve-cpus", "4", "--reserve-memory", "3Gi"),
        *("--options", "align-by-socket=true,strict-cpu-reservation", "--host", server),
    )
    assert document["topologyManagerScope"] == "pod"
    assert document["reservedSystemCPUs"] == "0,4,8,12"
    assert document["cpuManagerPolicyOptions"] == {
        "align-by-socket": "true",
        "strict-cpu-reservation": "true",
    }
    assert document["featureGates"] == {"CPUManagerPolicyAlphaOptions": True}
    assert [entry["limits"]["memory"] for entry in document["reservedMemory"]] == ["1586Mi", "1586Mi"]


def test_no_options_are_none(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = made(capsys, "--policy", "restricted", "--options", "none", "--host", server)
    assert "cpuManagerPolicyOptions" not in document


def test_it_is_made_for_the_configuration_that_it_is_laid_over(
    server: str, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = made(capsys, "--policy", "single-numa-node", "--config", base, "--host", server)
    assert (document["systemReserved"], document["kubeReserved"]) == ({"memory": "0"}, {"memory": "1Gi"})
    assert document["cpuManagerPolicyOptions"]["distribute-cpus-across-numa"] is None


def test_what_does_not_go_with_the_file_below_is_named(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = written(tmp_path / "config.yaml", {**BASE, "kubeReservedCgroup": "/kube"})
    line = refused(capsys, "kubelet-config", "--policy", "none", "--config", base, "--host", server)
    assert "reservedSystemCPUs cannot stand beside kubeReservedCgroup; take kubeReservedCgroup out" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--reserve-memory", "much"), "--reserve-memory: 'much' is no amount; such as 4Gi or 2048Mi"),
        (("--reserve-memory", "-1Gi"), "--reserve-memory: -1Gi is less than nothing"),
        (("--reserve-memory", "1Ti"), "reserve less (--reserve-memory)"),
        (("--reserve-cpus", "17"), "--reserve-cpus 17: there are 16 CPUs; name fewer"),
        (("--options", "prefer-align-cpus-by-uncorecache"), "each NUMA node has one L3 cache"),
        (("--config-dir", "/etc"), "--config-dir: it is laid over a file; name that with --config too"),
        (("--config", "/nonexistent"), "/nonexistent: No such file or directory"),
        (("--kubernetes-version", "2.0"), "--kubernetes-version 2.0: expected 1.31 to 1.37"),
        (("--kubernetes-version", "1.38"), "for a newer one take 1.37"),
    ],
)
def test_what_cannot_be_is_one_line_with_the_way_out(
    server: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    fixed = ("kubelet-config", "--policy", "restricted", "--host", server)
    assert words in refused(capsys, *fixed, *(f"{arguments[0]}={arguments[1]}",))


# preflight


def preflight(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and the answer for programs."""
    status = main(["preflight", *arguments, "-o", "json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, answer


@pytest.mark.parametrize("policy", ["none", "best-effort", "restricted", "single-numa-node"])
def test_a_kubelet_starts_with_what_is_made(
    server: str, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    arguments = ("--policy", policy, "--config", base, "--host", server)
    drop_in = written(tmp_path / "90-numa.conf", made(capsys, *arguments))
    status, answer = preflight(capsys, "--config", base, "--config", drop_in, "--host", server)
    assert (status, answer["starts"], answer["objections"], answer["cautions"]) == (0, True, [], [])


def test_a_directory_of_drop_ins_is_laid_over_the_file(
    server: str, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "conf.d"
    directory.mkdir()
    written(directory / "10.conf", {**BASE, "cpuManagerPolicy": "dynamic"})
    status, answer = preflight(capsys, "--config", base, "--config-dir", str(directory), "--host", server)
    assert (status, [each["check"] for each in answer["objections"]]) == (1, ["policy-unknown"])
    assert answer["stands_on"][0] == f"Kubernetes 1.37 with {base}, then {directory}"


@pytest.fixture
def with_state(server: str) -> Path:
    """Where a state file of the captured machine lies."""
    folder = Path(server) / "var/lib/kubelet"
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    return folder


def test_a_state_file_of_another_policy_gives_status_1_and_names_who_loses_what(
    server: str, base: str, with_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"policyName": "static", "defaultCpuSet": "0-2,4-15", "entries": {"uid": {"app": "3"}}}
    (with_state / "cpu_manager_state").write_text(json.dumps(state))
    without = written(Path(base), {key: value for key, value in BASE.items() if "Options" not in key})
    assert main(["preflight", "--config", without, "--host", server]) == 1
    out = capsys.readouterr().out
    assert out.startswith("the kubelet does not start\n")
    assert "what 1 pod would lose\nuid\n`-- CPUs 3 (container app)\n" in out


def test_a_state_file_that_is_none_gives_status_1(
    server: str, base: str, with_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (with_state / "cpu_manager_state").write_text("{")
    without = written(Path(base), {key: value for key, value in BASE.items() if "Options" not in key})
    status, answer = preflight(capsys, "--config", without, "--host", server)
    assert (status, answer["objections"][0]["check"]) == (1, "state-malformed")


def test_a_file_that_cannot_be_read_gives_status_2(
    server: str, base: str, with_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (with_state / "memory_manager_state").mkdir()
    try:
        line = refused(capsys, "preflight", "--config", base, "--host", server)
    finally:
        (with_state / "memory_manager_state").rmdir()
    assert "memory_manager_state" in line


def test_a_file_that_is_no_configuration_gives_status_2(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = written(tmp_path / "pod.yaml", {"apiVersion": "v1", "kind": "Pod"})
    assert "expected KubeletConfiguration" in refused(capsys, "preflight", "--config", pod, "--host", server)


def test_a_page_for_people_has_the_way_out_and_what_the_log_will_say(
    server: str, base: str, with_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = written(Path(base), {**BASE, "cpuManagerPolicy": "static", "memoryManagerPolicy": "Static"})
    assert main(["preflight", "--config", wrong, "--host", server]) == 1
    out = capsys.readouterr().out
    assert "error: reservedMemory comes to 0, and must come to 1124Mi [reserved-memory]" in out
    assert '|-- its log says: ... of type "memory" is not equal to the value ...' in out.replace("+--", "|--")
    assert "way out: reservedMemory: [{numaNode: 0, limits: {memory: 562Mi}}" in out


def test_this_machine_is_held_against_a_configuration_too(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = written(Path(base), {key: value for key, value in BASE.items() if "Options" not in key})
    status, answer = preflight(capsys, "--config", without, "--kubelet-root", str(tmp_path))
    assert (status, answer["stands_on"][1]) == (0, f"without state files: there are none in {tmp_path}")
