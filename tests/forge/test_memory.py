import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.errors import ConfigError
from skillopt_ci.forge.memory import MAX_CHARS, MOST, MOST_BYTES, read_memory
from skillopt_ci.forge.proposal import Training, history_lines, history_path
from skillopt_ci.optimizers.wording import rejected_text
from tests.fakes import MemoryTree
from tests.forge.repo import Repo
from tests.forge.test_proposal import STEPS, skill

PATH = history_path("x")


def line(**changes: object) -> str:
    return (
        json.dumps({"status": "rejected", "op": "add", "target": "t", "content": "c", "reason": "r", **changes}) + "\n"
    )


def memory(tmp_path: Path, data: bytes | str) -> tuple[tuple[Rejected, ...], str]:
    """Read a history that lies in a folder without git."""
    return read_memory(tmp_path, MemoryTree({PATH: data}), "x")


def test_rejected_edits_of_earlier_runs_are_remembered(tmp_path: Path) -> None:
    data = line(content="one", effect=-0.05, rationale="why") + line(content="two") + line(status="accepted")
    found, digest = memory(tmp_path, data)
    assert found[0] == Rejected(
        edit=Edit(op="add", target="t", content="one", rationale="why"),
        reason="r (an earlier run)",
        effect=-0.05,
        earlier=True,
    )
    assert [f.edit.content for f in found] == ["one", "two"]
    assert len(digest) == 64
    assert memory(tmp_path, data + line())[1] != digest


def test_only_a_digest_tells_what_a_rejection_was_about(tmp_path: Path) -> None:
    bases: list[object] = ["a" * 64, "a" * 63, "main", 5, None]
    found, _ = memory(tmp_path, "".join(line(base=base) for base in bases))
    assert [f.base for f in found] == ["a" * 64, "", "", "", ""]


def test_what_was_kept_later_is_no_rejected_edit_until_it_is_rejected_again(tmp_path: Path) -> None:
    early = line() + line(content="other") + line(target=" t ", status="accepted")
    assert [f.edit.content for f in memory(tmp_path, early)[0]] == ["other"]
    again = memory(tmp_path, early + line(reason="a reviewer took it back"))[0]
    assert [(f.edit.content, f.reason) for f in again] == [
        ("other", "r (an earlier run)"),
        ("c", "a reviewer took it back (an earlier run)"),
    ]


def test_what_a_proposal_writes_is_read_back(tmp_path: Path) -> None:
    made = Training(
        name="x",
        path="p",
        start=skill("a\n"),
        best=skill("a\nd"),
        steps=STEPS,
        run_id="r",
        base_sha="b",
        policy_sha="c",
    )
    found, _ = memory(tmp_path, history_lines(made))
    rejected = [r.edit for s in STEPS for r in s.edits if r.status == "rejected"]
    assert [(f.edit.op, f.edit.target, f.edit.content) for f in found] == [
        (e.op, e.target, e.content) for e in rejected
    ]
    assert rejected


def test_no_history_is_no_memory(tmp_path: Path) -> None:
    assert read_memory(tmp_path, MemoryTree(), "x") == ((), "")
    assert memory(tmp_path, "") == ((), "")
    assert memory(tmp_path, line(status="accepted")) == ((), "")


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    found, _ = memory(tmp_path, "".join(line(content=str(n)) for n in range(MOST + 5)))
    assert [f.edit.content for f in found] == [str(n) for n in range(5, MOST + 5)]


@pytest.mark.parametrize(
    "bad",
    [
        "no json\n",
        "[" * 100_000 + "\n",
        "[]\n",
        "7\n",
        line(op="run"),
        line(status="pending"),
        line(op=["add"]),
        line(content=5),
        line(reason=None),
        line(effect="0.1"),
        line(effect=True),
        line(effect=float("nan")),
        line(effect=float("inf")),
        line(effect=10**400),
        line(effect=1.5),
        line(content="x" * (MAX_CHARS + 1)),
    ],
)
def test_a_line_that_does_not_fit_is_passed_over(tmp_path: Path, bad: str) -> None:
    found, _ = memory(tmp_path, line(content="before") + bad + line(content="after"))
    assert [f.edit.content for f in found] == ["before", "after"]


def test_text_that_cannot_be_sent_is_made_fit(tmp_path: Path) -> None:
    found, _ = memory(tmp_path, '{"status": "rejected", "op": "add", "content": "a\\ud800b", "reason": "\\udc00"}\n')
    assert (found[0].edit.content, found[0].reason) == ("a?b", "? (an earlier run)")
    rejected_text(found).encode("utf-8")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    assert memory(tmp_path, line() + " " * MOST_BYTES) == ((), "")


@given(
    st.binary(max_size=300) | st.lists(st.sampled_from([line().encode(), b"{}", b"\xff", b"\r", b"\n"])).map(b"".join)
)
def test_any_bytes_can_lie_there(data: bytes) -> None:
    found, digest = read_memory(Path("/"), MemoryTree({PATH: data}), "x")
    assert bool(found) == bool(digest)
    rejected_text(found).encode("utf-8")


def test_in_a_repository_the_default_branch_decides(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    assert read_memory(repo.root, MemoryTree({PATH: line()}), "x") == ((), "")  # no commit yet
    repo.commit({PATH: line(content="main")})
    repo("checkout", "-q", "-b", "other")
    repo.commit({PATH: line(content="committed elsewhere")})
    repo.write(PATH, line(content="not committed"))
    found, _ = read_memory(repo.root, MemoryTree({PATH: line(content="working tree")}), "x")
    assert [f.edit.content for f in found] == ["main"]


def test_a_project_in_a_subfolder_has_its_own(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit({PATH: line(content="top"), f"sub/{PATH}": line(content="below")})
    assert [f.edit.content for f in read_memory(repo.root / "sub", MemoryTree(), "x")[0]] == ["below"]


def test_a_link_is_refused_in_one_line(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    (repo.root / ".skillopt" / "history").mkdir(parents=True)
    (repo.root / PATH).symlink_to("/etc/passwd")
    repo.commit({"a": "b"})
    with pytest.raises(ConfigError, match="is a symbolic link"):
        read_memory(repo.root, MemoryTree(), "x")


def test_lines_that_the_user_names_come_last_and_change_the_digest(tmp_path: Path) -> None:
    tree = MemoryTree({PATH: line(content="committed")})
    found, digest = read_memory(tmp_path, tree, "x", line(content="named").encode())
    assert [f.edit.content for f in found] == ["committed", "named"]
    assert digest != read_memory(tmp_path, tree, "x")[1]
    assert read_memory(tmp_path, tree, "x", b"x" * 10_000_000)[0] == found[:1]
