"""What is done about a pull request, case by case: nothing here touches a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.forge.marker import FACTS, marker_line, read_marker
from skillopt_ci.forge.remote import Pull
from skillopt_ci.forge.upsert import (
    ON_BASE_LABEL,
    REBASE_LABEL,
    REJECTED_LABEL,
    Blocked,
    Finish,
    Leave,
    Limits,
    Open,
    Renew,
    Situation,
    Stale,
    Wish,
    commits_are_ours,
    decide,
)

BOT = "github-actions[bot]"
MARKER = {"skill": "s", "base_sha": "base", "head_sha": "head", "fingerprint": "f", "policy_sha": "p", "run_id": "run"}
WISH = Wish(fingerprint="f", run_id="run", base_sha="base", base_is_start=True, base_is_best=False)


def pull(number: int = 1, **changes: object) -> Pull:
    marker = {**MARKER, **changes.pop("marker", {})}  # type: ignore[dict-item]
    values: dict[str, object] = {
        "number": number, "url": "u", "open": True, "merged": False, "author": BOT, "same_repository": True,
        "branch": "skillopt/s-1", "head_sha": "head", "labels": {}, "closed_at": None, "title": "t",
        "body": f"text\n{marker_line(marker)}\n",
    }  # fmt: skip
    return Pull(**{**values, **changes})  # type: ignore[arg-type]


def closed(number: int = 1, **changes: object) -> Pull:
    return pull(number, **{"open": False, "closed_at": 1000.0, **changes})


def there(*pulls: Pull, head: str | None = "head", **changes: object) -> Situation:
    return Situation(login=BOT, pulls=pulls, branch_head=head, **changes)  # type: ignore[arg-type]


def wish(**changes: object) -> Wish:
    return Wish(**{**{f: getattr(WISH, f) for f in Wish.__dataclass_fields__}, **changes})  # type: ignore[arg-type]


class TestNothingIsOpen:
    def test_a_new_one_is_opened(self) -> None:
        assert decide(WISH, there(head=None), Limits()) == Open(push=True, replaces=None)

    def test_a_branch_that_was_kept_is_used_as_it_is(self) -> None:
        kept = there(head="h", commits_ours=True, branch_is_wish=True)
        assert decide(WISH, kept, Limits()) == Open(push=False, replaces="h")
        assert decide(WISH, there(head="h", commits_ours=True), Limits()) == Open(push=True, replaces="h")

    def test_a_branch_of_somebody_else_is_not_touched(self) -> None:
        assert decide(WISH, there(head="h"), Limits()) == Blocked(pull=None)

    @pytest.mark.parametrize("old", [closed(merged=True, head_sha="left"), closed(marker={"head_sha": "left"})])
    def test_what_a_finished_one_left_is_replaced(self, old: Pull) -> None:
        assert decide(wish(fingerprint="new"), there(old, head="left"), Limits()) == Open(push=True, replaces="left")

    @pytest.mark.parametrize("other", [{"author": "mallory"}, {"same_repository": False}])
    @pytest.mark.parametrize("said", [{"merged": True, "head_sha": "left"}, {"marker": {"head_sha": "left"}}])
    def test_what_a_strangers_one_says_makes_no_branch_ours(
        self, said: dict[str, object], other: dict[str, object]
    ) -> None:
        there_is = there(closed(**said, **other), head="left")
        assert decide(wish(fingerprint="new"), there_is, Limits()) == Blocked(pull=None)

    def test_commits_on_top_of_a_closed_one_are_kept(self) -> None:
        old = closed(head_sha="human")
        assert decide(wish(fingerprint="new"), there(old, head="human"), Limits()) == Blocked(pull=None)

    def test_the_same_text_is_not_opened_again(self) -> None:
        done = decide(WISH, there(closed(7), head=None), Limits())
        assert isinstance(done, Leave)
        assert (done.reason, "#7" in done.message, done.pull) == ("rejected", True, closed(7))

    def test_a_merged_one_with_the_same_text_is_no_rejection(self) -> None:
        assert isinstance(decide(WISH, there(closed(merged=True), head=None), Limits()), Open)

    def test_what_we_closed_ourselves_is_no_rejection(self) -> None:
        assert isinstance(decide(WISH, there(closed(labels={ON_BASE_LABEL: ""}), head=None), Limits()), Open)

    def test_the_label_rejects_every_text(self) -> None:
        done = decide(wish(fingerprint="new"), there(closed(labels={REJECTED_LABEL: ""}), head=None), Limits())
        assert isinstance(done, Leave)
        assert done.reason == "rejected"

    @pytest.mark.parametrize("other", [{"author": "mallory"}, {"same_repository": False}])
    def test_a_stranger_cannot_reject(self, other: dict[str, object]) -> None:
        assert isinstance(decide(WISH, there(closed(**other), head=None), Limits()), Open)

    def test_cooldown(self) -> None:
        rejected = there(closed(), head=None, now=1000.0 + 86_400)
        waits = decide(wish(fingerprint="new"), rejected, Limits(cooldown_days=1.5))
        assert isinstance(waits, Leave)
        assert (waits.reason, "0.5 days left" in waits.message) == ("cooldown", True)
        assert isinstance(decide(wish(fingerprint="new"), rejected, Limits(cooldown_days=1)), Open)

    @pytest.mark.parametrize(
        "other", [{"merged": True}, {"labels": {ON_BASE_LABEL: ""}}, {"author": "x"}, {"same_repository": False}]
    )
    def test_what_no_reviewer_rejected_starts_no_cooldown(self, other: dict[str, object]) -> None:
        done = there(closed(closed_at=1e9, **other), head=None, now=1e9)
        assert isinstance(decide(wish(fingerprint="new"), done, Limits(cooldown_days=7)), Open)

    def test_the_cooldown_counts_from_the_last_rejection(self) -> None:
        twice = there(closed(2, closed_at=900_000.0), closed(), head=None, now=900_000.0)
        waits = decide(wish(fingerprint="new"), twice, Limits(cooldown_days=7))
        assert isinstance(waits, Leave)
        assert "7.0 days left" in waits.message

    def test_others_are_open(self) -> None:
        full = decide(WISH, there(head=None, others_open=2), Limits(max_open=2))
        assert isinstance(full, Leave)
        assert full.reason == "max-open"
        assert isinstance(decide(WISH, there(head=None, others_open=2), Limits(max_open=3)), Open)


class TestOneIsOpen:
    def test_the_same_run_changes_nothing(self) -> None:
        done = decide(WISH, there(pull()), Limits(max_open=1))
        assert isinstance(done, Leave)
        assert done.reason == "up-to-date"

    def test_another_run_with_the_same_text_pushes_nothing(self) -> None:
        assert decide(wish(run_id="2"), there(pull()), Limits()) == Renew(pull=pull(), push=False, replaces="head")

    @pytest.mark.parametrize("change", [{"fingerprint": "new"}, {"base_sha": "moved"}])
    def test_new_text_or_a_new_base_rebuilds_the_branch(self, change: dict[str, object]) -> None:
        assert decide(wish(**change), there(pull()), Limits()) == Renew(pull=pull(), push=True, replaces="head")

    def test_a_persons_commit_is_never_overwritten(self) -> None:
        assert decide(wish(fingerprint="new"), there(pull(), head="human"), Limits()) == Blocked(pull=pull())

    def test_a_person_who_built_on_the_same_text_is_left_in_peace(self) -> None:
        done = decide(WISH, there(pull(), head="human"), Limits())
        assert isinstance(done, Leave)
        assert done.reason == "up-to-date"

    def test_unless_somebody_asks_for_it(self) -> None:
        asked = pull(labels={REBASE_LABEL: ""})
        activity = decide(wish(fingerprint="new"), there(asked, head="human"), Limits())
        assert activity == Renew(pull=asked, push=True, replaces="human")

    def test_a_run_that_was_killed_after_its_push_goes_on(self) -> None:
        lost = there(pull(), head="new", commits_ours=True, branch_is_wish=True)
        assert decide(wish(fingerprint="new"), lost, Limits()) == Renew(pull=pull(), push=False, replaces="new")

    @pytest.mark.parametrize("other", [{"author": "mallory"}, {"same_repository": False}])
    def test_one_that_is_not_ours_is_left_alone(self, other: dict[str, object]) -> None:
        done = decide(WISH, there(pull(**other)), Limits())
        assert isinstance(done, Leave)
        assert (done.reason, "--login" in done.message) == ("not-ours", True)

    @pytest.mark.parametrize("change", [{}, {"fingerprint": "g"}, {"base_is_start": False}, {"base_is_best": True}])
    def test_one_that_was_pointed_to_another_branch_is_left_alone(self, change: dict[str, object]) -> None:
        moved = there(pull(base_ref="release"))
        activity = decide(wish(base_ref="main", **change), moved, Limits())
        assert isinstance(activity, Leave)
        assert (activity.reason, activity.pull) == ("other-base", moved.pulls[0])

    def test_a_text_that_was_rejected_does_not_replace_it(self) -> None:
        current = pull(2, marker={"fingerprint": "other"})
        done = decide(WISH, there(current, closed(1)), Limits())
        assert isinstance(done, Leave)
        assert done.reason == "rejected"


class TestTheBaseMoved:
    def test_the_skill_changed(self) -> None:
        changed = wish(base_is_start=False)
        assert decide(changed, there(pull()), Limits()) == Stale(pull=pull())
        assert decide(changed, there(head=None), Limits()) == Stale(pull=None)
        assert decide(changed, there(pull(author="mallory")), Limits()) == Stale(pull=None)

    def test_the_base_has_the_text(self) -> None:
        merged = wish(base_is_best=True, base_is_start=False)
        assert decide(merged, there(pull()), Limits()) == Finish(pull=pull())
        assert decide(merged, there(closed(merged=True)), Limits()) == Finish(pull=None)
        for left in (there(head=None), there(pull(), head="human"), there(pull(author="mallory"), head="head")):
            done = decide(merged, left, Limits())
            assert isinstance(done, Leave)
            assert done.reason == "on-base"


def commit(
    author: str = BOT, committer: str = "web-flow", message: str = "skillopt: x\n\nRun: 1\n"
) -> dict[str, object]:
    return {"author": {"login": author}, "committer": {"login": committer}, "commit": {"message": message}}


class TestWhoseCommits:
    def test_ours(self) -> None:
        assert commits_are_ours([commit(), commit(committer=BOT)], BOT.upper())

    @pytest.mark.parametrize(
        "other",
        [
            commit("person"), commit(committer="person"), commit(message="format\n\nRun: 1"),
            commit(message="skillopt: x"), {**commit(), "author": None}, {},
        ],
    )  # fmt: skip
    def test_not_ours(self, other: dict[str, object]) -> None:
        assert not commits_are_ours([commit(), other], BOT)

    def test_no_commit_is_nobodys(self) -> None:
        assert not commits_are_ours([], BOT)


class TestMarker:
    @given(st.fixed_dictionaries({key: st.text(max_size=60) for key in FACTS}), st.text(max_size=200))
    def test_round_trip(self, facts: dict[str, str], text: str) -> None:
        assert read_marker(f"{text}\n{marker_line(dict.fromkeys(FACTS, 'x'))}\n{marker_line(facts)}\n") == facts

    @given(st.text())
    def test_anything_else_is_no_marker(self, text: str) -> None:
        assert read_marker(f"<!-- skillopt-ci:v1 {text} -->") == {}

    @pytest.mark.parametrize("facts", [{}, {**MARKER, "head_sha": 1}, [1], "x"])
    def test_other_facts_are_none(self, facts: object) -> None:
        import base64
        import json

        text = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()
        assert read_marker(f"<!-- skillopt-ci:v1 {text} -->") == {}

    def test_deep_json_is_none(self) -> None:
        import base64

        deep = base64.urlsafe_b64encode(b"[" * 5900).decode()
        assert read_marker(f"<!-- skillopt-ci:v1 {deep} -->") == {}


@given(
    st.lists(
        st.sampled_from([pull(1), pull(2, author="mallory"), closed(3), closed(4, merged=True), pull(5, labels={})])
    ),
    st.sampled_from([None, "head", "human"]),
    st.booleans(),
    st.booleans(),
)
def test_a_branch_that_is_not_ours_is_never_written(
    pulls: list[Pull], head: str | None, start: bool, best: bool
) -> None:
    """Whatever else is true: without the label, commits of others are neither replaced nor deleted."""
    activity = decide(
        wish(fingerprint="new", base_is_start=start, base_is_best=best), there(*pulls, head=head), Limits()
    )
    if head == "human":
        assert not isinstance(activity, Open | Renew | Finish)
