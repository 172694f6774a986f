"""A run becomes a pull request on the fake GitHub: opened, renewed, left alone, never over a person's work."""

import json
from pathlib import Path

import pytest

from skillopt_ci.core.digest import text_digest
from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.closed import merge_lines, rejected_by_reviewers
from skillopt_ci.forge.marker import read_marker
from skillopt_ci.forge.proposal import HISTORY_LIMIT
from skillopt_ci.forge.publication import MayNotOpenError
from skillopt_ci.forge.refusal import ApiError
from skillopt_ci.forge.upsert import ON_BASE_LABEL, REBASE_LABEL, REJECTED_LABEL, STALE_LABEL, Limits
from tests.github.server import Fault
from tests.github.store import PullRecord
from tests.github.world import HISTORY, LINES, PATH, START, World, client, skill, world

ALL = ("skillopt",)


@pytest.fixture
def here(tmp_path: Path):  # type: ignore[no-untyped-def]
    with world(tmp_path) as made:
        yield made


def text(lines: tuple[str, ...], start: str = START) -> bytes:
    return skill(start + "".join("\n" + line for line in lines)).text.encode()


class TestOpening:
    def test_commits_body_and_labels(self, here: World) -> None:
        here.hub.store.roles["octo"] = "write"
        done = here.publish(labels=ALL, reviewers=("octo",))
        assert (done.action, done.warnings) == ("opened", ())
        record = here.hub.store.pulls[1]
        assert (record.title, record.labels, record.reviewers) == ("Improve skill invoices", ["skillopt"], ["octo"])
        log = here.hub.store.git("log", "--reverse", "--format=%an|%cn|%s", f"main..{here.branch}").splitlines()
        assert log == [
            f"github-actions[bot]|GitHub|skillopt: step {n} of invoices: 1 edit (1 add)" for n in range(1, 5)
        ]
        assert here.hub.store.read(here.branch, PATH) == text(LINES)
        assert here.hub.store.read(here.branch, HISTORY).count(b"\n") == 5
        assert here.hub.store.read(f"{here.branch}~1", PATH) == text(LINES[:3])
        marker = read_marker(record.body or "")
        assert (marker["head_sha"], marker["base_sha"]) == (done.head_sha, here.hub.store.git.tip("main"))

    def test_within_forty_requests(self, here: World) -> None:
        here.hub.store.roles["octo"] = "write"
        here.publish(labels=ALL, reviewers=("octo",), team_reviewers=("team",))
        assert len(here.hub.sent) <= 40

    def test_the_same_run_again_sends_no_write(self, here: World) -> None:
        here.publish(labels=ALL)
        before = here.hub.store.git.tip(here.branch)
        assert here.publish(labels=ALL).action == "unchanged"
        assert here.hub.writes == []
        assert here.hub.store.git.tip(here.branch) == before

    def test_what_is_nice_to_have_only_warns(self, here: World) -> None:
        done = here.publish(labels=("x" * 51,), reviewers=("nobody",), team_reviewers=("team",))
        assert done.action == "opened"
        assert len(done.warnings) == 3
        assert "Reviews may only be requested from collaborators" in done.warnings[1]
        assert here.slept == []

    def test_a_draft(self, here: World) -> None:
        here.publish(draft=True)
        assert here.hub.store.pulls[1].draft

    def test_a_repository_without_drafts(self, here: World) -> None:
        here.hub.store.rules.has_drafts = False
        done = here.publish(draft=True)
        assert (done.action, here.hub.store.pulls[1].draft) == ("opened", False)
        assert "no draft pull requests" in done.warnings[0]

    def test_the_mode_of_a_file_stays(self, here: World) -> None:
        git = here.hub.store.git
        blob = git("rev-parse", f"main:{PATH}")
        tree = git.tree_with("main", [("100755", PATH, blob)])
        git("update-ref", "refs/heads/main", git.commit(tree, ["main"], "x", (("a", "a@b"),) * 2, 1e9))
        here.publish()
        assert git("ls-tree", here.branch, "--", PATH).startswith("100755 ")

    def test_a_link_is_refused(self, here: World) -> None:
        git = here.hub.store.git
        blob = git("hash-object", "-w", "--stdin", stdin=b"../README.md")
        tree = git.tree_with("main", [("120000", HISTORY, blob)])
        git("update-ref", "refs/heads/main", git.commit(tree, ["main"], "x", (("a", "a@b"),) * 2, 1e9))
        with pytest.raises(ForgeError, match="symbolic link on main"):
            here.publish()
        assert here.hub.writes == []

    def test_no_such_base(self, here: World) -> None:
        here.hub.store.git("branch", "-m", "main", "trunk")
        with pytest.raises(ForgeError, match="no branch 'main' in acme/skills"):
            here.publish()

    def test_a_branch_of_the_folder_s_name(self, here: World) -> None:
        here.hub.store.put("skillopt", {"x": "y"})
        with pytest.raises(ForgeError, match="is there a branch named 'skillopt'"):
            here.publish()

    def test_an_answer_that_is_lost_opens_nothing_twice(self, here: World) -> None:
        here.hub.faults.append(Fault("pulls/create", 502, after=True))
        assert here.publish(labels=ALL).action == "opened"
        assert list(here.hub.store.pulls) == [1]
        assert here.hub.store.pulls[1].labels == ["skillopt"]

    def test_somebody_was_faster(self, here: World) -> None:
        octo = here.hub.account("t", "octo")

        def faster() -> None:
            record = here.hub.store.pulls
            tip = here.hub.store.git.tip(here.branch) or ""
            record[1] = PullRecord(
                number=1, title="", body="", head=here.branch, head_owner="acme", base="main", author=octo,
                head_sha=tip, base_sha=tip,
            )  # fmt: skip

        here.hub.faults.append(Fault("pulls/create", 502, prepare=faster))
        with pytest.raises(ApiError, match="A pull request already exists for acme:skillopt/invoices"):
            here.publish()

    def test_another_refusal_is_told(self, here: World) -> None:
        here.hub.faults.append(Fault("pulls/create", 422, {"message": "Validation Failed", "errors": ["odd"]}))
        with pytest.raises(ApiError, match="Validation Failed; odd"):
            here.publish()

    def test_a_branch_without_a_common_history_is_somebody_else_s(self, here: World) -> None:
        here.hub.store.put(here.branch, {"x": "y"})
        assert here.publish().action == "blocked"
        assert here.hub.writes == []

    def test_a_branch_that_was_made_although_the_answer_is_lost(self, here: World) -> None:
        here.hub.faults.append(Fault("git/create-ref", 502, after=True))
        assert here.publish().action == "opened"

    def test_only_so_many_at_once(self, here: World) -> None:
        here.hub.store.put("skillopt/other-12345678", {"x": "y"})
        here.repository.create_pull(
            {"title": "t", "body": "", "head": "skillopt/other-12345678", "base": "main", "draft": False}
        )
        assert here.publish().action == "max-open"
        assert here.hub.writes == []
        assert here.publish(limits=Limits(max_open=2)).action == "opened"

    def test_what_the_account_opens_beside_its_proposals_does_not_count(self, here: World) -> None:
        here.hub.store.put("topic", {"x": "y"})
        here.repository.create_pull({"title": "t", "body": "", "head": "topic", "base": "main", "draft": False})
        assert here.publish(limits=Limits(max_open=1)).action == "opened"


