"""The Numatopology of a node for Volcano's scheduler (`nodeinfo.volcano.sh/v1alpha1`), as a JSON-ready dict. Pure;
docs/numatopology.md.

Its numa-aware plugin starts from the kubelet's cpu_manager_state: what a resource calls allocatable is the shared pool,
the reserved CPUs among them, and the plugin takes as many CPUs away as `resReserved` says. So that is what stands here,
with or without that file. Only fields that every version of the resource definition has are written: the API server
drops others, and the object would never equal what is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.placement.ledger import derive_ledger
from agent.placement.model import Basis, CpuBook, Ledger
from collectors.model import Cpu, CpuGroup, CpuTopology, IdSet, NumaTopology, Snapshot
from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import format_id_list

API_VERSION = "nodeinfo.volcano.sh/v1alpha1"
KIND = "Numatopology"

CPU_POLICY = "CPUManagerPolicy"
TOPOLOGY_POLICY = "TopologyManagerPolicy"
STRICT_RESERVATION = "strict-cpu-reservation"
"""The CPU manager's option by which reserved CPUs are no part of the shared pool"""


def derive_numatopology(
    snapshot: Snapshot, *, node_name: str, ledger: Ledger | None = None
) -> dict[str, Any] | None:
    """The object that would be published; None where it is not known which CPUs there are, or who holds them.

    Args:
        snapshot: the machine and its kubelet.
        node_name: the name of the node, and of the object.
        ledger: the ledger of that snapshot, where the caller has it already.
    """
    cpus, numa, kubelet = snapshot.cpus.facts, snapshot.numa.facts, snapshot.kubelet
    if cpus is None or numa is None or kubelet is None:
        return None
    ledger = derive_ledger(snapshot) if ledger is None else ledger
    if ledger.cpu_basis is None or (ledger.cpu_basis is Basis.KUBELET and ledger.cpus is None):
        return None
    detail = _detail(cpus, numa)
    config = kubelet.config.facts
    spec: dict[str, Any] = {
        "policies": _policies(config, ledger.cpu_basis),
        "numares": {
            "cpu": _resource(_shared_pool(ledger.cpus, frozenset(map(int, detail)), config), len(detail))
        },
        "cpuDetail": detail,
    }
    reserved = None if config is None else config.reserved_cpu_millis
    if reserved is not None:
        spec["resReserved"] = {"cpu": _format_millis(reserved)}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": node_name}, "spec": spec}


def _policies(config: KubeletConfig | None, cpu_basis: Basis) -> dict[str, str]:
    """The two policies that every version knows; the topology manager's only where it is known."""
    told = None if config is None else config.cpu_manager_policy
    policies = {CPU_POLICY: told or ("static" if cpu_basis is Basis.KUBELET else "none")}
    if config is not None and config.topology_manager_policy is not None:
        policies[TOPOLOGY_POLICY] = config.topology_manager_policy
    return policies


def _shared_pool(book: CpuBook | None, online: IdSet, config: KubeletConfig | None) -> IdSet:
    """defaultCpuSet as the kubelet keeps it: what nobody holds; empty under policy none, which keeps none."""
    if book is None:
        return frozenset()
    strict = config is not None and dict(config.cpu_manager_options).get(STRICT_RESERVATION) == "true"
    return (online & book.allocatable if strict else online) - book.held


def _resource(pool: IdSet, capacity: int) -> dict[str, Any]:
    return {"allocatable": format_id_list(pool), "capacity": capacity}


def _detail(cpus: CpuTopology, numa: NumaTopology) -> dict[str, dict[str, int]]:
    """Where each CPU that is online sits. Ids are the kernel's own, unique for cores within a socket only; where it
    gives none, or -1, the place in our own order stands for it."""
    node_of_cpu = {cpu: node.id for node in numa.nodes for cpu in node.cpus}
    known = {cpu.id: cpu for cpu in cpus.cpus}
    sockets, cores = _places(cpus.packages), _places(cpus.cores)
    detail: dict[str, dict[str, int]] = {}
    for number in sorted(cpus.online & node_of_cpu.keys()):
        cpu = known.get(number) or Cpu(id=number, online=True)
        detail[str(number)] = {
            "numa": node_of_cpu[number],
            "socket": sockets.get(number, 0) if cpu.package_id is None else cpu.package_id,
            "core": cores.get(number, number) if cpu.core_id is None else cpu.core_id,
        }
    return detail


def _places(groups: Iterable[CpuGroup]) -> dict[int, int]:
    """The number of its group, for each CPU."""
    return {cpu: place for place, group in enumerate(groups) for cpu in group.cpus}


def _format_millis(millis: int) -> str:
    """A quantity of CPUs: `4`, `1500m`."""
    return f"{millis}m" if millis % 1000 else str(millis // 1000)
