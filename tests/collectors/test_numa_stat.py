"""memory.numa_stat and hugetlb.<size>.numa_stat, as kernels write them, and as nothing does."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.model.cgroup import HugePagesByNode, NodeBytes, PagesByNode
from collectors.numa_stat import parse_numa_stat, read_hugepages, read_pages
from collectors.parse import MAX_ID, ParseError
from tests.collectors.trees import problem_paths, reader_of

GROUP = "/sys/fs/cgroup/group"
STAT = f"{GROUP}/memory.numa_stat"

VERSION_1 = """\
total=6 N0=4 N1=2
file=1 N0=1 N1=0
anon=5 N0=3 N1=2
unevictable=0 N0=0 N1=0
hierarchical_total=60 N0=40 N1=20
hierarchical_file=10 N0=10 N1=0
hierarchical_anon=40 N0=20 N1=20
hierarchical_unevictable=10 N0=10 N1=0
"""


def on(*counts: int) -> tuple[NodeBytes, ...]:
    return tuple(NodeBytes(node=node, bytes=count) for node, count in enumerate(counts))


def pages(root: Path, text: str, *, version: int, page: int | None = 4096) -> PagesByNode | None:
    return read_pages(reader_of(root, {STAT: text}), GROUP, version=version, page_bytes=page)


def test_version_2_counts_bytes_and_the_kernels_own(tmp_path: Path) -> None:
    text = "anon N0=4096 N1=0\nfile N0=0 N1=8192\nkernel_stack N0=100 N1=0\nslab_reclaimable N0=7 N1=1\nshmem N0=9 N1=9\n"
    assert pages(tmp_path, text, version=2) == PagesByNode(
        anon=on(4096, 0), file=on(0, 8192), kernel=on(107, 1)
    )


def test_version_1_counts_pages_with_those_of_the_groups_below(tmp_path: Path) -> None:
    found = pages(tmp_path, VERSION_1, version=1, page=65_536)
    assert found == PagesByNode(
        anon=on(20 * 65_536, 20 * 65_536), file=on(10 * 65_536, 0), unevictable=on(10 * 65_536, 0)
    )


def test_an_old_kernel_counts_the_group_alone(tmp_path: Path) -> None:
    text = "".join(line for line in VERSION_1.splitlines(keepends=True) if "hierarchical" not in line)
    found = pages(tmp_path, text, version=1)
    assert found is not None
    assert found.anon == on(3 * 4096, 2 * 4096)


def test_pages_of_an_unknown_size_are_no_bytes(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {STAT: VERSION_1})
    assert read_pages(reader, GROUP, version=1, page_bytes=None) is None
    assert problem_paths(reader) == [STAT]


def test_a_group_without_the_file_does_not_say(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})
    assert read_pages(reader, GROUP, version=2, page_bytes=4096) is None
    assert read_hugepages(reader, GROUP, 2 << 20) is None
    assert problem_paths(reader) == []


@pytest.mark.parametrize(
    ("size", "name"), [(64 << 10, "64KB"), (2 << 20, "2MB"), (512 << 20, "512MB"), (16 << 30, "16GB")]
)
def test_hugepages_are_named_as_the_controller_names_them(size: int, name: str, tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {f"{GROUP}/hugetlb.{name}.numa_stat": "total=3 N0=1 N1=2\n"})
    assert read_hugepages(reader, GROUP, size) == HugePagesByNode(page_size_bytes=size, by_node=on(1, 2))


def test_hugepages_of_version_1_are_those_with_the_groups_below(tmp_path: Path) -> None:
    text = "total=0 N0=0 N1=0\nhierarchical_total=4096 N0=0 N1=4096\n"
    found = read_hugepages(reader_of(tmp_path, {f"{GROUP}/hugetlb.2MB.numa_stat": text}), GROUP, 2 << 20)
    assert found is not None
    assert found.by_node == on(0, 4096)


def test_nodes_may_have_gaps_and_come_in_any_order() -> None:
    assert parse_numa_stat("anon N8=1 N0=2\n") == {"anon": {8: 1, 0: 2}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "anon\n",
        "anon N0\n",
        "anon N0=-1\n",
        "anon N0=1 N0=2\n",
        "anon N0=1\nanon N0=1\n",
        f"anon N{MAX_ID + 1}=1\n",
        "anon=x N0=1\n",
        "anon  N0=1\n",
        "anon N0=1, N1=2\n",
        "anon N0=1\nwhat is this\n",
        "anon N0=" + "9" * 21,
    ],
)
def test_another_form_is_malformed(text: str) -> None:
    with pytest.raises(ParseError, match="pages by NUMA node"):
        parse_numa_stat(text)


_COUNTS = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=40),
    st.dictionaries(st.integers(0, MAX_ID), st.integers(0, 2**64 - 1), min_size=1, max_size=5),
    min_size=1,
    max_size=6,
)


@given(_COUNTS, st.booleans())
def test_what_is_written_is_read_back(counts: dict[str, dict[int, int]], sums_first: bool) -> None:
    lines = (
        f"{kind}{f'={sum(by_node.values()) % 2**64}' if sums_first else ''} "
        + " ".join(f"N{node}={count}" for node, count in by_node.items())
        for kind, by_node in counts.items()
    )
    assert parse_numa_stat("".join(f"{line}\n" for line in lines)) == counts


@given(st.text("aN0=1 \n_x", max_size=60) | st.text(max_size=40))
def test_any_text_is_counts_or_malformed(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert parse_numa_stat(text)
