"""The reusable workflows themselves, job by job, against the fake GitHub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.forge.spending import MOST_IN_A_GATE
from skillopt_ci.forge.status import accept_label
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, config, files
from tests.github.server import FakeGitHub
from tests.github.store import Account
from tests.runner.workflow import Event, JobResult, WorkflowRun
from tests.runner.world import dispatch, merge_group, pull_request

NAME = "acme/skills"


class Hub:
    """The fake GitHub with a skill on main, and runs of our workflows on its events."""

    def __init__(self, folder: Path, hub: FakeGitHub, **changes: Any) -> None:
        self.folder, self.hub = folder, hub
        hub.account("ghp_person", "octo")
        self.base = hub.store.put("main", files(changes.pop("skill", GOOD), **changes))

    def __call__(self, kind: str, event: Event, **secrets: str) -> dict[str, JobResult]:
        count = len(list(self.folder.glob("run-*")))
        env = {"GITHUB_API_URL": self.hub.url, "GITHUB_REPOSITORY": NAME, "GITHUB_SERVER_URL": self.hub.root}
        run = WorkflowRun(self.folder / f"run-{count}", kind, self.hub.store.git.place, secrets, env)
        return run.run(event, self.hub.token)

    def pull(
        self, changes: dict[str, bytes | str | None], *, head: str = "change", base: str = "main"
    ) -> tuple[int, str]:
        """A person's pull request; returns its number and its head."""
        self.hub.store.git("branch", "-f", head, base)
        sha = self.hub.store.put(head, changes)
        answer = self.hub.answer(
            "POST", f"/api/v3/repos/{NAME}/pulls", {"authorization": "token ghp_person"},
            {"title": "A change", "body": "", "head": head, "base": base},
        )  # fmt: skip
        assert answer is not None
        assert answer[0] == 201
        self.hub.store.refresh()
        return int(answer[2]["number"]), sha

    def event(self, number: int, sha: str, **more: Any) -> Event:
        payload = pull_request(number, sha, self.base, repository=more.get("repository", NAME))
        return Event("pull_request", payload, sha=sha, base_ref="main")

    @property
    def states(self) -> list[tuple[str, str]]:
        """Every status that was posted: commit and state."""
        return [(s["sha"] if "sha" in s else s["on"], s["state"]) for s in self.hub.store.statuses]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with FakeGitHub(tmp_path / "hub") as fake:
        yield Hub(tmp_path, fake)


def results(jobs: dict[str, JobResult]) -> dict[str, str]:
    return {name: job.result for name, job in jobs.items()}


def test_a_pull_request_that_breaks_a_skill(hub: Hub) -> None:
    number, sha = hub.pull({PATH: SKILL})
    jobs = hub("gate", hub.event(number, sha))
    # Measuring has succeeded, so that running the failed jobs again buys nothing.
    assert results(jobs) == {"check": "success", "pending": "success", "measure": "success", "publish": "failure"}
    assert [state for _, state in hub.states] == ["pending", "failure"]
    assert {commit for commit, _ in hub.states} == {sha}
    assert len(hub.hub.store.comments) == 1
    ours = [sent for sent in hub.hub.sent if sent.operation != "pulls/create"]
    # Stored bases are looked for event by event (3). The rest up to 32: a base that is there (4), a maintainer's label
    # (2), what other runs have spent (1 + 8), and whether a run is the default branch's own (7 at most).
    assert len(ours) <= 32 - 4 - 2 - (1 + MOST_IN_A_GATE + 7)


def test_a_maintainers_word_and_only_the_failed_job_again(hub: Hub) -> None:
    number, sha = hub.pull({PATH: SKILL})
    env = {"GITHUB_API_URL": hub.hub.url, "GITHUB_REPOSITORY": NAME}
    run = WorkflowRun(hub.folder / "run", "gate", hub.hub.store.git.place, {}, env)
    assert results(run.run(hub.event(number, sha), hub.hub.token))["publish"] == "failure"
    hub.hub.store.label(number, accept_label(sha), "octo", "shorter is worth it")
    only = {name: job for name, job in run.definition["jobs"].items() if name == "publish"}
    run.definition["jobs"] = only
    run.folder = hub.folder / "again"
    assert results(run.run(hub.event(number, sha), hub.hub.token))["publish"] == "success"
    assert [state for _, state in hub.states] == ["pending", "failure", "success"]