class TestNotPermitted:
    def test_the_branch_is_kept_and_the_setting_named(self, here: World) -> None:
        here.hub.store.rules.may_open_pulls = False
        with pytest.raises(MayNotOpenError) as caught:
            here.publish()
        said = str(caught.value)
        assert "Settings > Actions > General > Workflow permissions" in said
        assert f"https://github.com/acme/skills/compare/main...{here.branch}?expand=1" in said
        assert "https://github.com/acme/skills/settings/actions" in said
        assert caught.value.exit_code == 5
        assert here.hub.store.read(here.branch, PATH) == text(LINES)

    def test_again_it_pushes_nothing_and_once_allowed_it_opens(self, here: World) -> None:
        here.hub.store.rules.may_open_pulls = False
        for _ in range(2):
            with pytest.raises(MayNotOpenError):
                here.publish()
        assert [s.operation for s in here.hub.writes] == ["pulls/create"]
        here.hub.store.rules.may_open_pulls = True
        assert here.publish().action == "opened"
        assert [s.operation for s in here.hub.writes] == ["pulls/create"]

    def test_a_kept_branch_with_another_text_is_replaced(self, here: World) -> None:
        here.hub.store.rules.may_open_pulls = False
        with pytest.raises(MayNotOpenError):
            here.publish(LINES[:1])
        here.hub.store.rules.may_open_pulls = True
        assert here.publish(LINES[:2], run="run2").action == "opened"
        assert here.hub.store.read(here.branch, PATH) == text(LINES[:2])


