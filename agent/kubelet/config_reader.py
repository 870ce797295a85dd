"""How this node's kubelet is configured: asked of it, else read from its file, else from its state files, else set.

The sources are tried in the order of what they are worth (ConfigSource). What fails on the way is a problem beside the
facts, never silent. A kubelet that is not to be reached is most likely starting: what it said before is then kept, with
its age, rather than traded for what a file says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from agent.clock import Clock
from agent.settings import Settings
from agent.sources.configz import ConfigzError, configz_with
from agent.sources.kubelet_config_file import read_config_file
from collectors.errors import NumascopeError
from collectors.kubelet.configuration import config_of_checkpoints
from collectors.model.kubelet import KubeletCheckpoints
from collectors.model.kubelet_config import ConfigSource, KubeletConfig
from collectors.model.snapshot import Observed, Problem
from collectors.parse import parse_id_list

if TYPE_CHECKING:
    from agent.kube.credentials import Credentials

log = logging.getLogger(__name__)

NOTHING_TOLD = KubeletConfig(source=ConfigSource.SETTINGS)
"""Settings that say nothing about the kubelet"""

NO_ADDRESS = "not asked: its address is not known; set NODE_IP from status.hostIP, or use --kubelet-address"
NO_IDENTITY = "not asked: we have no token of this cluster that could be shown"


class Kubelet(Protocol):
    """A kubelet that can be asked for its configuration (agent.sources.configz)."""

    async def read(self) -> KubeletConfig:
        """What is in force; raises NumascopeError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSources:
    """Where a configuration may come from."""

    configz: Kubelet | None = None
    no_configz: str = NO_ADDRESS
    """Why there is no `configz`"""
    file: str | None = None
    drop_in_directory: str | None = None
    settings: KubeletConfig = NOTHING_TOLD
    """What our own settings say; fills what the state files do not carry"""


def config_sources(settings: Settings, credentials: Credentials | None) -> ConfigSources:
    """The sources that the settings name; without credentials the kubelet itself is none."""
    configz = None
    if settings.kubelet_address is not None and credentials is not None:
        configz = configz_with(credentials, address=settings.kubelet_address, authority=settings.kubelet_ca)
    reserved = settings.reserved_cpus
    return ConfigSources(
        configz=configz,
        no_configz=NO_ADDRESS if settings.kubelet_address is None else NO_IDENTITY,
        file=settings.kubelet_config,
        drop_in_directory=settings.kubelet_config_dir,
        settings=KubeletConfig(
            source=ConfigSource.SETTINGS,
            topology_manager_policy=settings.topology_manager_policy,
            topology_manager_scope=settings.topology_manager_scope,
            cpu_manager_policy=settings.cpu_manager_policy,
            memory_manager_policy=settings.memory_manager_policy,
            reserved_cpus=None if reserved is None else parse_id_list(reserved),
        ),
    )


class ConfigReader:
    """Reads the kubelet's configuration on demand, and holds what it found.

    Attributes:
        config: the last that was found, with its age; its problems are the better sources that were passed over.
        ask_again: whether the last attempt failed for a reason that passes by itself.
    """

    def __init__(self, sources: ConfigSources, *, clock: Clock) -> None:
        self._sources = sources
        self._clock = clock
        self._said = ""
        self.config: Observed[KubeletConfig] = Observed()
        self.ask_again = False

    async def read(self, checkpoints: KubeletCheckpoints | None = None) -> Observed[KubeletConfig]:
        """The configuration by the best source that has one. To be called at start, after each start of the kubelet,
        soon again while `ask_again`, and when the state files have changed where these are the source."""
        problems: list[Problem] = []
        found: KubeletConfig | None = None
        self.ask_again = False
        async for path, outcome in self._attempts(checkpoints):
            if isinstance(outcome, KubeletConfig):
                found = outcome
                break
            problems.append(Problem(path=path, reason=str(outcome)))
            self.ask_again |= isinstance(outcome, ConfigzError) and outcome.passing
            if self.ask_again and self._is_from(ConfigSource.CONFIGZ):
                break
        self.config = self._observed(found, tuple(problems))
        self._say()
        return self.config

    async def _attempts(
        self, checkpoints: KubeletCheckpoints | None
    ) -> AsyncIterator[tuple[str, KubeletConfig | str | NumascopeError]]:
        """Each source's configuration, or why it has none, until one has been taken."""
        yield "/configz", await self._from_configz()
        if self._sources.file is not None:
            yield self._sources.file, await self._from_file(self._sources.file)
        if checkpoints is not None and (config := config_of_checkpoints(checkpoints)) is not None:
            yield "cpu_manager_state", _filled(config, self._sources.settings)
        if self._sources.settings != NOTHING_TOLD:
            yield "settings", self._sources.settings

    async def _from_configz(self) -> KubeletConfig | str | NumascopeError:
        if self._sources.configz is None:
            return self._sources.no_configz
        try:
            return await self._sources.configz.read()
        except NumascopeError as error:
            return error

    async def _from_file(self, path: str) -> KubeletConfig | NumascopeError:
        directory = self._sources.drop_in_directory
        try:
            return await asyncio.to_thread(read_config_file, path, drop_in_directory=directory)
        except NumascopeError as error:
            return error

    def _is_from(self, source: ConfigSource) -> bool:
        return self.config.facts is not None and self.config.facts.source is source

    def _observed(
        self, found: KubeletConfig | None, problems: tuple[Problem, ...]
    ) -> Observed[KubeletConfig]:
        if found is not None:
            return Observed(facts=found, read_at=self._clock.wall(), problems=problems)
        reason = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems)
        return replace(self.config, problems=problems, error=reason)

    def _say(self) -> None:
        """Where the configuration is from and why not from a better source, whenever that is news."""
        words = describe_config(self.config)
        if words != self._said:
            self._said = words
            log.log(logging.INFO if self._is_from(ConfigSource.CONFIGZ) else logging.WARNING, "%s", words)


def describe_config(config: Observed[KubeletConfig]) -> str:
    """One line for people: what is known of the kubelet's configuration, from where, and what was passed over."""
    facts = config.facts
    passed_over = "; ".join(f"{problem.path}: {problem.reason}" for problem in config.problems)
    if facts is None:
        return f"the kubelet's configuration is unknown ({passed_over or 'not read yet'})"
    words = f"the kubelet's configuration is from {_SOURCES[facts.source]}"
    if facts.defaulted:
        words += f", with the documented default of {', '.join(facts.defaulted)}"
    if config.error is not None:
        return f"{words}, as it was read before ({passed_over})"
    return f"{words} ({passed_over})" if passed_over else words


_SOURCES = {
    ConfigSource.CONFIGZ: "its own /configz",
    ConfigSource.FILE: "its file, which flags of the kubelet may override",
    ConfigSource.CHECKPOINTS: "its state files, which carry the CPU and memory manager's policies only",
    ConfigSource.SETTINGS: "our own settings",
}


def _filled(config: KubeletConfig, settings: KubeletConfig) -> KubeletConfig:
    """What the state files say, and from the settings what they cannot."""
    return replace(
        config,
        topology_manager_policy=settings.topology_manager_policy,
        topology_manager_scope=settings.topology_manager_scope,
        cpu_manager_policy=config.cpu_manager_policy or settings.cpu_manager_policy,
        memory_manager_policy=config.memory_manager_policy or settings.memory_manager_policy,
        reserved_cpus=settings.reserved_cpus,
    )
