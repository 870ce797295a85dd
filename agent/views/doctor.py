"""`numascope doctor`: everything that was found, the worst first, and how it is shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from agent.placement.ledger import derive_ledger
from agent.views.doctor_alignment import alignment_findings
from agent.views.doctor_harm import harm_of
from agent.views.doctor_kubelet import kubelet_findings
from agent.views.doctor_ledger import ledger_findings
from agent.views.doctor_machine import machine_findings
from agent.views.doctor_merge import merge_findings
from agent.views.doctor_model import Examined, Finding, Severity
from agent.views.doctor_pods import pod_findings
from agent.views.doctor_scheduler import scheduler_findings
from agent.views.doctor_start import start_findings
from agent.views.plain import API_VERSION, plain
from agent.views.text import Branch, Page, Section, Span, plural, quiet, warn
from agent.views.text import name as named
from agent.views.text import plain as words

_SEVERITIES = tuple(Severity)


def diagnose(examined: Examined) -> tuple[Finding, ...]:
    """Everything that was found, the worst first. Same facts, same findings."""
    ledger = derive_ledger(examined.snapshot)
    found = (
        *machine_findings(examined, ledger),
        *kubelet_findings(examined),
        *start_findings(examined),
        *merge_findings(examined),
        *pod_findings(examined),
        *scheduler_findings(examined, ledger),
        *ledger_findings(examined, ledger),
        *alignment_findings(examined),
    )
    return worst_first(found)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By severity, then by harm, else as they came."""
    return tuple(
        sorted(findings, key=lambda found: (_SEVERITIES.index(found.severity), harm_of(found.check)))
    )


def is_wrong(findings: Iterable[Finding]) -> bool:
    """Whether any of them is an error."""
    return any(found.severity is Severity.ERROR for found in findings)


def plain_findings(findings: Iterable[Finding]) -> dict[str, Any]:
    """For programs."""
    return {
        "api_version": API_VERSION,
        "kind": "Findings",
        "findings": [plain(found) for found in findings],
    }


def findings_page(findings: tuple[Finding, ...]) -> Page:
    """For people: how many of each severity, then each with what it stands on and the way out."""
    counts = Counter(found.severity for found in findings)
    head = ", ".join(plural(counts[severity], severity.value) for severity in Severity if counts[severity])
    title = Section(title=(named(head or "nothing found"),))
    if not findings:
        return (title,)
    return (title, Section(content=tuple(_branch(found) for found in findings)))


def _branch(found: Finding) -> Branch:
    severity = found.severity.value
    mark: Span = quiet(severity) if found.severity is Severity.NOTE else warn(severity)
    below = [Branch(line=(words(line),)) for line in found.evidence]
    if found.way_out is not None:
        below.append(Branch(line=(named("way out: "), words(found.way_out))))
    return Branch(line=(mark, words(f": {found.what} "), quiet(f"[{found.check}]")), below=tuple(below))