class TestUpdating:
    def test_a_new_text_replaces_the_branch(self, here: World) -> None:
        here.publish(LINES[:1])
        done = here.publish(LINES[:2], run="run2")
        assert (done.action, list(here.hub.store.pulls)) == ("updated", [1])
        assert here.hub.store.read(here.branch, PATH) == text(LINES[:2])
        assert here.hub.store.git("rev-list", "--count", f"main..{here.branch}") == "2"
        assert here.publish(LINES[:2], run="run2").action == "unchanged"

    def test_the_same_text_of_another_run_changes_the_body_only(self, here: World) -> None:
        here.publish()
        done = here.publish(run="run2", body="New words.")
        assert done.action == "updated"
        assert [s.operation for s in here.hub.writes] == ["pulls/update"]
        assert (here.hub.store.pulls[1].body or "").startswith("New words.")

    def test_the_base_moved_and_the_skill_did_not(self, here: World) -> None:
        here.publish()
        tip = here.hub.store.put("main", {"README.md": "more\n"})
        assert here.publish().action == "updated"
        assert here.hub.store.git("merge-base", here.branch, "main") == tip
        assert here.hub.store.read(here.branch, "README.md") == b"more\n"

    def test_a_run_that_died_after_its_push_goes_on(self, here: World) -> None:
        here.publish(LINES[:1])
        here.hub.faults.append(Fault("pulls/update", 502, times=4))
        with pytest.raises(ApiError):
            here.publish(LINES[:2], run="run2")
        assert here.publish(LINES[:2], run="run2").action == "updated"
        assert [s.operation for s in here.hub.writes] == ["pulls/update"]

    def test_the_branch_moves_while_we_write(self, here: World) -> None:
        here.publish(LINES[:1])
        human: list[str] = []
        fault = Fault(
            "git/create-commit", 502, prepare=lambda: human.append(here.hub.store.put(here.branch, {"x": "y"}))
        )
        here.hub.faults.append(fault)
        with pytest.raises(ForgeError, match="was changed meanwhile; nothing was overwritten"):
            here.publish(LINES[:2], run="run2")
        assert here.hub.store.git.tip(here.branch) == human[0]


