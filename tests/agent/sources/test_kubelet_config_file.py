"""The kubelet's configuration file and its drop-in directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sources.kubelet_config_file import ConfigFileError, read_config_file
from collectors.model.kubelet_config import KubeletConfig

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kubelet.conf.d").mkdir()
    write(tmp_path / "config.yaml", "cpuManagerPolicy: static\nsystemReserved: {cpu: 500m, memory: 1Gi}\n")
    return tmp_path


def write(path: Path, text: str, *, head: str = HEAD) -> None:
    path.write_text(head + text)


def read(folder: Path) -> KubeletConfig:
    return read_config_file(str(folder / "config.yaml"), drop_in_directory=str(folder / "kubelet.conf.d"))


def test_a_file_alone_is_the_configuration(folder: Path) -> None:
    config = read_config_file(str(folder / "config.yaml"))
    assert (config.cpu_manager_policy, config.topology_manager_policy) == ("static", "none")
    assert config.system_reserved == (("cpu", 500), ("memory", 1 << 30))


def test_a_file_may_be_json(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        '{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",'
        ' "topologyManagerScope": "pod", "featureGates": {"A": true}}'
    )
    config = read(folder)
    assert (config.topology_manager_scope, config.feature_gates) == ("pod", (("A", True),))


def test_drop_ins_are_laid_over_the_file_in_the_order_of_their_names(folder: Path) -> None:
    drop_ins = folder / "kubelet.conf.d"
    write(drop_ins / "20-b.conf", "topologyManagerPolicy: restricted\nsystemReserved: {cpu: '2'}\n")
    write(drop_ins / "10-a.conf", "topologyManagerPolicy: best-effort\ntopologyManagerScope: pod\n")
    write(drop_ins / "30-c.conf", "cpuManagerPolicy: null\n")
    config = read(folder)
    assert (config.topology_manager_policy, config.topology_manager_scope) == ("restricted", "pod")
    assert config.system_reserved == (("cpu", 2000), ("memory", 1 << 30))
    assert (config.cpu_manager_policy, config.defaulted) == (
        "none",
        ("cpuManagerPolicy", "memoryManagerPolicy"),
    )


def test_only_names_that_end_in_conf_count_in_directories_below_too(folder: Path) -> None:
    drop_ins = folder / "kubelet.conf.d"
    (drop_ins / "15-below").mkdir()
    write(drop_ins / "10-a.conf", "topologyManagerPolicy: best-effort\n")
    write(drop_ins / "15-below" / "00.conf", "topologyManagerPolicy: restricted\n")
    (drop_ins / "20-c.yaml").write_text("not for the kubelet")
    (drop_ins / "90-link.yaml").symlink_to(folder)
    assert read(folder).topology_manager_policy == "restricted"


def test_links_to_files_are_read_as_mounted_config_maps_have_them(folder: Path) -> None:
    write(folder / "elsewhere", "topologyManagerPolicy: restricted\n")
    (folder / "kubelet.conf.d" / "10-a.conf").symlink_to(folder / "elsewhere")
    assert read(folder).topology_manager_policy == "restricted"


def test_aliases_are_followed_and_words_of_other_kinds_stay_what_they_are(folder: Path) -> None:
    text = "systemReserved: &r {cpu: 1, memory: 0x10}\nkubeReserved: *r\nstarted: 2026-01-02\nx: 1.5\ny: ~\n"
    write(folder / "config.yaml", text)
    config = read(folder)
    assert config.kube_reserved == config.system_reserved == (("cpu", 1000), ("memory", 16))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no map"),
        ("- a\n", "found no map"),
        ("a: b: c\n", "config.yaml:1: not YAML"),
        ("a: \x01\n", "not YAML"),
        ("kind: Pod\n", "KubeletConfiguration at .*config.yaml.kind"),
        (HEAD + "kind: KubeletConfiguration\n", "each once"),
        (HEAD + "a: &a {b: 1}\nc: {<<: *a}\n", "without YAML's merge key"),
        (HEAD + "? [a]\n: b\n", "keys that are words"),
        (HEAD + "cpuManagerPolicy: on\n", "a string at .*cpuManagerPolicy"),
        (HEAD + "a: !!int x\n", "a value of kind int"),
        (HEAD + "a: &a [*a]\n", "a kubelet's size"),
        (HEAD + "a: " + "[" * 3000, "not YAML"),
        (HEAD + "#" * (1 << 20), "longer than 1048576 bytes"),
    ],
)
def test_what_no_kubelet_would_start_with_is_named(folder: Path, text: str, message: str) -> None:
    write(folder / "config.yaml", text, head="")
    with pytest.raises(ConfigFileError, match=message):
        read(folder)


def test_values_that_aliases_multiply_are_bounded(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    write(folder / "config.yaml", "\n".join(lines))
    with pytest.raises(ConfigFileError, match="a kubelet's size"):
        read(folder)


def test_what_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"absent.yaml: No such file or directory"):
        read_config_file(str(folder / "absent.yaml"))
    with pytest.raises(ConfigFileError, match=r"absent.d: No such file or directory"):
        read_config_file(str(folder / "config.yaml"), drop_in_directory=str(folder / "absent.d"))
    (folder / "config.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigFileError, match="not UTF-8"):
        read(folder)


def test_a_drop_in_that_is_none_is_named_as_the_kubelet_would_not_start(folder: Path) -> None:
    write(folder / "kubelet.conf.d" / "10-a.conf", "topologyManagerPolicy: none\n", head="")
    with pytest.raises(ConfigFileError, match=r"10-a.conf: expected KubeletConfiguration"):
        read(folder)


def test_a_directory_that_holds_something_else_is_not_walked_through(folder: Path) -> None:
    for number in range(501):
        (folder / "kubelet.conf.d" / f"{number}.txt").touch()
    with pytest.raises(ConfigFileError, match="more than 500 entries"):
        read(folder)
