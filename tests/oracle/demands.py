"""What nodes are marked with and pods demand of them beyond resources: labels, taints, ports, overhead. Few scenarios have
any of it, and there it often does not match."""

from __future__ import annotations

from random import Random

from tests.oracle.scenario import Object

LABELS = {"disk": "ssd", "example.com/rack": "7"}
TAINTS = (
    {"key": "example.com/only", "value": "batch", "effect": "NoExecute"},
    {"key": "example.com/soft", "effect": "NoSchedule"},
)
OPERATORS = {
    "In": ("ssd", "hdd"),
    "NotIn": ("ssd",),
    "Exists": (),
    "DoesNotExist": (),
    "Gt": ("5",),
    "Lt": ("5",),
}


def random_taints(random: Random) -> tuple[Object, ...]:
    """None mostly."""
    return tuple(taint for taint in TAINTS if random.random() < 0.15)


def add_demands(random: Random, pod: Object) -> None:
    """Gives the pod some demands."""
    spec = pod["spec"]
    for demand in random.sample((_selector, _affinity, _ports, _overhead, _tolerations, _system), 2):
        demand(random, pod, spec)


def _selector(random: Random, _: Object, spec: Object) -> None:
    spec["nodeSelector"] = {"disk": random.choice(("ssd", "ssd", "hdd"))}


def _affinity(random: Random, _: Object, spec: Object) -> None:
    terms = []
    for _number in range(random.randint(1, 2)):
        operator = random.choice(list(OPERATORS))
        key = random.choice(("disk", "example.com/rack", "absent"))
        line: Object = {"key": key, "operator": operator, "values": list(OPERATORS[operator])}
        term: Object = {"matchExpressions": [line]}
        if random.random() < 0.2:
            name = random.choice(("node", "another"))
            term["matchFields"] = [{"key": "metadata.name", "operator": "In", "values": [name]}]
        terms.append(term)
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    spec["affinity"] = {"nodeAffinity": wanted}


def _ports(random: Random, _: Object, spec: Object) -> None:
    for container in spec["containers"]:
        port = random.choice((8080, 8443))
        wanted: Object = {
            "containerPort": port,
            "hostPort": port,
            "protocol": random.choice(("TCP", "TCP", "UDP")),
        }
        if random.random() < 0.4:
            wanted["hostIP"] = random.choice(("192.0.2.1", "0.0.0.0"))
        container["ports"] = [wanted]


def _overhead(random: Random, _: Object, spec: Object) -> None:
    spec["overhead"] = {"cpu": random.choice(("250m", "1")), "memory": "134217728"}


def _tolerations(random: Random, _: Object, spec: Object) -> None:
    toleration = {"key": "example.com/only", "operator": random.choice(("Exists", "Equal"))}
    if toleration["operator"] == "Equal":
        toleration["value"] = random.choice(("batch", "other"))
    if random.random() < 0.5:
        toleration["effect"] = random.choice(("NoExecute", "NoSchedule"))
    spec["tolerations"] = [toleration]


def _system(random: Random, pod: Object, spec: Object) -> None:
    if random.random() < 0.5:
        spec["os"] = {"name": random.choice(("linux", "linux", "windows"))}
    else:
        pod["metadata"]["labels"] = {"kubernetes.io/os": random.choice(("linux", "windows"))}
