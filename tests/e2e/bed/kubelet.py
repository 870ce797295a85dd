"""The kubelet of one bed: its configuration, and the mount namespace in which the synthetic machine is its machine."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.pki import Credential

KUBELET_ROOT = "/var/lib/kubelet"
"""Fixed for device plugins, so the bed's folder stands there in the namespace."""

SYNTHETIC_PATHS = (
    "/sys/devices/system/node",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/hugepages",
    "/proc/cpuinfo",
    "/proc/meminfo",
)
"""What the kubelet and cAdvisor read of the machine's shape."""

WANTED_SYSCTLS: Mapping[str, int] = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
"""The kubelet writes these; plain files that already hold them keep it from touching the real ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What the kubelet keeps for the system, in the form that its configuration wants."""

    cpus: str
    memory_by_node: Mapping[int, int]
    """MiB by NUMA node; their sum must equal system, kube and eviction reserve (1,024 MiB here)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletPaths:
    """Where the files of one bed's kubelet lie."""

    folder: Path
    machine: Path
    root: Path
    runtime_socket: Path
    hosts: Path


def kubelet_configuration(
    options: KubeletOptions,
    *,
    address: str,
    ports: tuple[int, int],
    paths: KubeletPaths,
    authority: Path,
    server: Credential,
    reserved: Reserved,
) -> dict[str, Any]:
    """A KubeletConfiguration; `ports` are those for the API and for healthz."""
    configuration: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": ports[0],
        "healthzBindAddress": address,
        "healthzPort": ports[1],
        "containerRuntimeEndpoint": f"unix://{paths.runtime_socket}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(server.certificate),
        "tlsPrivateKeyFile": str(server.key),
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(paths.folder / "pod-logs"),
        "volumePluginDir": str(paths.folder / "volume-plugins"),
        "nodeStatusUpdateFrequency": "2s",
        "maxPods": 250,
        "cpuManagerPolicy": options.cpu_policy,
        "cpuManagerReconcilePeriod": "2s",
        "topologyManagerPolicy": options.topology_policy,
        "topologyManagerScope": options.topology_scope,
        "memoryManagerPolicy": options.memory_policy,
        "reservedSystemCPUs": reserved.cpus,
        "systemReserved": {"memory": "512Mi"},
        "kubeReserved": {"memory": "412Mi"},
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
    if options.memory_policy == "Static":
        configuration["reservedMemory"] = [
            {"numaNode": node, "limits": {"memory": f"{mebibytes}Mi"}}
            for node, mebibytes in sorted(reserved.memory_by_node.items())
        ]
    for name, values in (
        ("cpuManagerPolicyOptions", options.cpu_options),
        ("topologyManagerPolicyOptions", options.topology_options),
        ("featureGates", options.feature_gates),
    ):
        if values:
            configuration[name] = dict(values)
    return {**configuration, **options.extra}


def machine_mounts(paths: KubeletPaths) -> list[str]:
    """Lines of a shell script that make the synthetic machine this mount namespace's machine."""
    lines = [f"mount --bind {_quoted(paths.machine)}{path} {path}" for path in SYNTHETIC_PATHS]
    return [*lines, f"mount --bind {_quoted(paths.hosts)} /etc/hosts"]


def namespace_script(program: Path, arguments: tuple[str, ...], paths: KubeletPaths) -> str:
    """A shell script that makes the synthetic machine this namespace's machine and then becomes the kubelet."""
    lines = ["set -eu", *machine_mounts(paths)]
    lines += [
        f"mount --bind {_quoted(paths.folder / 'sysctls' / name)} /proc/sys/{name}" for name in WANTED_SYSCTLS
    ]
    lines += [
        "mount -t tmpfs tmpfs /var/log",
        "mount -t tmpfs tmpfs /var/lib",
        f"mkdir -p {KUBELET_ROOT}",
        f"mount --bind {_quoted(paths.root)} {KUBELET_ROOT}",
        # Else the kubelet mounts it over itself, at the moment in which it makes the socket of its Pods API there, and ends.
        f"mount --make-shared {KUBELET_ROOT}",
        f"exec {_quoted(program)} {' '.join(shlex.quote(argument) for argument in arguments)}",
    ]
    return "\n".join(lines) + "\n"


def write_sysctls(folder: Path) -> None:
    """The plain files that stand in for the sysctls."""
    for name, value in WANTED_SYSCTLS.items():
        file = folder / "sysctls" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


def write_configuration(path: Path, configuration: Mapping[str, Any]) -> None:
    """JSON, which the kubelet takes for YAML."""
    path.write_text(json.dumps(configuration, indent=1))


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
