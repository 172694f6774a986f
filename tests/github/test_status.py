"""Commit status, sticky comment and a maintainer's word on the fake GitHub."""

from pathlib import Path

import pytest

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.status import CONTEXT, accept_label, find_acceptance, post_status
from skillopt_ci.forge.sticky import COMMENT_LIMIT, put_comment
from tests.github.server import Fault
from tests.github.world import World, world


@pytest.fixture
def here(tmp_path: Path):  # type: ignore[no-untyped-def]
    with world(tmp_path) as made:
        made.publish()
        made.hub.forget()
        yield made


def head(here: World) -> str:
    tip = here.hub.store.git.tip(here.branch)
    assert tip
    return tip


class TestStatus:
    def test_pending_then_final(self, here: World) -> None:
        assert post_status(here.repository, head(here), "pending", "running", "https://example.org/run")
        assert post_status(here.repository, head(here), "success", "pass", "https://example.org/run")
        states = [(s["context"], s["state"], s["target_url"]) for s in here.hub.store.statuses]
        assert states == [
            (CONTEXT, "pending", "https://example.org/run"),
            (CONTEXT, "success", "https://example.org/run"),
        ]

    def test_the_same_is_not_sent_twice(self, here: World) -> None:
        assert post_status(here.repository, head(here), "failure", "x")
        assert not post_status(here.repository, head(here), "failure", "x")
        assert len(here.hub.writes) == 1

    def test_somebody_else_s_status_is_replaced(self, here: World) -> None:
        post_status(here.repository, head(here), "success", "x")
        here.hub.store.statuses[-1]["creator"] = {"login": "mallory"}
        assert post_status(here.repository, head(here), "success", "x")

    def test_other_contexts_are_passed_over(self, here: World) -> None:
        post_status(here.repository, head(here), "success", "x")
        here.hub.store.statuses.append({**here.hub.store.statuses[-1], "context": "other"})
        assert not post_status(here.repository, head(here), "success", "x")

    def test_long_words_are_cut(self, here: World) -> None:
        post_status(here.repository, head(here), "success", "x" * 500)
        assert here.hub.store.statuses[-1]["description"] == "x" * 139 + "…"


