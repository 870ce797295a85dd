"""What a running agent has kept of a refused pod: /api/v1/refusals."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from agent.sources.agent_snapshot import AgentError, fetch_answer

Plain = dict[str, Any]

_STRING = (str,)
_STRING_OR_NULL = (str, type(None))

_POD = {
    "namespace": _STRING,
    "name": _STRING,
    "found": (bool,),
    "refused": (bool, type(None)),
    "phase": _STRING_OR_NULL,
    "reason": _STRING_OR_NULL,
}
_STORY = {
    "namespace": _STRING,
    "owner": (dict, type(None)),
    "first_at": _STRING,
    "last_at": _STRING,
    "refused": (int,),
    "refused_before": (int,),
    "reasons": (list,),
    "message": _STRING_OR_NULL,
    "explanation": (dict, type(None)),
}
_EXPLANATION = {
    "summary": _STRING,
    "evidence": (list,),
    "fits": _STRING_OR_NULL,
    "ways_out": (list,),
    "known_fault": (dict, type(None)),
    "hindsight": (bool,),
}
_REASON = {"reason": _STRING, "pods": (int,)}
_OWNER = {"kind": _STRING, "name": _STRING}
_FAULT = {"name": _STRING, "what": _STRING, "link": _STRING}


async def read_refusal(url: str, namespace: str, name: str, *, looks: int, pause_seconds: float) -> Plain:
    """The agent's answer on one pod, in the form of docs/api.md. Looks again where the explanation is still to come.

    Raises AgentError where no agent answers there, or one that does not know of refused pods.
    """
    path = f"/api/v1/refusals?{urllib.parse.urlencode({'namespace': namespace, 'pod': name})}"
    found = _parsed(*await fetch_answer(url, path))
    for _ in range(looks - 1):
        if all(story["explanation"] is not None for story in found["stories"]):
            break
        await asyncio.sleep(pause_seconds)
        found = _parsed(*await fetch_answer(url, path))
    return found


def _parsed(address: str, text: str) -> Plain:
    try:
        found = json.loads(text)
        if _is_answer(found):
            answer: Plain = found
            return answer
    except (ValueError, RecursionError):
        pass
    raise AgentError(f"{address}: the answer is none on a refused pod")


def _is_answer(found: object) -> bool:
    """Whether it has what is shown of it. What else is in it, or will be one day, is handed on."""
    if not isinstance(found, dict) or found.get("kind") != "Refusals" or not _has(found.get("pod"), _POD):
        return False
    stories = found.get("stories")
    return isinstance(stories, list) and all(_has(story, _STORY) and _is_story(story) for story in stories)


def _is_story(story: Plain) -> bool:
    said = story["explanation"]
    return (
        all(_has(each, _REASON) for each in story["reasons"])
        and bool(story["reasons"])
        and (story["owner"] is None or _has(story["owner"], _OWNER))
        and (said is None or (_has(said, _EXPLANATION) and _is_explanation(said)))
    )


def _is_explanation(said: Plain) -> bool:
    lines = (*said["evidence"], *said["ways_out"])
    fault = said["known_fault"]
    return all(isinstance(line, str) for line in lines) and (fault is None or _has(fault, _FAULT))


def _has(value: object, fields: Mapping[str, tuple[type, ...]]) -> bool:
    return isinstance(value, dict) and all(
        key in value and isinstance(value[key], kinds) for key, kinds in fields.items()
    )