def test_an_undecided_gate_that_blocks_is_bought_once_too(tmp_path: Path) -> None:
    """A maintainer can accept it, and then the failed jobs are run again: measuring must not be one of them."""
    with FakeGitHub(tmp_path / "hub") as fake:
        hub = Hub(tmp_path, fake, gate={"on_inconclusive": "block", "max_rounds": 1})
        number, sha = hub.pull({PATH: GOOD + "- Be brief.\n"})
        jobs = hub("gate", hub.event(number, sha))
        assert jobs["measure"].steps["Gate"].outputs["reason"] == "undecided"
        assert jobs["measure"].steps["Gate"].outputs["exit-code"] == "3"
        assert (jobs["measure"].result, jobs["publish"].result) == ("success", "failure")
        assert hub.states == [(sha, "pending"), (sha, "failure")]


def test_a_change_of_words_passes(hub: Hub) -> None:
    number, sha = hub.pull({PATH: GOOD.replace("Use when", "Useful when"), "README.md": "hello"})
    jobs = hub("gate", hub.event(number, sha))
    assert set(results(jobs).values()) == {"success"}
    assert [state for _, state in hub.states] == ["pending", "success"]


def test_a_fork_is_left_to_a_maintainer_who_dispatches(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as fake:
        model = {"provider": "openai", "model": "gpt-5.4-mini"}
        hub = Hub(tmp_path, fake, target=model, optimizer=None)
        number, sha = hub.pull({PATH: SKILL})
        jobs = hub("gate", hub.event(number, sha, repository="stranger/skills"))
        assert set(results(jobs).values()) == {"success"}
        assert jobs["measure"].steps["Gate"].outputs["reason"] == "needs-maintainer"
        assert hub.states == []
        assert hub.hub.store.comments == []


def test_a_dispatch_for_a_reviewed_head(hub: Hub) -> None:
    number, sha = hub.pull({PATH: SKILL})
    event = Event("workflow_dispatch", _named(dispatch(pr=str(number), head_sha=sha)), sha=hub.base)
    jobs = hub("gate", event)
    assert results(jobs) == {"check": "skipped", "pending": "success", "measure": "success", "publish": "failure"}
    assert hub.states == [(sha, "pending"), (sha, "failure")]


def test_a_dispatch_for_an_old_head_ends_as_an_error(hub: Hub) -> None:
    number, old = hub.pull({PATH: SKILL})
    hub.hub.store.put("change", {"README.md": "more"})
    event = Event("workflow_dispatch", _named(dispatch(pr=str(number), head_sha=old)), sha=hub.base)
    jobs = hub("gate", event)
    assert (jobs["measure"].result, jobs["publish"].result) == ("failure", "failure")
    assert hub.states[-1] == (old, "error")


@pytest.mark.parametrize(("started_on", "state"), [("release", "failure"), ("main", "error")])
def test_a_dispatch_judges_by_the_branch_that_it_was_started_on(hub: Hub, started_on: str, state: str) -> None:
    """A pull request for another branch than the default one; main would not block, as its rule allows every loss."""
    hub.hub.store.git("branch", "-f", "release", "main")
    hub.base = hub.hub.store.put("main", {CONFIG: config(gate={"margin": 0.99, "min_effect": 0.99})})
    number, sha = hub.pull({PATH: SKILL}, base="release")
    event = Event(
        "workflow_dispatch", _named(dispatch(pr=str(number), head_sha=sha)), sha=hub.base, ref_name=started_on
    )
    jobs = hub("gate", event)
    assert jobs["publish"].result == "failure"
    assert hub.states == [(sha, "pending"), (sha, state)]
    if state == "error":
        assert "start it with --ref release" in jobs["publish"].raw


@pytest.mark.parametrize(
    ("changes", "states"),
    [({"base": {"ref": {"from": "release"}}}, ["pending", "failure"]), ({"title": {"from": "old"}}, [])],
)
def test_a_pull_request_for_another_branch_is_judged_anew(hub: Hub, changes: dict[str, Any], states: list[str]) -> None:
    """Its commit had a status by the rules of the branch before; of new words nothing starts."""
    number, sha = hub.pull({PATH: SKILL})
    event = hub.event(number, sha)
    event.payload |= {"action": "edited", "changes": changes}
    jobs = hub("gate", event)
    assert [state for _, state in hub.states] == states
    assert set(results(jobs).values()) == ({"success", "failure"} if states else {"skipped"})


def test_a_run_for_the_branch_before_is_no_success_when_it_is_run_again(hub: Hub) -> None:
    hub.hub.store.git("branch", "-f", "release", "main")
    number, sha = hub.pull({PATH: GOOD})
    event = hub.event(number, sha)
    event.payload["pull_request"]["base"]["ref"] = event.base_ref = "release"
    jobs = hub("gate", event)
    assert (jobs["measure"].result, jobs["publish"].result) == ("success", "failure")
    assert hub.states == [(sha, "pending"), (sha, "error")]
    assert f"#{number} is for the branch 'main', and this gate took the rules of 'release'" in jobs["publish"].raw


def test_a_merge_group(hub: Hub) -> None:
    _, sha = hub.pull({PATH: GOOD + "- Be brief.\n"})
    jobs = hub("gate", Event("merge_group", _named(merge_group(sha, hub.base)), sha=sha))
    assert jobs["check"].result == "skipped"
    assert jobs["publish"].result == "success", jobs["publish"].raw
    assert hub.states == [(sha, "pending"), (sha, "success")]


def test_a_measurement_that_dies_leaves_an_error(hub: Hub) -> None:
    number, sha = hub.pull({PATH: SKILL})
    run = WorkflowRun(
        hub.folder / "run",
        "gate",
        hub.hub.store.git.place,
        {},
        {"GITHUB_API_URL": hub.hub.url, "GITHUB_REPOSITORY": NAME},
    )
    steps = run.definition["jobs"]["measure"]["steps"]
    run.definition["jobs"]["measure"]["steps"] = [{"name": "die", "run": "exit 137"}, *steps[2:3]]
    jobs = run.run(hub.event(number, sha), hub.hub.token)
    assert (jobs["measure"].result, jobs["publish"].result) == ("failure", "failure")
    assert [state for _, state in hub.states] == ["pending", "error"]


def test_a_scheduled_training_opens_a_pull_request_with_a_status(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as fake:
        hub = Hub(tmp_path, fake, skill=SKILL)
        event = Event("schedule", {"schedule": "17 4 * * 1"}, sha=hub.base)
        jobs = hub("train", event)
        assert results(jobs) == dict.fromkeys(("train", "publish", "gate", "status"), "success"), [
            j.raw for j in jobs.values()
        ]
        assert (fake.store.pulls[1].state, fake.store.pulls[1].labels) == ("open", ["skillopt"])
        assert hub.states == [(fake.store.pulls[1].head_sha, "pending"), (fake.store.pulls[1].head_sha, "success")]
        artifacts = tmp_path / "run-0" / "artifacts"
        kept = {"skillopt-state", "skillopt-train", "skillopt-gate-1", "skillopt-spend", "skillopt-pull-request"}
        assert {p.name for p in artifacts.iterdir()} == kept
        assert list((artifacts / "skillopt-pull-request").glob("*/pull_request/commits/0001-*.patch"))
        assert (artifacts / "skillopt-state" / "ledger.sqlite").is_file()


def test_an_app_knows_its_own_pull_request_and_comment(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as fake:
        fake.store.accounts["ghs_app"] = Account("train-bot[bot]", permissions=dict(fake.bot.permissions))
        base = fake.store.put("main", files(SKILL))
        env = {"GITHUB_API_URL": fake.url, "GITHUB_REPOSITORY": NAME, "GITHUB_SERVER_URL": fake.root}
        run = WorkflowRun(tmp_path / "run", "train", fake.store.git.place, {}, env)
        run.inputs |= {"app-client-id": "Iv1", "app-slug": "train-bot"}
        run.app = {"token": "ghs_app", "app-slug": "train-bot"}
        event = Event("schedule", {"schedule": "17 4 * * 1"}, sha=base)
        jobs = run.run(event, fake.token)
        once = {"train": "success", "publish": "success", "gate": "skipped", "status": "skipped"}
        assert results(jobs) == once, [j.raw for j in jobs.values()]  # what an App opens starts skillopt-gate.yml
        assert fake.store.pulls[1].author.login == "train-bot[bot]"
        assert fake.store.statuses == []
        del run.definition["jobs"]["train"]
        run.folder = tmp_path / "again"
        jobs = run.run(event, fake.token)
        assert jobs["publish"].outputs["pr-numbers"] == "[]"
        assert jobs["publish"].steps["Open or update the pull request"].outputs["reason"] == "unchanged"
        head = fake.store.pulls[1].head_sha
        for folder in ("one", "two"):  # the second one finds the comment of the first
            gate = WorkflowRun(tmp_path / folder, "gate", fake.store.git.place, {}, env)
            gate.inputs |= {"app-client-id": "Iv1"}
            gate.app = run.app
            opened = pull_request(1, head, base, repository=NAME)
            jobs = gate.run(Event("pull_request", opened, sha=head, base_ref="main"), fake.token)
            assert set(results(jobs).values()) == {"success"}, [j.raw for j in jobs.values()]
        assert [s["state"] for s in fake.store.statuses] == ["pending", "success"] * 2
        assert [c["user"]["login"] for c in fake.store.comments] == ["train-bot[bot]"]


def test_every_pull_request_of_a_training_is_gated(tmp_path: Path) -> None:
    other = "skills/other/SKILL.md"
    with FakeGitHub(tmp_path / "hub") as fake:
        skills = [{"path": path, "tasks": [TASKS], "graders": [{"type": "exact"}]} for path in (PATH, other)]
        hub = Hub(tmp_path, fake, skill=SKILL, skills=skills, pr={"max_open": 2})
        base = fake.store.put("main", {other: SKILL})
        jobs = hub("train", Event("schedule", {"schedule": "17 4 * * 1"}, sha=base))
        assert set(results(jobs).values()) == {"success"}, [j.raw for j in jobs.values()]
        assert jobs["publish"].outputs["pr-numbers"] == "[1, 2]"
        heads = [fake.store.pulls[n].head_sha for n in (1, 2)]
        assert [state for state in hub.states if state[1] == "pending"] == [(head, "pending") for head in heads]
        assert [state for state in hub.states if state[1] != "pending"] == [(head, "success") for head in heads]
        assert len(fake.store.comments) == 2


def test_a_training_without_a_proposal_ends_there(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub") as fake:
        hub = Hub(tmp_path, fake, budget={"calls": 1})
        jobs = hub("train", Event("schedule", {}, sha=hub.base))
        assert results(jobs) == {"train": "failure", "publish": "skipped", "gate": "skipped", "status": "skipped"}
        assert (tmp_path / "run-0/artifacts/skillopt-state/ledger.sqlite").is_file()


def test_a_baseline_of_the_default_branch_only(hub: Hub) -> None:
    jobs = hub("baseline", Event("push", _named({}), sha=hub.base))
    assert results(jobs) == {"baseline": "success"}
    assert (hub.folder / "run-0/artifacts/skillopt-baseline/ledger.sqlite").is_file()
    elsewhere = Event("workflow_dispatch", _named(dispatch()), sha=hub.base, ref_name="topic")
    assert results(hub("baseline", elsewhere)) == {"baseline": "skipped"}
    tag = Event("workflow_dispatch", _named(dispatch()), sha=hub.base, tag=True)  # its name is the branch's
    assert results(hub("baseline", tag)) == {"baseline": "skipped"}
    assert set(results(hub("train", tag)).values()) == {"skipped"}


def _named(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "repository": {"full_name": NAME, "default_branch": "main"}}
