"""How a verdict on the kubelet's next start is shown."""

from __future__ import annotations

from agent.kubelet_config.model import Caution, Loss, Objection
from agent.kubelet_config.preflight import Verdict
from agent.views.preflight_page import plain_verdict, preflight_page
from tests.agent.views.machines import printed

FOUND = Objection(check="a-check", what="it does not", says="no: ", evidence=("a fact",), way_out="another")
HARM = Caution(check="b-check", what="it panics", evidence=("gaps",), way_out="without")
LOST = Loss(pod="default/p", what="CPUs 1-2")


def test_a_page_tells_each_thing_with_its_words_and_way_out() -> None:
    verdict = Verdict(objections=(FOUND,), cautions=(HARM,), losses=(LOST,))
    assert printed(preflight_page(verdict, ("with new.yaml",))) == [
        "the kubelet does not start",
        "with new.yaml",
        "",
        "error: it does not [a-check]",
        "+-- a fact",
        "+-- its log says: ... no: ...",
        "`-- way out: another",
        "warning: it panics [b-check]",
        "+-- gaps",
        "`-- way out: without",
        "",
        "what 1 pod would lose",
        "default/p",
        "`-- CPUs 1-2",
    ]


def test_a_page_of_a_kubelet_that_starts_is_short() -> None:
    verdict = Verdict(objections=(), cautions=(), losses=())
    assert printed(preflight_page(verdict, ("with new.yaml",))) == ["the kubelet starts", "with new.yaml"]


def test_programs_get_every_field() -> None:
    plain = plain_verdict(Verdict(objections=(FOUND,), cautions=(), losses=(LOST,)), ("x",))
    assert (plain["kind"], plain["starts"], plain["stands_on"]) == ("Preflight", False, ["x"])
    assert plain["objections"][0] == {
        "check": "a-check",
        "what": "it does not",
        "says": "no: ",
        "evidence": ["a fact"],
        "way_out": "another",
        "state_file": None,
    }
    assert plain["losses"] == [{"pod": "default/p", "what": "CPUs 1-2"}]
