"""Reading a folder: inside the root, regular files only; one pattern language for disk and memory."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.errors import ConfigError
from skillopt_ci.forge.globs import matches, split_path
from skillopt_ci.forge.worktree import MAX_FILE_BYTES, WorkTree
from tests.fakes import MemoryTree

FILES = {
    "skillopt.yml": b"version: 1\n",
    "skills/a/SKILL.md": b"a",
    "skills/b/SKILL.md": b"b",
    "skills/b/references/deep/x.md": b"x",
    "skills/.hidden/SKILL.md": b"h",
    ".github/skillopt.yml": b"g",
    "evals/a/1.jsonl": b"1",
    "evals/a/.2.jsonl": b"2",
    "evals/[x].jsonl": b"3",
}


def fill(root: Path) -> WorkTree:
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return WorkTree(root)


@pytest.fixture
def tree(tmp_path: Path) -> WorkTree:
    return fill(tmp_path)


def refusal(tree: WorkTree, path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        tree.read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_are_read_as_bytes(tree: WorkTree) -> None:
    assert tree.read("skills/a/SKILL.md") == b"a"
    assert tree.read("./skills//b/SKILL.md") == b"b"
    assert tree.read(".github/skillopt.yml") == b"g"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nothing.md", "nothing.md: no such file"),
        ("skills/a/SKILL.md/x", "skills/a/SKILL.md/x: no such file"),
        ("skills", "skills: is a folder, not a file"),
        ("", "'': not a path below the root"),
        ("/etc/hostname", "/etc/hostname: not a path below the root"),
        ("skills/../../x", "skills/../../x: not a path below the root"),
        ("skills\\a", "'skills\\\\a': not a path; use forward slashes"),
        ("a\x00b", "'a\\x00b': not a path"),
        ("x" * 300, "cannot be read: "),
    ],
)
def test_paths_that_are_refused(tree: WorkTree, path: str, expected: str) -> None:
    assert expected in refusal(tree, path)


def test_symbolic_links_are_refused_wherever_they_stand(tree: WorkTree, tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "skillopt.yml")
    (tmp_path / "skills/linked").symlink_to(tmp_path / "skills/a", target_is_directory=True)
    (tmp_path / "skills/dangling.md").symlink_to("nowhere")
    assert "'link.md' is a symbolic link" in refusal(tree, "link.md")
    assert "'skills/linked' is a symbolic link" in refusal(tree, "skills/linked/SKILL.md")
    assert tree.glob("skills/*/SKILL.md") == ["skills/a/SKILL.md", "skills/b/SKILL.md"]
    assert tree.glob("**/*.md") == ["skills/a/SKILL.md", "skills/b/SKILL.md", "skills/b/references/deep/x.md"]
    assert tree.glob("skills/linked/*.md") == []
    # Named exactly, they are returned, so that reading says what is wrong.
    assert tree.glob("link.md") == ["link.md"]
    assert tree.glob("skills/linked/SKILL.md") == ["skills/linked/SKILL.md"]


def test_a_root_behind_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    fill(tmp_path / "real")
    (tmp_path / "seen").symlink_to(tmp_path / "real", target_is_directory=True)
    assert WorkTree(tmp_path / "seen").read("skillopt.yml") == b"version: 1\n"


def test_a_pointer_of_git_lfs_is_not_the_file_it_stands_for(tree: WorkTree, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:8d25\nsize 3852\n"
    (tmp_path / "scan.png").write_text(pointer)
    assert "is a pointer of Git LFS, not the file itself" in refusal(tree, "scan.png")


def test_only_regular_files_of_a_sane_size(tree: WorkTree, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "big").open("wb") as big:
        big.truncate(MAX_FILE_BYTES + 1)
    assert "not a regular file" in refusal(tree, "pipe")
    assert f"at most {MAX_FILE_BYTES} are read" in refusal(tree, "big")
    assert tree.glob("*") == ["big", "skillopt.yml"]


def test_unreadable_things_are_told_or_passed_over(tree: WorkTree, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root reads everything; a name of too many bytes still fails inside the system.
        assert "cannot be read" in refusal(tree, "skills/" + "y" * 300)
        return
    (tmp_path / "skillopt.yml").chmod(0)
    (tmp_path / "skills/a").chmod(0)
    assert "cannot be read" in refusal(tree, "skillopt.yml")
    assert tree.glob("skills/*/SKILL.md") == ["skills/b/SKILL.md"]
    (tmp_path / "skills/a").chmod(0o700)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("skillopt.yml", ["skillopt.yml"]),
        ("skills", []),
        ("nothing/*.md", []),
        ("skillopt.yml/*", []),
        ("skills/?/SKILL.md", ["skills/a/SKILL.md", "skills/b/SKILL.md"]),
        ("skills/**", ["skills/a/SKILL.md", "skills/b/SKILL.md", "skills/b/references/deep/x.md"]),
        ("skills/**/x.md", ["skills/b/references/deep/x.md"]),
        ("skills/.*/SKILL.md", ["skills/.hidden/SKILL.md"]),
        (".github/*.yml", [".github/skillopt.yml"]),
        ("evals/a/*.jsonl", ["evals/a/1.jsonl"]),
        ("evals/[x].jsonl", ["evals/[x].jsonl"]),
        ("evals/[*.jsonl", ["evals/[x].jsonl"]),
        ("**/*.yml", ["skillopt.yml"]),
    ],
)
def test_patterns_on_disk_and_in_memory(tree: WorkTree, pattern: str, expected: list[str]) -> None:
    assert list(tree.glob(pattern)) == expected
    assert list(MemoryTree(FILES).glob(pattern)) == expected


def test_a_pattern_that_leads_outside_is_an_error(tree: WorkTree) -> None:
    with pytest.raises(ConfigError, match="below the root"):
        tree.glob("../*.yml")


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkTree]:
    with TemporaryDirectory() as folder:
        yield fill(Path(folder))


@given(
    st.lists(
        st.sampled_from(["**", "*", "?", "skills", "a", "b", "*.md", ".*", "S*d", "evals", "*l"]),
        min_size=1,
        max_size=5,
    )
)
def test_disk_and_memory_agree(shared: WorkTree, parts: list[str]) -> None:
    pattern = "/".join(parts)
    assert list(shared.glob(pattern)) == list(MemoryTree(FILES).glob(pattern))


def test_many_stars_do_not_take_long() -> None:
    pattern = split_path("**/" * 30 + "a*" * 30 + "b")
    assert not matches(pattern, ["a"] * 40 + ["a" * 60])
    assert matches(split_path("**/a**b"), ["x", "y", "a-b"])
