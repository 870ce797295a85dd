"""Which source the kubelet's configuration is taken from, and what is said of the others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent.kubelet.config_reader import (
    NO_ADDRESS,
    NO_IDENTITY,
    ConfigReader,
    ConfigSources,
    config_sources,
    describe_config,
)
from agent.settings import Settings
from agent.sources.configz import ConfigzCertificateError, ConfigzError, ConfigzUnreachableError
from collectors.model.kubelet import CpuManagerState, KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.snapshot import Observed
from tests.fakes.clock import FakeClock

IN_FORCE = KubeletConfig(source=ConfigSource.CONFIGZ, topology_manager_policy="restricted")
SET = KubeletConfig(
    source=ConfigSource.SETTINGS,
    topology_manager_policy="best-effort",
    topology_manager_scope="pod",
    cpu_manager_policy="none",
    memory_manager_policy="Static",
    reserved_cpus=frozenset({0}),
)
STATE_FILES = KubeletCheckpoints(cpu=CpuManagerState(policy="static", shared_cpus=frozenset()))


UNREACHABLE = ConfigzUnreachableError("GET https://10.0.0.7:10250/configz: refused")
UNVERIFIED = ConfigzCertificateError("GET https://10.0.0.7:10250/configz: does not verify")


class FakeKubelet:
    """A kubelet whose /configz gives what the test last said."""

    def __init__(self, outcome: KubeletConfig | ConfigzError) -> None:
        self.outcome = outcome

    async def read(self) -> KubeletConfig:
        if isinstance(self.outcome, ConfigzError):
            raise self.outcome
        return self.outcome


class NoToken:
    """Credentials that nothing is asked of."""

    server = "https://127.0.0.1:6443"

    def tls(self) -> None:
        return None

    def token(self) -> None:
        return None


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncpuManagerPolicy: static\n"
    )
    return str(path)


def reader(**sources: object) -> ConfigReader:
    return ConfigReader(ConfigSources(**sources), clock=FakeClock(wall=1_700_000_000.0))  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_the_kubelet_itself_is_asked_first(file: str) -> None:
    reading = reader(configz=FakeKubelet(IN_FORCE), file=file, settings=SET)
    assert await reading.read(STATE_FILES) == Observed(facts=IN_FORCE, read_at=1_700_000_000.0)
    assert reading.ask_again is False
    assert describe_config(reading.config) == "the kubelet's configuration is from its own /configz"


@pytest.mark.asyncio
async def test_a_kubelet_that_cannot_be_trusted_leaves_it_to_the_file(file: str) -> None:
    reading = reader(configz=FakeKubelet(UNVERIFIED), file=file)
    config = await reading.read()
    assert config.facts is not None
    assert (config.facts.source, config.facts.cpu_manager_policy) == (ConfigSource.FILE, "static")
    assert [(problem.path, problem.reason) for problem in config.problems] == [("/configz", str(UNVERIFIED))]
    assert (config.error, reading.ask_again) == (None, False)
    assert describe_config(config) == (
        "the kubelet's configuration is from its file, which flags of the kubelet may override, with the documented"
        " default of topologyManagerPolicy, topologyManagerScope, memoryManagerPolicy"
        " (/configz: GET https://10.0.0.7:10250/configz: does not verify)"
    )


@pytest.mark.asyncio
async def test_the_state_files_come_after_the_file_and_settings_fill_them() -> None:
    reading = reader(file="/absent/config.yaml", settings=SET)
    config = await reading.read(STATE_FILES)
    assert config.facts == KubeletConfig(
        source=ConfigSource.CHECKPOINTS,
        topology_manager_policy="best-effort",
        topology_manager_scope="pod",
        cpu_manager_policy="static",
        memory_manager_policy="Static",
        reserved_cpus=frozenset({0}),
    )
    assert [problem.path for problem in config.problems] == ["/configz", "/absent/config.yaml"]


@pytest.mark.asyncio
async def test_settings_are_the_last_resort() -> None:
    config = await reader(settings=SET).read(KubeletCheckpoints())
    assert config.facts == SET
    assert (
        describe_config(config)
        == f"the kubelet's configuration is from our own settings (/configz: {NO_ADDRESS})"
    )


@pytest.mark.asyncio
async def test_without_any_source_the_configuration_is_unknown_and_why() -> None:
    assert describe_config(Observed()) == "the kubelet's configuration is unknown (not read yet)"
    config = await reader().read()
    assert (config.facts, config.read_at) == (None, None)
    assert config.error == f"/configz: {NO_ADDRESS}"
    assert describe_config(config) == f"the kubelet's configuration is unknown (/configz: {NO_ADDRESS})"


@pytest.mark.asyncio
async def test_a_kubelet_that_starts_keeps_what_it_said_before(file: str) -> None:
    kubelet = FakeKubelet(IN_FORCE)
    reading = reader(configz=kubelet, file=file)
    await reading.read()
    kubelet.outcome = UNREACHABLE
    config = await reading.read()
    assert (config.facts, config.read_at) == (IN_FORCE, 1_700_000_000.0)
    assert config.error == f"/configz: {UNREACHABLE}"
    assert reading.ask_again is True
    assert "as it was read before" in describe_config(config)
    kubelet.outcome = UNVERIFIED
    config = await reading.read()
    assert config.facts is not None
    assert (config.facts.source, reading.ask_again) == (ConfigSource.FILE, False)


@pytest.mark.asyncio
async def test_a_kubelet_that_was_never_reached_is_asked_again_while_the_file_serves(file: str) -> None:
    kubelet = FakeKubelet(UNREACHABLE)
    reading = reader(configz=kubelet, file=file)
    config = await reading.read()
    assert config.facts is not None
    assert (config.facts.source, reading.ask_again) == (ConfigSource.FILE, True)
    kubelet.outcome = IN_FORCE
    assert (await reading.read()).facts == IN_FORCE
    assert reading.ask_again is False


@pytest.mark.asyncio
async def test_where_it_comes_from_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kubelet = FakeKubelet(UNVERIFIED)
    reading = reader(configz=kubelet, settings=SET)
    await reading.read()
    await reading.read()
    kubelet.outcome = IN_FORCE
    await reading.read()
    assert [(record.levelname, record.message.split(" (")[0]) for record in caplog.records] == [
        ("WARNING", "the kubelet's configuration is from our own settings"),
        ("INFO", "the kubelet's configuration is from its own /configz"),
    ]


def test_the_settings_name_the_sources(file: str) -> None:
    settings = Settings(
        kubelet_address="10.0.0.7:10250",
        kubelet_config=file,
        kubelet_config_dir="/d",
        topology_manager_scope="pod",
        reserved_cpus="0-1",
    )
    sources = config_sources(settings, NoToken())
    assert sources.configz is not None
    assert (sources.file, sources.drop_in_directory) == (file, "/d")
    assert sources.settings == KubeletConfig(
        source=ConfigSource.SETTINGS, topology_manager_scope="pod", reserved_cpus=frozenset({0, 1})
    )


def test_a_kubelet_that_cannot_be_asked_is_said_to_be_so() -> None:
    assert config_sources(Settings(), NoToken()).no_configz == NO_ADDRESS
    without_token = config_sources(Settings(kubelet_address="10.0.0.7:10250"), None)
    assert (without_token.configz, without_token.no_configz) == (None, NO_IDENTITY)
