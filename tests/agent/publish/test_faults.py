"""Every error of the client has a word, a sentence, and a time to wait."""

from __future__ import annotations

from typing import TypeVar

import pytest

from agent.kube.errors import KubeError, KubeStatusError, error_from_status
from agent.publish.faults import Reason, explain, reason_of
from agent.publish.places import NODE, NODE_RESOURCE_TOPOLOGY, NUMATOPOLOGY, Kind

Error = TypeVar("Error", bound=KubeError)


def kinds_of(root: type[Error]) -> list[type[Error]]:
    return [root, *(below for kind in root.__subclasses__() for below in kinds_of(kind))]


@pytest.mark.parametrize("kind", kinds_of(KubeError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_reason_and_words(kind: type[KubeError]) -> None:
    error = kind("get /x", 418) if issubclass(kind, KubeStatusError) else kind("something")
    assert isinstance(reason_of(error), Reason)
    assert explain(error, NODE).words


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (NODE_RESOURCE_TOPOLOGY, "kubectl apply -k deploy/crds"),
        (NUMATOPOLOGY, "come with Volcano"),
        (NODE, "--node-name"),
    ],
)
def test_what_is_missing_comes_with_what_to_do(kind: Kind, hint: str) -> None:
    assert hint in explain(error_from_status("get /x", 404, {}), kind).words


def test_a_policy_that_says_no_is_quoted() -> None:
    error = error_from_status("apply /x", 403, {"message": "ValidatingAdmissionPolicy denied: not your node"})
    assert "not your node" in explain(error, NODE_RESOURCE_TOPOLOGY).words
