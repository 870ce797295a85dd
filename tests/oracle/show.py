"""A difference, a scenario or a tally for people to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from collectors.parse import format_id_list
from tests.oracle.differential import Difference, Tally
from tests.oracle.scenario import KubeletSpec, MachineSpec, Object, PluginSpec, Scenario, Step

DEMANDS = ("nodeSelector", "affinity", "overhead", "tolerations", "os")


def difference_lines(found: Difference) -> Iterator[str]:
    """All that is needed to think about it."""
    yield from scenario_lines(found.scenario)
    for line in found.lines:
        yield f"  ≠ {line}"


def scenario_lines(scenario: Scenario, answers: Iterable[Object] = ()) -> Iterator[str]:
    """The machine, the settings and the steps, each with the oracle's answer where there is one."""
    yield f"scenario {scenario.name}{', settled after each step' if scenario.settle else ''}"
    yield from _machine(scenario.machine)
    yield from _kubelet(scenario.kubelet)
    if scenario.labels or scenario.taints:
        yield f"  labels {dict(scenario.labels)}, taints {list(scenario.taints)}"
    yield f"  allocatable {', '.join(f'{name} {amount}' for name, amount in scenario.allocatable)}"
    for plugin in scenario.plugins:
        yield f"  {_plugin(plugin)}"
    told = list(answers)
    for number, step in enumerate(scenario.steps):
        yield f"  {number}. {_step(step)}"
        if number < len(told):
            yield from _answer(told[number])


def _machine(machine: MachineSpec) -> Iterator[str]:
    if not machine.numa:
        yield "  /sys has no NUMA nodes"
    for node in machine.nodes:
        cpus = [cpu for cpu in machine.online if cpu.node == node.id]
        cores: dict[tuple[int, int, int | None], list[int]] = {}
        for cpu in cpus:
            cores.setdefault((cpu.package, cpu.core, cpu.l3), []).append(cpu.id)
        shown = " ".join(
            f"{'+'.join(map(str, threads))}(p{package}{'' if l3 is None else f' L{l3}'})"
            for (package, _, l3), threads in cores.items()
        )
        pages = "".join(f", {count} pages of {size} KiB" for size, count in node.hugepages)
        distances = "" if node.distances is None else f", distances {' '.join(map(str, node.distances))}"
        yield f"  node {node.id}: memory {node.memory}{pages}{distances}"
        yield f"    CPUs {format_id_list(frozenset(cpu.id for cpu in cpus)) or 'none'}; cores {shown}"
    offline = [cpu.id for cpu in machine.cpus if cpu.offline]
    if offline:
        yield f"  offline: CPUs {offline}"


def _kubelet(kubelet: KubeletSpec) -> Iterator[str]:
    yield (
        f"  topology {kubelet.topology_policy}, scope {kubelet.topology_scope}, {_options(kubelet.topology_options)}"
    )
    reserved = f"CPUs {list(kubelet.reserved_cpus)}" if kubelet.reserved_cpus else ""
    yield (
        f"  CPUs {kubelet.cpu_policy}, {_options(kubelet.cpu_options)}; reserved "
        f"{reserved or f'{kubelet.reserved_cpu_millis}m CPU'}"
    )
    yield f"  memory {kubelet.memory_policy}; reserved {dict(kubelet.reserved_memory)}"
    yield f"  gates {', '.join(gate for gate, on in kubelet.gates if on)}"


def _options(options: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options) or "no options"


def _plugin(plugin: PluginSpec) -> str:
    devices = " ".join(
        f"{each.id}{'(ill)' if each.unhealthy else ''}@{'-' if each.nodes is None else list(each.nodes)}"
        for each in plugin.devices
    )
    prefers = "" if plugin.preferred is None else f"; prefers {' '.join(plugin.preferred) or 'nothing'}"
    fails = "".join(
        f"; {call} fails: {error}"
        for call, error in (
            ("GetPreferredAllocation", plugin.preferred_error),
            ("Allocate", plugin.allocate_error),
        )
        if error
    )
    return f"{plugin.resource}: {devices}{prefers}{fails}"


