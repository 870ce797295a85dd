"""What is published tells how it goes, by kind."""

from __future__ import annotations

from agent.publish.faults import Reason
from agent.publish.status import PublishStatus
from agent.views.metrics import SurveyHealth, derive_families, table

HEALTH = SurveyHealth(success=True, completed=1, failed=0)


def samples(*published: PublishStatus) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.row.name.removeprefix("numascope_publish_"): dict(family.samples)
        for family in derive_families(None, HEALTH, published)
        if family.row.name.startswith("numascope_publish_")
    }


def test_alone_nothing_is_told_about_publishing() -> None:
    assert samples() == {}


def test_an_object_in_sync_tells_when_and_with_how_many_writes() -> None:
    status = PublishStatus(
        kind="NodeResourceTopology", name="numa0", known_equal=True, confirmed_at=1.5, writes=3
    )
    assert samples(status) == {
        "in_sync": {("NodeResourceTopology",): 1.0},
        "last_success_timestamp_seconds": {("NodeResourceTopology",): 1.5},
        "writes_total": {("NodeResourceTopology",): 3.0},
        "repairs_total": {("NodeResourceTopology",): 0.0},
    }


def test_trouble_is_told_by_reason_and_by_the_other_managers_name() -> None:
    status = PublishStatus(
        kind="Node",
        name="numa0",
        repairs=3,
        failures=(("forbidden", 2), ("server", 1)),
        yielded_to=("kubectl-edit",),
    )
    found = samples(status)
    assert found["in_sync"] == {("Node",): 0.0}
    assert found["failures_total"] == {("Node", "forbidden"): 2.0, ("Node", "server"): 1.0}
    assert found["repairs_total"] == {("Node",): 3.0}
    assert found["yielded"] == {("Node", "kubectl-edit"): 1.0}


def test_the_help_names_every_reason_that_is_counted() -> None:
    for reason in Reason:
        assert reason is Reason.GONE or reason.value in table.PUBLISH_FAILURES.help
