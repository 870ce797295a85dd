"""Hypothesis strategies for the facts of a pod."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from collectors.model.pod import (
    WISHES,
    Amounts,
    ContainerRole,
    ContainerState,
    Owner,
    Pod,
    PodContainer,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=20)
_WORDS = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
_RESOURCES = st.sampled_from(("cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "example.com/gpu"))


def amounts() -> st.SearchStrategy[Amounts]:
    """Amounts by resource, in order."""
    drawn = st.dictionaries(_RESOURCES, st.integers(min_value=0, max_value=1 << 50), max_size=4)
    return drawn.map(lambda found: tuple(sorted(found.items())))


def containers(*roles: ContainerRole) -> st.SearchStrategy[tuple[PodContainer, ...]]:
    """Containers of these roles, whose names differ."""
    each = st.builds(
        PodContainer,
        name=NAMES,
        role=st.sampled_from(roles),
        requests=amounts(),
        limits=amounts(),
        state=st.none() | st.sampled_from(ContainerState),
        container_id=st.none() | st.text("0123456789abcdef", min_size=1, max_size=64),
    ).map(_with_a_status_that_tells_its_id)
    return st.lists(each, max_size=3, unique_by=lambda container: container.name).map(tuple)


def _with_a_status_that_tells_its_id(container: PodContainer) -> PodContainer:
    """One without a status has no id either."""
    return container if container.state is not None else replace(container, container_id=None)


def pods() -> st.SearchStrategy[Pod]:
    """Pods with anything that we keep of one."""
    init = containers(ContainerRole.INIT, ContainerRole.SIDECAR)
    return st.builds(
        Pod,
        namespace=NAMES,
        name=NAMES,
        uid=NAMES,
        phase=st.sampled_from(("Pending", "Running", "Succeeded", "Failed", "Unknown")),
        reason=_WORDS,
        message=_WORDS,
        qos_class=st.none() | st.sampled_from(("Guaranteed", "Burstable", "BestEffort")),
        started_at=st.none() | st.integers(min_value=0, max_value=4_000_000_000).map(float),
        deleted=st.booleans(),
        owner=st.none() | st.builds(Owner, kind=NAMES, name=NAMES),
        containers=st.builds(lambda first, then: first + then, init, containers(ContainerRole.APP)),
        requests=amounts(),
        limits=amounts(),
        annotations=st.dictionaries(
            st.sampled_from(WISHES), st.text(st.characters(codec="utf-8"), max_size=20)
        ).map(lambda found: tuple(sorted(found.items()))),
    )
