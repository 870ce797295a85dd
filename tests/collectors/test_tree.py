"""A tree in memory answers as the same tree does on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors import hostfs
from collectors.errors import UnreadableError
from collectors.hostfs import DirectoryFS, HostFS
from collectors.tree import FileTree, TreeConflictError, TreeFS

Answer = object

names = st.sampled_from(("a", "b", "c"))
places = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
targets = (
    st.lists(names | st.sampled_from(("..", ".", "")), min_size=1, max_size=4).map("/".join).filter(bool)
)
paths = st.lists(names | st.sampled_from(("..", ".", "")), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


def answers(fs: HostFS, path: str) -> list[Answer]:
    """What a machine says of a path, failures by their number."""
    found: list[Answer] = []
    for look in (fs.read, fs.entries, fs.real_path):
        try:
            found.append(look(path))
        except UnreadableError as error:
            found.append((error.path, error.reason, error.errno))
    return found


def grown(parts: list[tuple[str, str, str]]) -> FileTree:
    """A tree of files, links and directories, without those that would not go together."""
    tree = FileTree()
    for kind, path, text in parts:
        try:
            if kind == "file":
                tree.add_file(path, text.encode())
            elif kind == "link":
                tree.add_link(path, text)
            else:
                tree.add_directory(path)
        except TreeConflictError:
            continue
    return tree


def write(tree: FileTree, root: Path) -> None:
    root.mkdir()
    for path in sorted(tree.directories):
        (root / path.lstrip("/")).mkdir(exist_ok=True)
    for path, data in tree.files.items():
        (root / path.lstrip("/")).write_bytes(data)
    for path, target in tree.links.items():
        (root / path.lstrip("/")).symlink_to(target)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(("file", "link", "link", "directory")), places, targets), max_size=10
    ),
    asked=st.lists(paths, min_size=1, max_size=10),
)
def test_a_tree_answers_as_on_a_disk(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str, str]], asked: list[str]
) -> None:
    tree = grown(parts)
    root = tmp_path_factory.mktemp("tree") / "root"
    write(tree, root)
    on_disk, in_memory = DirectoryFS(str(root)), TreeFS(tree)
    for path in (*asked, *tree.links):
        assert answers(in_memory, path) == answers(on_disk, path)


def test_parents_come_along() -> None:
    tree = FileTree()
    tree.add_file("/a/b/c", b"x")
    assert tree.directories == {"": {"a"}, "/a": {"b"}, "/a/b": {"c"}}
    assert len(tree) == 4
    assert tree.name_bytes == len("/a/b/c" + "/a/b" + "/a")


def test_a_directory_may_come_twice_and_after_its_content() -> None:
    tree = FileTree()
    tree.add_file("/a/b", b"x")
    tree.add_directory("/a")
    tree.add_directory("/a")
    tree.add_directory("/c")
    assert tree.directories == {"": {"a", "c"}, "/a": {"b"}, "/c": set()}


def test_what_cannot_lie_at_one_path_is_refused() -> None:
    tree = FileTree()
    tree.add_file("/a", b"x")
    tree.add_link("/l", "a")
    for path in ("/a/b", "/l/b", "/a/b/c"):
        with pytest.raises(TreeConflictError):
            tree.add_file(path, b"")
        with pytest.raises(TreeConflictError):
            tree.add_directory(path)
    tree.add_directory("/d")
    with pytest.raises(TreeConflictError):
        tree.add_link("/d", "a")
    with pytest.raises(TreeConflictError):
        tree.add_directory("/a")


def test_the_tree_below_a_directory_stands_alone() -> None:
    tree = FileTree()
    tree.add_file("/m/sys/a", b"1")
    tree.add_link("/m/l", "/sys")
    tree.add_file("/mm/b", b"2")
    below = tree.below("/m")
    assert (below.files, below.links) == ({"/sys/a": b"1"}, {"/l": "/sys"})
    assert below.directories == {"": {"sys", "l"}, "/sys": {"a"}}
    assert TreeFS(below).read("/l/a") == b"1"


def test_a_name_of_which_no_more_is_known_is_listed_and_absent() -> None:
    tree = FileTree()
    tree.add_directory("/a")
    tree.directories["/a"].add("b")
    fs = TreeFS(tree)
    assert fs.entries("/a") == ("b",)
    assert answers(fs, "/a/b") == [None, None, None]


def test_limits_are_those_of_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = FileTree()
    tree.add_file("/a/b", b"12345")
    tree.add_file("/a/c", b"")
    assert TreeFS(tree).read("/a/b", 3) == b"123"
    monkeypatch.setattr(hostfs, "ENTRIES_LIMIT", 1)
    with pytest.raises(UnreadableError, match="entries"):
        TreeFS(tree).entries("/a")