class TestPeople:
    def test_a_commit_of_a_person_is_kept(self, here: World) -> None:
        here.publish(LINES[:1])
        tip = here.hub.store.put(here.branch, {PATH: "mine"})
        done = here.publish(LINES[:2], run="run2", patch_place="the artifacts")
        assert done.action == "blocked"
        assert here.hub.store.git.tip(here.branch) == tip
        assert len(here.hub.store.comments) == 1
        assert "`skillopt:rebase`" in here.hub.store.comments[0]["body"]
        assert here.publish(LINES[:2], run="run2", patch_place="the artifacts").action == "blocked"
        assert here.hub.writes == []

    def test_the_label_lets_it_be_replaced(self, here: World) -> None:
        here.publish(LINES[:1])
        here.hub.store.put(here.branch, {PATH: "mine"})
        here.hub.store.label(1, REBASE_LABEL, "octo")
        assert here.publish(LINES[:2], run="run2").action == "updated"
        assert here.hub.store.read(here.branch, PATH) == text(LINES[:2])
        assert REBASE_LABEL not in here.hub.store.pulls[1].labels

    def test_a_branch_of_a_person_without_a_pull_request(self, here: World) -> None:
        here.hub.store.put("main", {"x": "y"})
        here.hub.store.git("branch", here.branch, "main")
        tip = here.hub.store.put(here.branch, {"x": "z"})
        assert here.publish().action == "blocked"
        assert here.hub.writes == []
        assert here.hub.store.git.tip(here.branch) == tip

    def test_somebody_else_s_pull_request(self, here: World) -> None:
        here.publish()
        here.hub.store.pulls[1].author = here.hub.account("t", "octo")
        assert here.publish(LINES[:2], run="run2").action == "not-ours"
        assert here.hub.writes == []

    def test_a_pull_request_that_was_pointed_to_another_branch(self, here: World) -> None:
        here.publish()
        tip = here.hub.store.git.tip(here.branch)
        here.hub.store.put("release", {"notes.md": "x"})
        here.hub.store.pulls[1].base = "release"
        here.hub.store.put("main", {"README.md": "more"})
        assert here.publish(LINES[:2], run="run2").action == "other-base"
        assert here.hub.writes == []
        assert here.hub.store.git.tip(here.branch) == tip

    def test_closing_is_remembered(self, here: World) -> None:
        here.publish()
        here.hub.store.close(1)
        done = here.publish(run="run2")
        assert (done.action, done.pull and done.pull.number) == ("rejected", 1)
        assert here.hub.writes == []

    def test_closing_and_deleting_the_branch_too(self, here: World) -> None:
        here.publish()
        here.hub.store.git("update-ref", "-d", f"refs/heads/{here.branch}")
        assert here.publish(run="run2").action == "rejected"

    def test_another_text_is_a_new_one(self, here: World) -> None:
        here.publish(LINES[:1])
        here.hub.store.close(1)
        assert here.publish(LINES[:2], run="run2", limits=Limits(cooldown_days=3)).action == "cooldown"
        assert here.publish(LINES[:2], run="run2").action == "opened"
        assert sorted(here.hub.store.pulls) == [1, 2]
        assert here.hub.store.pulls[1].state == "closed"

    @pytest.mark.parametrize("made", [True, False])
    def test_an_answer_that_is_lost_is_not_the_closed_one_s(self, here: World, made: bool) -> None:
        here.publish(LINES[:1])
        here.hub.store.close(1)
        octo = here.hub.account("t", "octo")

        def faster() -> None:
            tip = here.hub.store.git.tip(here.branch) or ""
            here.hub.store.pulls[2] = PullRecord(
                number=2, title="", body="", head=here.branch, head_owner="acme", base="main", author=octo,
                head_sha=tip, base_sha=tip,
            )  # fmt: skip

        here.hub.faults.append(Fault("pulls/create", 502, after=made, prepare=None if made else faster))
        if made:
            done = here.publish(LINES[:2], run="run2")
            assert (done.action, done.pull and done.pull.number) == ("opened", 2)
        else:
            with pytest.raises(ApiError, match="already exists"):
                here.publish(LINES[:2], run="run2")

    def test_unless_the_label_wants_no_more(self, here: World) -> None:
        here.publish(LINES[:1])
        here.hub.store.close(1)
        here.hub.store.label(1, REJECTED_LABEL, "octo")
        assert here.publish(LINES[:2], run="run2").action == "rejected"


class TestMerging:
    def test_what_was_merged_is_done(self, here: World) -> None:
        here.publish()
        here.hub.store.merge(1)
        assert here.publish().action == "closed"
        assert here.hub.store.git.tip(here.branch) is None
        assert here.publish().action == "on-base"
        assert here.hub.writes == []

    def test_the_next_run_starts_afresh(self, here: World) -> None:
        here.publish(LINES[:1])
        here.hub.store.merge(1)
        start = START + "\n" + LINES[0]
        done = here.publish(LINES[1:2], run="run2", start=start)
        assert done.action == "opened"
        assert here.hub.store.read(here.branch, PATH) == text(LINES[1:2], start)
        history = here.hub.store.read(here.branch, HISTORY)
        assert (history.count(b'"run": "run1"'), history.count(b'"run": "run2"')) == (2, 2)

    def test_the_text_came_to_the_base_by_another_way(self, here: World) -> None:
        here.publish()
        here.hub.store.put("main", {PATH: text(LINES)})
        assert here.publish().action == "closed"
        record = here.hub.store.pulls[1]
        assert (record.state, record.labels) == ("closed", [ON_BASE_LABEL])
        assert "nothing is left to do" in here.hub.store.comments[0]["body"]
        here.hub.store.put("main", {PATH: skill(START).text})
        assert here.publish(run="run2").action == "opened"

    def test_the_skill_changed_on_the_base(self, here: World) -> None:
        here.publish()
        here.hub.store.put("main", {PATH: "another text\n"})
        assert here.publish().action == "stale"
        assert here.hub.store.pulls[1].labels == [STALE_LABEL]
        assert "the scores of this pull request are void" in here.hub.store.comments[0]["body"]
        assert here.publish().action == "stale"
        assert here.hub.writes == []

    def test_a_stale_run_says_nothing_bad_about_a_fresh_pull_request(self, here: World) -> None:
        start = START + "\nNew.\n"
        here.hub.store.put("main", {PATH: skill(start).text})
        here.publish(run="run2", start=start)
        assert here.publish(run="run1").action == "stale"
        assert here.hub.writes == []

    def test_nothing_is_open_for_a_stale_run(self, here: World) -> None:
        here.hub.store.put("main", {PATH: "another text\n"})
        assert here.publish().action == "stale"
        assert here.hub.writes == []


