"""What a cluster's settings are made of: addresses, names, prefixes. Pure text to value, ValueError where it is none."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from collectors.parse import ParseError, format_id_list, parse_id_list

KUBELET_PORT = 10250
"""Where kubelets serve, unless their configuration says otherwise"""

_HOST_AND_PORT = re.compile(
    r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[-A-Za-z0-9.]{0,251}[A-Za-z0-9])?))(?::([0-9]{1,5}))?"
)
_RESOURCE = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/")


def parse_kubelet_address(text: str) -> str:
    """`10.0.0.7:10250` from that, or from `10.0.0.7`; of an IPv6 address with brackets, which the text may lack."""
    try:
        host = str(ipaddress.ip_address(text))
    except ValueError:
        return _host_and_port(text)
    return f"[{host}]:{KUBELET_PORT}" if ":" in host else f"{host}:{KUBELET_PORT}"


def _host_and_port(text: str) -> str:
    match = _HOST_AND_PORT.fullmatch(text)
    port = int(match[3] or KUBELET_PORT) if match else 0
    if match is None or not 0 < port <= 65_535:
        raise ValueError("expected an address with or without a port, such as 10.0.0.7 or [fd00::7]:10250")
    host = f"[{match[1]}]" if match[1] else match[2]
    return f"{host}:{port}"


def parse_absolute_path(text: str) -> str:
    """A path from the root on, without a slash at its end."""
    if not text.startswith("/") or not text.strip("/"):
        raise ValueError("expected a path that begins with a slash, such as /var/lib/kubelet")
    return text.rstrip("/")


def some_of(*words: str) -> Callable[[str], tuple[str, ...]]:
    """A parser for some of these words with commas between, in the order given here; `off` is none of them."""

    def parse_words(text: str) -> tuple[str, ...]:
        chosen = {word.strip() for word in text.split(",")}
        if chosen != {"off"} and not chosen <= {*words}:
            raise ValueError(f"expected {' or '.join(words)}, with commas between, or off")
        return tuple(word for word in words if word in chosen)

    return parse_words


def parse_cpu_list(text: str) -> str:
    """CPUs in the kernel's list form, `0-1,32-33`, put in order."""
    try:
        cpus = parse_id_list(text)
    except ParseError:
        cpus = frozenset()
    if not cpus:
        raise ValueError("expected a list of CPUs, such as 0-1,32-33")
    return format_id_list(cpus)


def parse_resources(text: str) -> tuple[str, ...]:
    """Names of resources, `hugepages-2Mi,example.com/gpu`, in order."""
    return _names(text, _RESOURCE, "names of resources with commas between, such as memory,example.com/gpu")


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Names of namespaces, in order."""
    return _names(text, _NAMESPACE, "names of namespaces with commas between, such as kube-system,batch")


def _names(text: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
    names = {name.strip() for name in text.split(",")}
    if not all(pattern.fullmatch(name) for name in names):
        raise ValueError(f"expected {expected}")
    return tuple(sorted(names))


def parse_label_prefix(text: str) -> str:
    """The prefix of label keys with its slash: `numascope.dev/`, or `example.com/` from `example.com`."""
    prefix = text if text.endswith("/") else f"{text}/"
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("expected a DNS name with or without a slash at its end, such as numascope.dev/")
    return prefix
