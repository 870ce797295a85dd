"""`numascope preflight`: whether the kubelet would start, why not, and what pods lose, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from agent.kubelet_config.model import Caution, Loss, Objection
from agent.kubelet_config.preflight import Verdict
from agent.views.plain import API_VERSION, plain
from agent.views.text import Branch, Page, Section, Span, plural, quiet, warn
from agent.views.text import name as named
from agent.views.text import plain as words


def plain_verdict(verdict: Verdict, about: tuple[str, ...]) -> dict[str, Any]:
    """For programs.

    Args:
        verdict: the answer.
        about: what it stands on, a line each.
    """
    return {
        "api_version": API_VERSION,
        "kind": "Preflight",
        "starts": verdict.starts,
        "stands_on": list(about),
        "objections": [plain(each) for each in verdict.objections],
        "cautions": [plain(each) for each in verdict.cautions],
        "losses": [plain(each) for each in verdict.losses],
    }


def preflight_page(verdict: Verdict, about: tuple[str, ...]) -> Page:
    """For people: the answer, what it stands on, then each thing that keeps the kubelet off with the way out."""
    answer: Span = named("the kubelet starts") if verdict.starts else warn("the kubelet does not start")
    sections = [
        Section(title=(answer,), content=tuple(Branch(line=(quiet(line),)) for line in about)),
        Section(title=(), content=(*map(_objection, verdict.objections), *map(_caution, verdict.cautions))),
    ]
    if verdict.losses:
        pods = len({loss.pod for loss in verdict.losses})
        sections.append(
            Section(
                title=(named(f"what {plural(pods, 'pod')} would lose"),), content=tuple(_pods(verdict.losses))
            )
        )
    return tuple(section for section in sections if section.title or section.content)


def _objection(found: Objection) -> Branch:
    return Branch(
        line=(warn("error"), words(f": {found.what} "), quiet(f"[{found.check}]")),
        below=(
            *(Branch(line=(words(line),)) for line in found.evidence),
            Branch(line=(quiet("its log says: "), words(f"... {found.says.strip()} ..."))),
            Branch(line=(named("way out: "), words(found.way_out))),
        ),
    )


def _caution(found: Caution) -> Branch:
    return Branch(
        line=(warn("warning"), words(f": {found.what} "), quiet(f"[{found.check}]")),
        below=(
            *(Branch(line=(words(line),)) for line in found.evidence),
            Branch(line=(named("way out: "), words(found.way_out))),
        ),
    )


def _pods(losses: tuple[Loss, ...]) -> Iterator[Branch]:
    for pod, of_pod in groupby(losses, key=lambda loss: loss.pod):
        yield Branch(line=(named(pod),), below=tuple(Branch(line=(words(loss.what),)) for loss in of_pod))
