"""Random pods for a bed: of every QoS class, with init containers, sidecars, devices and hugepages, of sizes that fill it."""

from __future__ import annotations

from random import Random

from tests.e2e.pods import ENDS_SOON, RUNS, Object, container, pod

CPUS = (1, 1, 2, 2, 2, 3, 4, 4, 6, 8, 10, 16)
LARGE_CPUS = (24, 29, 30, 31, 40)
"""About a NUMA node of the two-socket bed, and more"""

MEBIBYTES = (256, 512, 1024, 2048, 4096, 8192)
LARGE_MEBIBYTES = (24_000, 40_000, 70_000)

DEVICES = {"example.com/gpu": 4, "example.com/nic": 2, "example.com/bridge": 1, "example.com/notopo": 1}
"""The most that a pod asks for. Whether a plugin will fail is not to be known, so none that does is here"""

PAGES = {"hugepages-2Mi": (64, 256, 1024, 2500), "hugepages-1Gi": (1024, 2048, 5120)}
"""MiB"""


def random_pod(random: Random, number: int) -> Object:
    """One pod by the name `pod-<number>`."""
    kind = random.random()
    init = []
    for position in range(random.choice((0, 0, 0, 0, 1, 1, 2))):
        sidecar = random.random() < 0.4
        image = RUNS if sidecar else ENDS_SOON
        made = _container(random, kind, f"init{position}", image=image, beside=True)
        if sidecar:
            made["restartPolicy"] = "Always"
        init.append(made)
    count = random.choice((1, 1, 1, 2, 3))
    app = [_container(random, kind, f"app{each}", image=RUNS, beside=count > 1) for each in range(count)]
    extra: Object = {}
    if kind > 0.9:
        extra["resources"] = _as_a_whole(random, [*init, *app])
    return pod(f"pod-{number}", *app, init=init, **extra)


def _container(random: Random, kind: float, name: str, *, image: str, beside: bool) -> Object:
    """Guaranteed with whole CPUs mostly (kind below 0.6), then with fractions, burstable, without anything."""
    requests: dict[str, object] = {}
    limits: dict[str, object] = {}
    if kind < 0.7 or kind > 0.9:
        large = not beside and random.random() < 0.15
        cpu = random.choice(LARGE_CPUS if large else CPUS[:8] if beside else CPUS)
        memory = random.choice(LARGE_MEBIBYTES if not beside and random.random() < 0.12 else MEBIBYTES)
        limits = {"cpu": f"{cpu * 1000 - 500}m" if 0.6 < kind < 0.7 else cpu, "memory": f"{memory}Mi"}
        for resource, sizes in PAGES.items():
            if random.random() < 0.15:
                limits[resource] = f"{random.choice(sizes)}Mi"
    elif kind < 0.85:
        requests = {"cpu": random.choice(("100m", "1500m", 2)), "memory": f"{random.choice(MEBIBYTES[:3])}Mi"}
    for resource, most in DEVICES.items():
        if random.random() < 0.15:
            limits[resource] = random.randint(1, most)
    return container(name, image=image, requests=requests, limits=limits)


def _as_a_whole(random: Random, containers: list[Object]) -> Object:
    """Resources of the pod as a whole: what its containers could ask for side by side, or more."""
    limits = [each["resources"].get("limits", {}) for each in containers]
    cpu = sum(int(each.get("cpu", 0)) for each in limits) + random.choice((0, 0, 1, 3))
    memory = sum(int(str(each.get("memory", "0Mi")).removesuffix("Mi")) for each in limits)
    return {"limits": {"cpu": str(cpu), "memory": f"{memory}Mi"}}