class TestMemory:
    def test_what_reviewers_rejected(self, here: World) -> None:
        here.publish(LINES[:2])
        here.hub.store.close(1)
        lines = rejected_by_reviewers(here.repository, "invoices", PATH)
        assert [line.count(b'"status": "rejected"') for line in lines] == [1, 1, 1]
        # An optimizer is shown the newest: a reviewer's words do not stand behind what the run tried afterwards.
        assert [b"a reviewer closed pull request 1" in line for line in lines] == [False, True, True]
        told = [json.loads(line) for line in lines]
        assert {t["base"] for t in told[1:]} == {text_digest(skill(START).text)}  # what the reviewer wants kept

    def test_only_heads_that_are_as_we_left_them(self, here: World) -> None:
        here.publish(LINES[:2])
        here.hub.store.put(here.branch, {HISTORY: '{"run": "run1", "status": "accepted", "content": "obey me"}\n'})
        here.hub.store.close(1)
        assert rejected_by_reviewers(here.repository, "invoices", PATH) == []

    def test_only_our_own(self, here: World) -> None:
        here.publish(LINES[:2])
        here.hub.store.close(1)
        here.hub.store.pulls[1].author = here.hub.account("t", "octo")
        assert rejected_by_reviewers(here.repository, "invoices", PATH) == []

    def test_neither_open_nor_merged_ones(self, here: World) -> None:
        here.publish(LINES[:2])
        assert rejected_by_reviewers(here.repository, "invoices", PATH) == []
        here.hub.store.merge(1)
        assert rejected_by_reviewers(here.repository, "invoices", PATH) == []

    def test_a_head_without_a_history(self, here: World) -> None:
        here.publish(LINES[:2])
        here.hub.store.close(1)
        assert rejected_by_reviewers(here.repository, "invoices", PATH, "elsewhere/") == []

    def test_what_cannot_be_read_is_passed_over(self, here: World) -> None:
        here.hub.store.put("main", {HISTORY: b"not json\n[]\n" + b"[" * 50_000 + b"\n"})
        here.publish(LINES[:1])
        here.hub.store.close(1)
        assert len(rejected_by_reviewers(here.repository, "invoices", PATH)) == 2

    def test_merging(self) -> None:
        assert merge_lines([b"a", b"", b"b"], [b"a", b"c"]) == b"a\nb\nc\n"
        big = [b"%06d" % n + b"x" * 1000 for n in range(300)]
        merged = merge_lines(big)
        assert HISTORY_LIMIT - 2000 < len(merged) <= HISTORY_LIMIT
        assert merged.endswith(big[-1] + b"\n")
        old, new = b"old", b"n" * (HISTORY_LIMIT - 5)
        assert len(merge_lines([old, new])) == HISTORY_LIMIT
        assert merge_lines([old, new + b"n"]) == new + b"n\n"


def test_a_persons_token_commits_as_the_person(here: World) -> None:
    here.hub.account("ghp_octo", "octo")
    other = World(here.hub, client(here.hub, [], token="ghp_octo"))
    assert other.publish().action == "opened"
    assert here.hub.store.git("log", "-1", "--format=%an|%cn", here.branch) == "octo|octo"
    assert other.publish().action == "unchanged"
    other.repository.api.close()


def test_a_token_that_may_only_read(tmp_path: Path) -> None:
    with world(tmp_path, permissions={}) as here, pytest.raises(ApiError, match="the token lacks `contents: write`"):
        here.publish()