class TestComment:
    def test_one_comment_is_kept_up_to_date(self, here: World) -> None:
        assert put_comment(here.repository, 1, "gate", "one")
        assert put_comment(here.repository, 1, "gate", "two")
        assert not put_comment(here.repository, 1, "gate", "two")
        assert put_comment(here.repository, 1, "note", "other")
        assert [c["body"] for c in here.hub.store.comments] == [
            "<!-- skillopt-ci:gate -->\ntwo\n",
            "<!-- skillopt-ci:note -->\nother\n",
        ]

    def test_a_stranger_s_comment_with_our_line_is_not_ours(self, here: World) -> None:
        person = here.hub.account("t", "mallory")
        here.hub.store.comments.append(
            {
                "id": 1,
                "body": "<!-- skillopt-ci:gate -->\nhello",
                "user": person.user(),
                "created_at": "2026-11-01T00:00:00Z",
                "on": 1,
            }
        )
        put_comment(here.repository, 1, "gate", "ours")
        assert [c["user"]["login"] for c in here.hub.store.comments] == ["mallory", "github-actions[bot]"]
        assert here.hub.store.comments[0]["body"].endswith("hello")

    def test_our_line_in_the_middle_of_a_comment_is_no_mark(self, here: World) -> None:
        put_comment(here.repository, 1, "note", "<!-- skillopt-ci:gate -->")
        put_comment(here.repository, 1, "gate", "ours")
        assert len(here.hub.store.comments) == 2

    def test_an_answer_that_is_lost_makes_no_second_comment(self, here: World) -> None:
        here.hub.faults.append(Fault("issues/create-comment", 502, after=True))
        put_comment(here.repository, 1, "gate", "one")
        assert len(here.hub.store.comments) == 1

    def test_a_comment_that_was_not_made_is_an_error(self, here: World) -> None:
        here.hub.faults.append(Fault("issues/create-comment", 502, times=9))
        with pytest.raises(ForgeError):
            put_comment(here.repository, 1, "gate", "one")

    def test_too_long_is_a_mistake_of_ours(self, here: World) -> None:
        with pytest.raises(ForgeError, match="please report it"):
            put_comment(here.repository, 1, "gate", "\U0001f600" * (COMMENT_LIMIT // 2))
        assert here.hub.writes == []


class TestAcceptance:
    def accepted(self, here: World, who: str, reason: str = "we know", sha: str = "") -> tuple[object, str]:
        here.hub.store.label(1, accept_label(sha or head(here)), who, reason)
        return find_acceptance(here.repository, here.repository.pull(1), head(here))

    @pytest.mark.parametrize("role", ["write", "maintain", "admin"])
    def test_a_writer_accepts_one_commit(self, here: World, role: str) -> None:
        here.hub.store.roles["octo"] = role
        found, why = self.accepted(here, "octo")
        assert (found.by, found.reason, why) == ("octo", "we know", "")  # type: ignore[attr-defined]

    @pytest.mark.parametrize("role", ["triage", "read"])
    def test_others_cannot(self, here: World, role: str) -> None:
        here.hub.store.roles["octo"] = role
        assert self.accepted(here, "octo") == (
            None,
            f"octo added the label {accept_label(head(here))} and has no write access",
        )

    def test_without_a_reason_it_does_not_count(self, here: World) -> None:
        here.hub.store.roles["octo"] = "admin"
        found, why = self.accepted(here, "octo", " ")
        assert (found, "it must say why" in why) == (None, True)

    def test_another_commit_s_label_does_not_count(self, here: World) -> None:
        here.hub.store.roles["octo"] = "admin"
        assert self.accepted(here, "octo", sha="0" * 40) == (None, "")
        assert len(here.hub.sent) == 1

    def test_the_last_one_who_added_it_counts(self, here: World) -> None:
        here.hub.store.roles.update({"octo": "admin", "mallory": "triage"})
        self.accepted(here, "octo")
        here.hub.store.pulls[1].labels.clear()
        found, _ = self.accepted(here, "mallory")
        assert found is None

    def test_a_word_that_was_taken_back_does_not_count_behind_a_thousand_events(self, here: World) -> None:
        store, label = here.hub.store, accept_label(head(here))
        store.roles.update({"octo": "admin", "mallory": "triage"})
        self.accepted(here, "octo")
        store.events.append({**store.events[-1], "id": store.new_id(), "event": "unlabeled"})
        store.events += [{**store.events[-1], "id": store.new_id(), "label": "noise"} for _ in range(1000)]
        store.pulls[1].labels.clear()
        assert self.accepted(here, "mallory") == (None, f"who added the label {label} cannot be found out")

    def test_other_labels_say_nothing_about_who_accepts(self, here: World) -> None:
        store = here.hub.store
        store.roles.update({"octo": "admin", "mallory": "triage"})
        self.accepted(here, "mallory")
        store.label(1, "bug", "octo")
        found, why = find_acceptance(here.repository, here.repository.pull(1), head(here))
        assert (found, "mallory added" in why) == (None, True)

    def test_nobody_added_it(self, here: World) -> None:
        here.hub.store.labels[accept_label(head(here))] = "why"
        here.hub.store.pulls[1].labels.append(accept_label(head(here)))
        found, why = find_acceptance(here.repository, here.repository.pull(1), head(here))
        assert (found, "cannot be found out" in why) == (None, True)

    def test_what_somebody_may_do_cannot_be_seen(self, here: World) -> None:
        here.hub.faults.append(
            Fault("repos/get-collaborator-permission-level", 403, {"message": "Must have push access"})
        )
        found, why = self.accepted(here, "octo")
        assert (found, "Must have push access" in why) == (None, True)
