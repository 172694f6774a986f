import base64
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Action, Decision, EditRecord, EditStatus, Step, StepKind
from skillopt_ci.core.rejected import rejected_edits
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.errors import GitError
from skillopt_ci.forge.commits import BOT_NAME, format_patches, write_commits
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.proposal import (
    BODY_LIMIT,
    HISTORY_LIMIT,
    MAX_COMMITS,
    CommitPlan,
    Training,
    branch_name,
    history_lines,
    history_path,
    propose,
)
from skillopt_ci.report.edits import not_kept
from tests.forge.repo import Repo

HOSTILE = "@team fixes #1 [skip ci]\n\nCo-authored-by: x <x@y> --> ```"


def skill(body: str) -> Skill:
    return Skill(name=HOSTILE, frontmatter="---\nname: x\n---\n", body=body)


def record(status: EditStatus = "kept", *, op: str = "add", content: str = HOSTILE) -> EditRecord:
    edit = Edit(op="add" if op == "add" else "delete", target="t", content=content, rationale=HOSTILE)
    return EditRecord(edit=edit, status=status, reason="" if status == "kept" else "not better")


def step(number: int, before: str, after: str | None, action: Action = "accept", kind: StepKind = "edit") -> Step:
    decision = Decision(
        accept=action == "accept",
        reason="better",
        mean=0.56,
        upper_bound=None,
        incumbent_mean=0.5,
        effect=Effect(mean=0.06, low=-0.01, high=0.13),
        n_rollouts=50,
    )
    return Step(
        number=number,
        epoch=1,
        kind=kind,
        action=action,
        reason=HOSTILE,
        incumbent=skill(before),
        candidate=None if after is None else skill(after),
        decision=decision if after is not None else None,
        incumbent_mean=0.5,
        edits=(record("kept" if action == "accept" else "rejected"),) if kind == "edit" else (),
        edit_budget=4,
        cost=Spend(),
    )


STEPS = (
    step(1, "a\n", "a\nb\n"),
    step(2, "a\nb\n", "a\nb\nc\n", "reject"),
    step(3, "a\nb\n", None, "skip"),
    step(4, "a\nb\n", "a\nb\nd", kind="slow_update"),
    step(5, "a\nb\nd", "a\nd", kind="prune"),
)


def training(**changes: object) -> Training:
    values: dict[str, object] = {
        "name": "invoices",
        "path": "skills/invoices/SKILL.md",
        "start": skill("a\n"),
        "best": skill("a\nd"),
        "steps": STEPS,
        "run_id": "run1",
        "base_sha": "b" * 40,
        "policy_sha": "c" * 40,
    }
    return Training(**{**values, **changes})  # type: ignore[arg-type]


