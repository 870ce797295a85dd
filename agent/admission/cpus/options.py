"""The options of CPU manager policy static, and what older kubelets do otherwise, as one value for the rules to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from agent.admission import versions
from agent.admission.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuOptions:
    """How CPUs are chosen. The defaults are a kubelet of 1.37 without options."""

    whole_cores: bool = False
    """full-pcpus-only"""
    share_nodes: bool = False
    """distribute-cpus-across-numa"""
    by_socket: bool = False
    """align-by-socket"""
    spread_cores: bool = False
    """distribute-cpus-across-cores"""
    by_cache: bool = False
    """prefer-align-cpus-by-uncorecache"""
    shares_mind_sockets: bool = True
    odd_from_cache: bool = True
    keep_half_cores: bool = True
    tell_no_free_cores: bool = True
    """As the switches of `versions`"""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The options that are in force."""
        version = settings.version
        return cls(
            whole_cores=settings.full_pcpus_only,
            share_nodes=settings.distribute_cpus_across_numa,
            by_socket=settings.align_by_socket,
            spread_cores=settings.distribute_cpus_across_cores,
            by_cache=settings.prefer_align_cpus_by_uncorecache,
            shares_mind_sockets=versions.CPU_SHARES_MIND_SOCKETS.holds(version),
            odd_from_cache=versions.CPU_ODD_NUMBER_FROM_CACHE.holds(version),
            keep_half_cores=versions.CPU_KEEPS_HALF_CORES.holds(version),
            tell_no_free_cores=versions.CPU_TELLS_NO_FREE_CORES.holds(version),
        )
