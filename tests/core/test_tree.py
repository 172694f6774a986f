import pytest

from skillopt_ci.core.tree import Below
from skillopt_ci.errors import ConfigError
from tests.fakes import MemoryTree

FILES = {"a.md": "top", "sub/a.md": "below", "sub/sub/a.md": "deep", "subway/a.md": "other"}


def test_below_a_folder_paths_are_relative_to_it() -> None:
    tree = Below(MemoryTree(FILES), "sub")
    assert tree.read("a.md") == b"below"
    assert tree.read("sub/a.md") == b"deep"
    assert list(tree.glob("**/*.md")) == ["a.md", "sub/a.md"]
    assert list(tree.glob("a.md")) == ["a.md"]
    assert list(tree.glob("b.md")) == []
    with pytest.raises(ConfigError, match=r"sub/b\.md"):
        tree.read("b.md")


def test_an_empty_folder_is_the_tree_itself() -> None:
    tree = Below(MemoryTree(FILES), "")
    assert tree.read("a.md") == b"top"
    assert len(tree.glob("**/*.md")) == 4