class TestPropose:
    def test_branch_title_and_commits(self) -> None:
        made = propose(training(), ["# Summary"])
        assert re.fullmatch(r"skillopt/invoices-[0-9a-f]{8}", made.branch)
        assert made.title == "Improve skill invoices"
        assert [list(c.files) for c in made.commits] == [
            ["skills/invoices/SKILL.md"],
            ["skills/invoices/SKILL.md"],
            ["skills/invoices/SKILL.md", ".skillopt/history/invoices.jsonl"],
        ]
        texts = [c.files["skills/invoices/SKILL.md"].decode() for c in made.commits]
        assert texts == [skill(body).text for body in ("a\nb\n", "a\nb\nd", "a\nd")]
        assert [c.message.splitlines()[0] for c in made.commits] == [
            "skillopt: step 1 of invoices: 1 edit (1 add)",
            "skillopt: step 4 of invoices: slow update",
            "skillopt: step 5 of invoices: prune",
        ]
        assert "Selection estimate: +6.0 points" in made.commits[0].message

    def test_no_model_text_outside_the_files(self) -> None:
        made = propose(training(), [])
        told = made.branch + made.title + "".join(c.message for c in made.commits) + made.full_body("d" * 40)
        for word in ("@team", "#1", "skip ci", "Co-authored", "```"):
            assert word not in told

    def test_an_edit_to_the_text_of_another_one_has_a_commit_of_its_own(self) -> None:
        edits = [
            Edit(op="add", target="", content="- b"),
            Edit(op="add", target="", content="- d"),
            Edit(op="replace", target="- b", content="- c"),
        ]
        records = [EditRecord(edit=e, status="kept", proposed=n) for e, n in zip(edits, (1, 2, 3), strict=True)]
        one = replace(step(3, "- a\n", "- a\n\n- c\n\n- d\n"), edits=tuple(records))
        made = propose(training(start=one.incumbent, best=one.candidate, steps=(one,)), [])
        texts = [c.files["skills/invoices/SKILL.md"].decode() for c in made.commits]
        bodies = ("- a\n\n- b\n", "- a\n\n- b\n\n- d\n", "- a\n\n- c\n\n- d\n")
        assert texts == [skill(body).text for body in bodies]
        assert [c.message.splitlines()[0].rpartition(": ")[2] for c in made.commits] == [
            "add (1 of 3)", "add (2 of 3)", "replace (3 of 3)",
        ]  # fmt: skip
        together = replace(one, edits=tuple(replace(r, proposed=0) for r in records))
        made = propose(training(start=one.incumbent, best=one.candidate, steps=(together,)), [])
        assert len(made.commits) == 1  # as one step's edits they do not end with the candidate

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("étiquettes de livres", "étiquettes de livres"),
            ("e\u0301tiquettes", "étiquettes"),  # as macOS spells it
            ("図書ラベル", "図書ラベル"),
            ("हिन्दी", "हिन्दी"),
            ("a\u202eb\u200bc", "a-b-c"),
        ],
    )
    def test_a_name_keeps_its_letters(self, name: str, shown: str) -> None:
        made = propose(training(name=name), [])
        assert made.title == f"Improve skill {shown}"
        assert made.commits[0].message.startswith(f"skillopt: step 1 of {shown}: ")

    def test_hostile_name(self) -> None:
        made = propose(training(name=HOSTILE, path="skills/x/SKILL.md"), [])
        assert re.fullmatch(r"skillopt/[a-z0-9-]{1,40}-[0-9a-f]{8}", made.branch)
        assert not set("@#[<>`\n") & set(made.title)
        assert not set("@#[<>`") & set(made.commits[0].message)
        assert "\n\nSelection" in made.commits[0].message

    def test_marker(self) -> None:
        made = propose(training(), ["# Summary", "Text"])
        *_, last = made.full_body("e" * 40).splitlines()
        found = re.fullmatch(r"<!-- skillopt-ci:v1 ([A-Za-z0-9_=-]+) -->", last)
        assert found
        facts = json.loads(base64.urlsafe_b64decode(found[1]))
        assert sorted(facts) == ["base_sha", "fingerprint", "head_sha", "policy_sha", "run_id", "skill"]
        assert facts["head_sha"] == "e" * 40
        assert facts["fingerprint"] != propose(training(path="other/SKILL.md"), []).marker["fingerprint"]

    def test_long_bodies_lose_their_last_sections(self) -> None:
        made = propose(training(), ["first", "x" * 40_000, "\U0001f600" * 20_000, "last"])
        assert made.body.startswith("first\n\nxxx")
        assert made.body.endswith("_2 more sections were too long for a pull request; they are in the run's report._")
        assert len(made.body.encode("utf-16-le")) // 2 <= BODY_LIMIT

    def test_best_that_is_no_version_of_the_chain(self) -> None:
        (only,) = propose(training(best=skill("other\n")), []).commits
        assert only.message == "skillopt: train invoices\n\nRun: run1\n"
        assert only.files["skills/invoices/SKILL.md"].endswith(b"other\n")
        assert ".skillopt/history/invoices.jsonl" in only.files

    def test_steps_after_the_best_are_left_out(self) -> None:
        made = propose(training(best=skill("a\nb\n")), [])
        assert [c.message.split(":")[1].strip() for c in made.commits] == ["step 1 of invoices"]


