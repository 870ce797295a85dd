"""What a running agent knows of its kubelet, for commands that cannot ask the kubelet themselves: /api/v1/snapshot."""

from __future__ import annotations

import aiohttp

from collectors.errors import NumascopeError
from collectors.parse import ParseError
from collectors.strictjson import MAX_BYTES, parse_json

SECONDS = 10.0


class AgentError(NumascopeError):
    """The agent gave no list of pods."""


async def read_listed_pods(url: str) -> frozenset[tuple[str, str]]:
    """(namespace, name) of every pod that the kubelet lists, as the agent at that URL knows it. Raises AgentError."""
    return _listed(*await fetch_answer(url, "/api/v1/snapshot"))


async def fetch_answer(url: str, path: str) -> tuple[str, str]:
    """What the agent at that URL serves at a path, behind the whole address. Raises AgentError."""
    address = f"{url.rstrip('/')}{path}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=False) as session,
            session.get(address) as answer,
        ):
            data = bytearray()
            async for chunk in answer.content.iter_any():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise AgentError(f"{address}: an answer of more than {MAX_BYTES} bytes")
            if answer.status != 200:
                raise AgentError(f"{address}: the agent answered {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise AgentError(f"{address}: {str(error) or type(error).__name__}") from error
    return address, data.decode("utf-8", "replace")


def _listed(address: str, text: str) -> frozenset[tuple[str, str]]:
    try:
        kubelet = parse_json(text, "a snapshot").get("kubelet")
        if kubelet.is_null:
            raise AgentError(f"{address}: the agent knows of no kubelet")
        pods = kubelet.get("allocations").get("facts")
        if pods.is_null:
            raise AgentError(f"{address}: the agent has no answer of the kubelet yet")
        return frozenset((each.get("namespace").text(), each.get("name").text()) for each in pods.elements())
    except ParseError as error:
        raise AgentError(f"{address}: {error}") from error
