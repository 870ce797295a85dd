from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agent.__main__ import main
from tests.hosts import shapes
from tests.hosts.machine import write_machine
from tests.hosts.pci_spec import RootComplex, bridge, nic, nvme
from tests.hosts.spec import CpuSpec

SERVER = replace(
    shapes.ACCELERATORS,
    cpus=CpuSpec(packages=2, cores=2, smt=2, isolated=frozenset({1, 5})),
    pci=(*shapes.ACCELERATORS.pci, RootComplex(bus=0x40, below=(bridge(nic(vfs=2)), bridge(nvme())))),
)


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a synthetic server: two sockets, accelerators, a network card with virtual functions, a disk."""
    folder = tmp_path_factory.mktemp("server")
    write_machine(SERVER, folder)
    return str(folder)


def shown(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_a_captured_machine_is_shown_as_a_tree(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown("show", "--host", captured, capsys=capsys).splitlines()
    assert lines[0] == "Intel(R) Xeon(R) Platinum 8480+, x86_64, Linux 6.8.0-45-generic"
    assert "isolated  CPUs 1,5" in lines
    assert "`-- NUMA node 1: 16 GiB memory, 5.33 GiB free; 2 cores, SMT2, CPUs 2-3,6-7" in lines


def test_the_wide_form_has_a_line_for_each_core(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown("show", "-o", "wide", "--host", captured, capsys=capsys).splitlines()
    assert sum("-- core " in line for line in lines) == 4


def test_in_a_container_the_hosts_sys_is_shown_from_where_it_is_mounted(
    captured: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMASCOPE_SYS_ROOT", captured)
    assert "isolated   CPUs 1,5" in shown("show", capsys=capsys).splitlines()
    monkeypatch.setenv("NUMASCOPE_SYS_ROOT", f"{captured}/nowhere")
    assert main(["show"]) == 2
    assert "nowhere: no such directory" in capsys.readouterr().err


def test_json_and_yaml_hold_the_same_facts(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    as_json = json.loads(shown("show", "-o", "json", "--host", captured, capsys=capsys))
    as_yaml = yaml.safe_load(shown("show", "-o", "yaml", "--host", captured, capsys=capsys))
    for answer in (as_json, as_yaml):
        del answer["taken_at"]
        for subject in ("system", "cpus", "numa", "pci", "devices"):
            del answer[subject]["read_at"]
    assert as_json == as_yaml
    assert as_json["cpus"]["facts"]["isolated"] == "1,5"


def test_topo_shows_what_is_near_to_each_accelerator(
    captured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown("topo", "--host", captured, capsys=capsys).splitlines()
    near = lines[lines.index("ACC0 (accel0), ACC1 (accel1)") + 1]
    assert near == "+-- network: PXB NIC2 (eth0); SYS NIC1 (eth2); ? NIC0 (eth1)"


def test_topo_is_there_for_programs_too(captured: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(shown("topo", "-o", "json", "--all", "--host", captured, capsys=capsys))
    assert answer["affinity"]["ACC0"]["ACC1"] == "PIX"
    assert (
        len([device for device in answer["devices"] if device["sort"] == "network"]) == 5
    )  # two of them virtual


@pytest.mark.parametrize("command", ["show", "topo"])
def test_a_folder_without_a_machine_is_one_clear_error(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sys").mkdir()
    assert main([command, "--host", str(tmp_path)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"numascope: {tmp_path}: no machine can be read there: ")
    assert complaint.count("\n") == 1


def test_memory_nodes_alone_are_a_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = tmp_path / "sys" / "devices" / "system" / "node" / "node0"
    node.mkdir(parents=True)
    (node / "meminfo").write_text("Node 0 MemTotal: 1048576 kB\n")
    assert "NUMA node 0: 1 GiB memory" in shown("show", "--host", str(tmp_path), capsys=capsys)