def edited(number: int, before: str, contents: tuple[str, ...], after: str | None = None) -> Step:
    """An accepted step that appends texts."""
    made = step(number, before, before + "".join(f"\n{c}\n" for c in contents) if after is None else after)
    edits = tuple(
        EditRecord(edit=Edit(op="add", target="", content=c, rationale=HOSTILE), status="kept") for c in contents
    )
    return replace(made, edits=edits)


class TestOneCommitAnEdit:
    def test_the_edits_of_a_step_are_told_apart(self) -> None:
        steps = (edited(1, "a\n", ("b", "c", "d")), edited(2, "a\n\nb\n\nc\n\nd\n", ("e",)))
        made = propose(training(steps=steps, best=steps[-1].candidate), [])
        assert [c.message.splitlines()[0] for c in made.commits] == [
            "skillopt: step 1 of invoices: add (1 of 3)",
            "skillopt: step 1 of invoices: add (2 of 3)",
            "skillopt: step 1 of invoices: add (3 of 3)",
            "skillopt: step 2 of invoices: 1 edit (1 add)",
        ]
        texts = [c.files["skills/invoices/SKILL.md"].decode() for c in made.commits]
        assert texts[0] == skill("a\n\nb\n").text
        assert texts[-1] == steps[-1].candidate.text  # type: ignore[union-attr]
        assert "measured with 2 others." in made.commits[0].message
        assert "measured alone." in made.commits[3].message
        assert "@team" not in "".join(c.message for c in made.commits)

    def test_a_step_that_does_not_recompose_is_one_commit(self) -> None:
        odd = edited(1, "a\n", ("b", "c"), after="something else\n")
        (only,) = propose(training(steps=(odd,), best=odd.candidate), []).commits
        assert only.message.startswith("skillopt: step 1 of invoices: 2 edits (2 add)\n")
        assert "measured together." in only.message

    def test_too_many_edits_are_a_commit_a_step(self) -> None:
        many = tuple(f"line {n}" for n in range(MAX_COMMITS))
        first = edited(1, "a\n", many)
        assert first.candidate
        second = edited(2, first.candidate.body, ("end",))
        made = propose(training(steps=(first, second), best=second.candidate), [])
        assert len(made.commits) == 2

    def test_too_many_steps_are_one_commit(self) -> None:
        steps, body = [], "a\n"
        for number in range(1, MAX_COMMITS + 2):
            steps.append(step(number, body, f"{body}{number}\n"))
            body = f"{body}{number}\n"
        (only,) = propose(training(steps=tuple(steps), best=skill(body)), []).commits
        assert only.message.startswith("skillopt: train invoices\n")


