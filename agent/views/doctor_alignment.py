"""What the cgroups of pods, and the annotations that people put on pods, have to do with what the kubelet did. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.alignment.derive import derive_alignment
from agent.alignment.model import Alignment, ContainerAlignment, CpusetVerdict
from agent.views.alignment_words import cpuset_words, wish_words
from agent.views.doctor_model import SHOWN, Examined, Finding, Severity
from agent.views.text import plural


def alignment_findings(examined: Examined) -> Iterator[Finding]:
    """In a fixed order; none where nothing is known of a kubelet."""
    if examined.snapshot.kubelet is not None:
        alignment = derive_alignment(examined.snapshot, examined.cgroups)
        yield from _differing(alignment)
        yield from _stale(alignment)
        yield from _wishes(alignment)


def _differing(alignment: Alignment) -> Iterator[Finding]:
    found = list(_of(alignment, CpusetVerdict.DIFFERS))
    if found:
        yield Finding(
            check="cpuset-differs",
            severity=Severity.ERROR,
            what=f"the cgroup of {plural(len(found), 'container')} is not what the kubelet says",
            evidence=_first(f"{title}: {_words(container)}" for title, container in found),
            way_out="delete the pod, so that it is made anew; then find who writes to cgroups beside the container "
            "runtime: a tuning daemon, a script, `systemctl set-property`, or a runtime with another cgroup driver than "
            "the kubelet's, whose cpusets each `systemctl daemon-reload` resets",
        )


def _stale(alignment: Alignment) -> Iterator[Finding]:
    """Only where somebody else's CPUs are used: a pool that is too small for a moment harms nobody."""
    found = [each for each in _of(alignment, CpusetVerdict.STALE) if each[1].cpuset and each[1].cpuset.extra]
    if found:
        yield Finding(
            check="cpuset-stale",
            severity=Severity.WARNING,
            what=f"{plural(len(found), 'container')} may run on CPUs that are somebody's own",
            evidence=_first(f"{title}: {_words(container)}" for title, container in found),
            way_out="look again in ten seconds: the kubelet moves such containers every cpuManagerReconcilePeriod (10 s "
            "by default). If it lasts, its log says why the runtime refuses, or somebody else writes to cgroups",
        )


def _wishes(alignment: Alignment) -> Iterator[Finding]:
    wishes = [(f"{pod.namespace}/{pod.name}", wish) for pod in alignment.pods for wish in pod.wishes]
    if wishes:
        in_vain = [each for each in wishes if each[1].fulfilled is False]
        others = [each for each in wishes if each[1].fulfilled is not False]
        of_pods = plural(len({title for title, _ in wishes}), "pod")
        yield Finding(
            check="wish-without-effect",
            severity=Severity.WARNING if in_vain else Severity.NOTE,
            what=f"annotations of {of_pods} ask for a placement, and no kubelet reads them",
            evidence=_first(f"{title} {wish_words(wish)}" for title, wish in (*in_vain, *others)),
            way_out="the node's own policy decides: topologyManagerPolicy, and Guaranteed pods with whole CPUs; "
            "`numascope pods` shows what each pod has",
        )


def _of(alignment: Alignment, verdict: CpusetVerdict) -> Iterator[tuple[str, ContainerAlignment]]:
    for pod in alignment.pods:
        for container in pod.containers:
            if container.cpuset is not None and container.cpuset.verdict is verdict:
                yield f"{pod.namespace}/{pod.name}/{container.name}", container


def _words(container: ContainerAlignment) -> str:
    return "" if container.cpuset is None else cpuset_words(container.cpuset)


def _first(lines: Iterable[str]) -> tuple[str, ...]:
    """The first of them, and how many more."""
    listed = tuple(lines)
    more = len(listed) - SHOWN
    return (*listed[:SHOWN], f"and {more} more") if more > 0 else listed
