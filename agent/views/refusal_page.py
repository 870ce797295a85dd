"""Why a pod was refused, for a person. Pure: from the plain form, which the agent serves and `explain -o json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.views.text import Branch, Page, Section, plural, quiet, warn
from agent.views.text import name as named
from agent.views.text import plain as words

Plain = Mapping[str, Any]


def refusal_page(found: Plain) -> Page:
    """The pod that was asked for, why it was refused, and whose others were."""
    pod, story = found["pod"], found["stories"][0]
    reason = pod["reason"] or story["reasons"][0]["reason"]
    title = (named(f"{pod['namespace']}/{pod['name']}"), words(" was refused: "), warn(reason))
    return (Section(title=title, content=(_explanation(story["explanation"]), *_others(story))),)


def not_explained(found: Plain) -> str | None:
    """Why there is nothing to show of the pod that was asked for; None where there is."""
    pod, stories = found["pod"], found["stories"]
    name = f"{pod['namespace']}/{pod['name']}"
    if stories and stories[0]["explanation"] is not None:
        return None
    if stories:
        return f"pod {name} was refused ({pod['reason']}), and the agent has not explained it yet; ask again"
    if not pod["found"]:
        return f"there is no pod {name} on this node"
    if pod["refused"]:
        return f"pod {name} was refused ({pod['reason']}), and the agent has forgotten the state of that time"
    return f"pod {name} was not refused: it is {pod['phase']}"


def _explanation(explanation: Plain) -> Branch:
    below = [Branch(line=(words(line),)) for line in explanation["evidence"]]
    if explanation["hindsight"]:
        below.append(Branch(line=(quiet("by the node as it is now: nobody had looked before the refusal"),)))
    fault = explanation["known_fault"]
    if fault is not None:
        what = "" if fault["what"] in explanation["summary"] else f"{fault['what']} "
        below.append(
            Branch(line=(named("known: "), words(what), quiet(f"[{fault['name']}] {fault['link']}")))
        )
    if explanation["fits"] is not None:
        below.append(Branch(line=(named(explanation["fits"]),)))
    below += [Branch(line=(named("way out: "), words(way))) for way in explanation["ways_out"]]
    return Branch(line=(words(explanation["summary"]),), below=tuple(below))


def _others(story: Plain) -> tuple[Branch, ...]:
    """The other pods of the workload."""
    owner = story["owner"]
    number = story["refused"] + story["refused_before"]
    said = [Branch(line=(quiet("the kubelet said: "), quiet(story["message"] or "nothing")))]
    if owner is not None and number > 1:
        reasons = ", ".join(f"{each['reason']} {each['pods']}" for each in story["reasons"])
        line = (
            named(f"{owner['kind']} {story['namespace']}/{owner['name']}"),
            words(
                f": {plural(number, 'pod')} refused, the first seen {story['first_at']}, the last {story['last_at']}"
            ),
            quiet(f" ({reasons})"),
        )
        said.append(Branch(line=line))
    return tuple(said)