class TestHistory:
    def test_lines(self) -> None:
        lines = [json.loads(line) for line in history_lines(training()).splitlines()]
        assert [(x["run"], x["step"], x["status"], x["effect"]) for x in lines] == [
            ("run1", 1, "accepted", 0.06),
            ("run1", 2, "rejected", 0.06),
            ("run1", 3, "rejected", None),
        ]
        assert lines[1]["reason"] == "not better"
        assert lines[0]["content"] == HOSTILE

    def test_every_edit_that_was_not_kept_is_remembered_and_only_what_was_gated_has_an_effect(self) -> None:
        statuses: tuple[EditStatus, ...] = (
            "kept", "rejected", "rejected-alone", "refused", "waiting", "undecided", "unmatched", "over-budget",
        )  # fmt: skip
        first = replace(STEPS[0], edits=tuple(record(s, content=s) for s in statuses))
        last = replace(STEPS[4], edits=(record("pruned", content="pruned"), record("kept", content="stays")))
        lines = [json.loads(line) for line in history_lines(training(steps=(first, last))).splitlines()]
        assert [(x["content"], x["status"], x["effect"]) for x in lines] == [
            ("kept", "accepted", 0.06),
            ("rejected", "rejected", 0.06),
            ("rejected-alone", "rejected", None),
            ("refused", "rejected", None),
            ("pruned", "rejected", None),
        ]

    def test_an_edit_that_a_later_step_kept_is_remembered_as_kept_only(self) -> None:
        early = replace(STEPS[0], edits=(record("rejected-alone", content="late"), record("refused", content="never")))
        late = replace(STEPS[0], number=9, edits=(record("kept", content="late"),))
        lines = [json.loads(line) for line in history_lines(training(steps=(early, late))).splitlines()]
        assert [(x["content"], x["status"], x["step"]) for x in lines] == [
            ("never", "rejected", early.number),
            ("late", "accepted", 9),
        ]
        assert [r.edit.content for r in rejected_edits((early, late))] == ["never"]
        assert [r.edit.content for _, r in not_kept((early, late))] == ["never"]
        assert [r.edit.content for r in rejected_edits((early,))] == ["late", "never"]

    def test_the_scores_of_the_closing_comparison_are_one_line_of_the_run(self) -> None:
        lines = history_lines(training(test=(0.37, 0.9))).splitlines()
        last = json.loads(lines[-1])
        assert (last["status"], last["start"], last["best"]) == ("run", 0.37, 0.9)
        assert last["run"] == json.loads(lines[0])["run"]
        assert lines[:-1] == history_lines(training(test=(0.37, None))).splitlines()  # not measured is no line

    def test_publishing_again_replaces_its_own_lines(self) -> None:
        once = history_lines(training(history=b'{"run": "older"}\nnot json\n[]\n'))
        assert once.startswith(b'{"run": "older"}\nnot json\n[]\n')
        assert history_lines(training(history=once)) == once

    def test_the_oldest_fall_out(self) -> None:
        old = b"".join(b'{"run": "r%d", "pad": "%s"}\n' % (i, b"x" * 1000) for i in range(400))
        new = history_lines(training(history=old))
        assert HISTORY_LIMIT - 2000 < len(new) <= HISTORY_LIMIT
        assert b'"r0"' not in new
        assert b'"r399"' in new

    def test_deep_json_is_kept_as_it_is(self) -> None:
        deep = b"[" * 100_000
        assert history_lines(training(history=deep)).startswith(deep + b"\n")

    @given(st.text(min_size=1, max_size=80))
    def test_path_stays_in_its_folder(self, name: str) -> None:
        assert re.fullmatch(r"\.skillopt/history/[A-Za-z0-9][A-Za-z0-9._-]*\.jsonl", history_path(name))
        assert ".." not in history_path(name)

    def test_path(self) -> None:
        assert history_path("invoices") == ".skillopt/history/invoices.jsonl"
        assert history_path("a/b") != history_path("a-b")


@given(st.text(max_size=60), st.text(max_size=60))
def test_branch_names_are_valid_refs(name: str, path: str) -> None:
    assert re.fullmatch(r"skillopt/[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?-[0-9a-f]{8}", branch_name(name, path))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


FILES: list[tuple[bytes, bytes, bytes]] = [
    (b"one\ntwo\n", b"one\nthree\n", b"one\nthree\nfour\n"),
    (b"one\r\ntwo\r\n", b"one\r\nthree  \r\n", b"one\r\nthree\r\nfour\r\n"),
    (b"one", b"one\ntwo", b"one\r\ntwo\rx"),
    ("é = ü\n".encode(), "é = ü @ €\r\n".encode(), b"\xff\xfe\r\n\x00"),
    (b"From me\n", b"From a Mon Jan 1 00:00:00 2026\n---\ndiff -x\r\n", b"\n" * 5 + b"x" * 300 + b"\r\n"),
]


