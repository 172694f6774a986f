"""The whole life of a skill on GitHub, by the commands that the workflows run; only GitHub and models are fakes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.forge.status import accept_label
from tests.cli.world import GOOD, PATH, SKILL, call_json, repository
from tests.forge.repo import Repo
from tests.github.server import FakeGitHub

SIZES = (16, 20, 40)


class Story:
    """One maintainer's clone of one repository."""

    def __init__(self, folder: Path, hub: FakeGitHub) -> None:
        self.hub = hub
        self.root = folder / "clone"
        self.repo = repository(self.root, sizes=SIZES)
        self.repo("remote", "add", "origin", str(hub.store.git.place))
        self.repo("push", "-q", "origin", "main")
        self.repo("remote", "set-head", "origin", "main")

    def run(self, *args: str) -> dict[str, Any]:
        env = {"GITHUB_TOKEN": self.hub.token, "GITHUB_API_URL": self.hub.url, "GITHUB_REPOSITORY": "acme/skills"}
        _, value = call_json(self.root, *args, env=env)
        return value

    def gate(self, number: int) -> dict[str, Any]:
        """What the workflow does for a pull request: pending, measure, publish."""
        self.run("publish", "--pending", "--pr", str(number))
        self.repo("fetch", "-q", "origin", f"+refs/pull/{number}/head:refs/gate/{number}", "main")
        result = self.root.parent / "gate.json"
        call_json(self.root, "gate", "--head", f"refs/gate/{number}")
        made = self.root.parent / f"{self.root.name}-result.json"
        result.write_bytes(made.read_bytes())
        return self.run("publish", str(result), "--pr", str(number))

    def change(self, branch: str, text: str) -> int:
        """A person opens a pull request that changes the skill."""
        self.hub.store.git("branch", "-f", branch, "main")
        self.hub.store.put(branch, {PATH: text})
        person = self.hub.store.accounts["ghp_person"]
        number = max(self.hub.store.pulls, default=0) + 1
        answer = self.hub.answer(
            "POST", "/api/v3/repos/acme/skills/pulls", {"authorization": "token ghp_person"},
            {"title": "Words", "body": "", "head": branch, "base": "main"},
        )  # fmt: skip
        assert answer
        assert (answer[0], person.login) == (201, "octo")
        return number

    def update(self) -> None:
        """The clone follows the default branch."""
        self.repo("fetch", "-q", "origin")
        self.repo("reset", "-q", "--hard", "origin/main")

    def state(self) -> tuple[str, int, int, str]:
        """Everything on GitHub that a run could change."""
        store = self.hub.store
        refs = subprocess.run(
            ["git", "for-each-ref"], cwd=store.git.place, capture_output=True, text=True, check=True
        ).stdout
        return (
            refs,
            len(store.statuses),
            len(store.comments),
            str([(p.title, p.body, p.state) for p in store.pulls.values()]),
        )


def test_from_training_to_a_gate_that_blocks(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as hub:
        hub.account("ghp_person", "octo")
        story = Story(tmp_path, hub)

        # Monday morning: a scheduled training, and its pull request with a status of its own.
        assert story.run("train")["proposal"] is True
        assert story.run("pr")["action"] == "opened"
        posted = story.gate(1)
        assert (posted["state"], posted["sha"]) == ("success", hub.store.pulls[1].head_sha)
        assert [s["state"] for s in hub.store.statuses] == ["pending", "success"]
        assert len(hub.store.comments) == 1

        # The same again changes nothing.
        before = story.state()
        assert story.run("pr")["action"] == "unchanged"
        assert story.state() == before

        # A maintainer merges it; the run has nothing left to do.
        hub.store.merge(1)
        story.update()
        assert (story.root / PATH).read_text(encoding="utf-8") != SKILL
        assert story.run("pr")["action"] == "closed"
        good = (story.root / PATH).read_text(encoding="utf-8")

        # A person breaks the skill: blocked. Another one only changes words: passes.
        assert story.gate(story.change("break", SKILL))["state"] == "failure"
        worded = good.replace("# Invoices", "# Invoices and bills")
        assert worded != good
        assert story.gate(story.change("words", worded))["state"] == "success"


def test_what_a_maintainer_accepted_is_in_the_next_history(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as hub:
        hub.account("ghp_person", "octo")
        story = Story(tmp_path, hub)
        number = story.change("shorter", SKILL.replace("# Invoices", "# Bills"))
        hub.store.refresh()
        hub.store.label(number, accept_label(hub.store.pulls[number].head_sha), "octo", "it must be shorter")
        hub.store.merge(number)
        story.update()
        story.run("train")
        opened = story.run("pr")
        assert opened["action"] == "opened"
        lines = hub.store.read(hub.store.pulls[2].head, ".skillopt/history/invoices.jsonl").splitlines()
        assert json.loads(lines[0])["reason"] == "it must be shorter"
        assert story.run("pr")["action"] == "unchanged"


def test_a_candidate_that_a_person_closed_stays_closed(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as hub:
        story = Story(tmp_path, hub)
        assert story.run("train")["proposal"] is True
        story.run("pr")
        hub.store.close(1)
        before = story.state()
        assert story.run("pr")["action"] == "rejected"
        assert story.state() == before


def test_a_person_s_repository_is_what_the_clone_sees(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as hub:
        story = Story(tmp_path, hub)
        hub.store.put("main", {PATH: GOOD})
        story.update()
        assert Repo(story.root, create=False)("show", f"HEAD:{PATH}") == GOOD.strip()
        with pytest.raises(AssertionError):
            story.repo("push", "-q", "origin", "HEAD~1:main")