def _step(step: Step) -> str:
    if step.pod is not None:
        return f"admit {_pod(step.pod)}"
    if step.plugin is not None and step.op == "unplug":
        return f"unplug {step.plugin.resource}"
    if step.plugin is not None:
        return f"health {_plugin(step.plugin)}"
    late = ", plugins come later" if step.plugins_late else ""
    which = step.uid or f"pod number {step.nth}"
    return f"restart{late}" if step.op == "restart" else f"{step.op} {which} {step.container}".rstrip()


def _pod(pod: Object) -> str:
    spec = pod["spec"]
    parts = [_amounts("the pod", spec["resources"])] if "resources" in spec else []
    for container in spec.get("initContainers", ()):
        sidecar = " (sidecar)" if container.get("restartPolicy") == "Always" else ""
        parts.append(_amounts(f"{container['name']}{sidecar}", container["resources"]))
    parts += [_amounts(container["name"], container["resources"]) for container in spec["containers"]]
    demands = {key: spec[key] for key in DEMANDS if key in spec}
    ports = [container["ports"] for container in spec["containers"] if "ports" in container]
    parts += [str(each) for each in (demands, ports, pod["metadata"].get("labels")) if each]
    return f"{pod['metadata']['uid']}: {'; '.join(parts)}"


def _amounts(who: str, resources: Object) -> str:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    if limits == requests:
        return f"{who} {_listed(limits) or 'nothing'}"
    return f"{who} requests {_listed(requests)}, limits {_listed(limits)}"


def _listed(amounts: Object) -> str:
    return " ".join(f"{resource.rpartition('/')[2]}={amount}" for resource, amount in amounts.items())


def _answer(told: Object) -> Iterator[str]:
    words = " ".join(str(told[key]) for key in ("did", "uid", "container") if key in told)
    yield f"     → {told['outcome']} {words} {told.get('reason', '')} {told.get('message', '')}".rstrip()
    for answer in told.get("pods") or ():
        yield f"       {answer['uid']}: {answer['outcome']} {answer.get('message', '')}".rstrip()
    for provider in told.get("offered") or ():
        for resource, hints in provider.items():
            yield f"       hints for {resource}: {_hints(hints)}"
    for name, hint in (told.get("hints") or {}).items():
        yield f"       merged for {name}: {_hints([hint])}"
    state = told.get("state") or {}
    for key in ("sharedCpus", "cpus", "podCpus", "memory", "podMemory", "devices", "table"):
        if state.get(key):
            yield f"       {key}: {state[key]}"


def _hints(hints: list[Object] | None) -> str:
    if hints is None:
        return "no wish"
    return " ".join(
        f"{'any' if hint['nodes'] is None else hint['nodes']}{'!' if hint['preferred'] else ''}"
        for hint in hints
    )


def tally_lines(tally: Tally, seconds: float) -> Iterator[str]:
    """What was compared, and how much of what."""
    steps = sum(tally.steps.values())
    admits = sum(count for name, count in tally.steps.items() if name.startswith("admit "))
    refused = tally.steps["admit refused"]
    yield (
        f"{tally.scenarios} scenarios, {steps} steps, {admits} pods of which {refused} refused, "
        f"in {seconds:.0f} s ({tally.scenarios / max(seconds, 0.001):.0f}/s)"
    )
    yield f"  steps: {_counts(tally.steps)}"
    yield f"  reasons: {_counts(tally.reasons)}"
    yield f"  settings: {_counts(tally.policies)}"
    yield f"  with settings that the kubelet does not start with: {_counts(tally.unstarted) or 'none'}"
    yield f"  in which the kubelet chose by chance, once as we: {tally.by_chance}"
    yield f"  that differ: {len(tally.differences)}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())