class TestCommits:
    @pytest.mark.parametrize("versions", FILES)
    def test_git_am_applies_the_patches(self, repo: Repo, tmp_path: Path, versions: tuple[bytes, ...]) -> None:
        start, *later = versions
        base = repo.commit({"skills/x/SKILL.md": start})
        git = Git(repo.root)
        plans = [CommitPlan(message=f"step {i}\n\nbody\n", files={"skills/x/SKILL.md": d}) for i, d in enumerate(later)]
        plans[-1] = CommitPlan(message="last\n", files={**plans[-1].files, ".skillopt/history/x.jsonl": b"{}\n"})
        shas = write_commits(git, base, plans)
        patches = format_patches(git, base, shas[-1], tmp_path / "out")
        assert [p.name for p in patches] == ["0001-step-0.patch", "0002-last.patch"]
        repo("am", "-q", *(str(p) for p in patches))
        assert repo("rev-parse", "HEAD^{tree}") == repo("rev-parse", f"{shas[-1]}^{{tree}}")
        assert (repo.root / "skills/x/SKILL.md").read_bytes() == later[-1]
        assert repo("log", "-1", "--format=%an %s") == f"{BOT_NAME} last"

    def test_patches_ignore_the_users_taste(self, repo: Repo, tmp_path: Path) -> None:
        base = repo.commit({"a": "1\n"})
        for key, value in {
            "diff.noprefix": "true",
            "format.attach": "true",
            "format.coverLetter": "true",
            "format.signOff": "true",
            "color.ui": "always",
            "commit.gpgSign": "true",
        }.items():
            repo("config", key, value)
        git = Git(repo.root)
        (sha,) = write_commits(git, base, [CommitPlan(message="m\n", files={"a": b"2\n"})])
        (patch,) = format_patches(git, base, sha, tmp_path / "out")
        text = patch.read_text()
        assert "diff --git a/a b/a" in text
        assert "Signed-off-by" not in text
        assert "\x1b" not in text

    def test_nothing_of_the_user_is_touched(self, repo: Repo) -> None:
        base = repo.commit({"a": "1", "run.sh": "x"})
        repo.write("a", "2")
        repo("add", "a")
        repo.write("a", "3")
        before = (repo("status", "--porcelain"), repo("for-each-ref"), (repo.root / ".git/index").read_bytes())
        plan = CommitPlan(message="m\n", files={"a": b"new", "b/c": b"more"})
        (sha,) = write_commits(Git(repo.root), base, [plan])
        index = (repo.root / ".git/index").read_bytes()
        assert (repo("status", "--porcelain"), repo("for-each-ref"), index) == before
        assert (repo.root / "a").read_bytes() == b"3"
        assert repo("show", f"{sha}:a") == "new"
        assert repo("show", f"{sha}:b/c") == "more"
        assert repo("ls-tree", "-r", "--name-only", sha).split() == ["a", "b/c", "run.sh"]  # the rest stays
        assert repo("rev-parse", f"{sha}^") == base

    def test_same_plans_are_the_same_commits(self, repo: Repo) -> None:
        base = repo.commit({"a": "1"})
        plans = [CommitPlan(message="m\n", files={"a": b"2"})]
        git = Git(repo.root)
        assert write_commits(git, base, plans) == write_commits(git, base, plans)

    def test_modes_stay(self, repo: Repo) -> None:
        repo.write("run.sh", "x").chmod(0o755)
        base = repo.commit({"a": "1"})
        (sha,) = write_commits(Git(repo.root), base, [CommitPlan(message="m\n", files={"run.sh": b"y"})])
        assert repo("ls-tree", sha, "run.sh").startswith("100755 ")

    def test_links_are_refused(self, repo: Repo) -> None:
        (repo.root / "link").symlink_to("a")
        base = repo.commit({"a": "1"})
        with pytest.raises(GitError, match="symbolic link"):
            write_commits(Git(repo.root), base, [CommitPlan(message="m\n", files={"link": b"y"})])

    @pytest.mark.parametrize("path", ["../x", "/x", ".git/config", "a/../../b", "a/.GIT/x"])
    def test_paths_outside_are_refused(self, repo: Repo, path: str) -> None:
        base = repo.commit({"b": "1"})
        with pytest.raises(GitError, match="cannot write"):
            write_commits(Git(repo.root), base, [CommitPlan(message="m\n", files={path: b"y"})])

    def test_a_proposal_becomes_commits(self, repo: Repo) -> None:
        base = repo.commit({"skills/invoices/SKILL.md": skill("a\n").text})
        made = propose(training(base_sha=base), [])
        shas = write_commits(Git(repo.root), base, made.commits)
        assert len(shas) == 3
        assert repo("show", f"{shas[-1]}:skills/invoices/SKILL.md") == skill("a\nd").text
        subprocess.run(["git", "check-ref-format", "--branch", made.branch], cwd=repo.root, check=True)
