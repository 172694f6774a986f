"""The entry module in this process, with commands that only pretend; tests/runner has the real ones."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from skillopt_ci.actions.context import EventContext
from skillopt_ci.cli.action import World, act, call
from skillopt_ci.cli.action_inputs import PR_VALUES, Inputs, Places, Refs, command_line, gate_refs, read_inputs
from skillopt_ci.cli.action_results import OUTPUTS, fallback_summary, lines, outputs
from skillopt_ci.cli.pr import command as pr
from skillopt_ci.errors import UsageError
from skillopt_ci.ledger import Ledger
from tests.cli.world import PATH, SKILL, call_json, repository
from tests.forge.artifact_host import ArtifactHost, run_of, zipped
from tests.runner.protocol import Log, parse_file
from tests.runner.world import Host, dispatch

A, B = "a" * 40, "b" * 40


class Step:
    """One use of the action: inputs and event in, a pretended command, what was written out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir(exist_ok=True)
        (self.workspace / "README.md").touch()
        self.env: dict[str, str] = {
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "RUNNER_TEMP": str(folder / "temp"),
        }
        self.asked: list[list[str]] = []
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[dict[str, str]] = []
        self.shielded = 0
        self.written: list[str] = []
        monkeypatch.chdir(folder)

    def event(self, name: str, payload: Any) -> None:
        place = self.folder / "event.json"
        place.write_text(json.dumps(payload), encoding="utf-8")
        self.env |= {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(place), "GITHUB_REPOSITORY": "octo/skills"}

    def run(self, *answers: tuple[int, Any], **inputs: str) -> int:
        self.answers = list(answers)
        self.env |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        return act(World(self.env, self.written.append, self.call, self.shield))

    def call(self, line: Sequence[str]) -> tuple[int, str]:
        self.asked.append(list(line))
        self.seen.append(dict(self.env))
        code, value = self.answers.pop(0)
        if isinstance(value, BaseException):
            raise value
        if isinstance(value, str):
            return code, value
        if "--json" in line:
            Path(line[line.index("--json") + 1]).write_text(json.dumps(value), encoding="utf-8")
        return code, ""

    def shield(self) -> None:
        self.shielded += 1

    @property
    def outputs(self) -> dict[str, str]:
        return parse_file((self.folder / "output").read_text(encoding="utf-8"))

    @property
    def log(self) -> Log:
        return Log().feed("".join(self.written))


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    return Step(tmp_path, monkeypatch)


def test_inputs_become_a_command_line_and_nothing_else(step: Step) -> None:
    code = step.run(
        (0, {"schema": "skillopt-ci/eval/1"}),
        command=" eval ",
        config="sub/skillopt.yml",
        skills="one\n two words \n\n",
        max_usd="3",
        args="--split\ntest\n--seed=1;rm -rf /",
    )
    assert code == 0
    (line,) = step.asked
    temp = f"{step.folder}/temp/skillopt-ci/eval"
    assert line == [
        "eval", "--json", f"{temp}/eval.json", "--config", "sub/skillopt.yml", "--skill", "one", "--skill", "two words",
        "--junit", f"{temp}/junit.xml", "--summary", f"{temp}/summary.md", "--max-usd", "3",
        "--html", f"{temp}/report.html",
        "--split", "test", "--seed=1;rm -rf /",
    ]  # fmt: skip
    assert Path.cwd() == step.workspace
    assert step.shielded == 1


def test_only_what_spends_gets_model_keys(step: Step) -> None:
    keys = {"openai_api_key": "sk-openai-key", "anthropic_api_key": "sk-anthropic", "github_token": "ghs_token1234"}
    step.run((0, {}), (0, {}), (0, {}), command="train", **keys)
    step.run((0, {}), command="check", **keys)
    _, train, _, check = step.seen
    assert "--elsewhere" in step.asked[-1]  # that job has no agent, and measures nothing
    assert (train["OPENAI_API_KEY"], train["ANTHROPIC_API_KEY"]) == ("sk-openai-key", "sk-anthropic")
    assert train["GITHUB_TOKEN"] == "ghs_token1234"
    assert not {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"} & set(check)
    assert not [name for name in {**train, **check} if name.startswith("INPUT_")]
    assert step.log.masks == set(keys.values())


def test_a_key_that_the_job_has_already_is_kept(step: Step) -> None:
    step.env["OPENAI_API_KEY"] = "from-the-job"
    step.run((0, {}), command="baseline")
    assert step.seen[0]["OPENAI_API_KEY"] == "from-the-job"


def test_the_ledger_is_never_the_workspaces(step: Step) -> None:
    step.run((0, {}), command="gate")
    assert step.seen[0]["SKILLOPT_CI_LEDGER"] == f"{step.folder}/temp/skillopt-ci/state/gate/ledger.sqlite"
    step.env["SKILLOPT_CI_LEDGER"] = "/elsewhere/ledger.sqlite"
    step.run((0, {}), command="gate")
    assert step.seen[1]["SKILLOPT_CI_LEDGER"] == "/elsewhere/ledger.sqlite"


def test_git_trusts_the_workspace_beside_other_settings(step: Step) -> None:
    step.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"}
    step.run((0, {}), command="check")
    seen = step.seen[0]
    assert (seen["GIT_CONFIG_COUNT"], seen["GIT_CONFIG_KEY_1"]) == ("2", "safe.directory")
    assert seen["GIT_CONFIG_VALUE_1"] == str(step.workspace)


def test_publishing_needs_no_checkout(step: Step) -> None:
    (step.workspace / "README.md").unlink()
    assert step.run((0, {}), command="publish", args="--pending") == 0
    assert step.run((0, {}), command="gate") == 2
    assert len(step.asked) == 1


def test_every_run_folder_is_published_and_the_outputs_name_one(step: Step) -> None:
    kept = step.folder / "temp/skillopt-ci/train/runs/two"
    kept.mkdir(parents=True)
    (step.workspace / ".skillopt/runs/one").mkdir(parents=True)
    code = step.run(
        (0, {"url": "https://github.com/o/r/pull/3", "number": 3}),
        (0, {"action": "unchanged"}),
        (5, "no such token"),
        command="pr",
        args="--anyway\n.skillopt/runs/one\n.skillopt/runs/two\n.skillopt/runs/three",
    )
    assert code == 5
    assert [line[-1] for line in step.asked] == [".skillopt/runs/one", str(kept), ".skillopt/runs/three"]
    assert all(line[-2] == "--anyway" for line in step.asked)
    assert step.outputs["exit-code"] == "5"


def test_two_pull_requests(step: Step) -> None:
    step.run((0, {"url": "u3", "number": 3}), (0, {"url": "u4", "number": 4}), command="pr", args="a\nb")
    assert (step.outputs["pr-url"], step.outputs["pr-number"]) == ("u3", "3")


def test_a_failure_is_told_beside_the_pull_request_that_exists(step: Step) -> None:
    refused = {"exit_code": 5, "reason": "forge", "message": "GitHub refused POST"}
    opened = {"action": "opened", "message": "opened #3", "url": "u3", "number": 3}
    code = step.run((5, refused), (0, opened), command="pr", args="a\nb")
    assert (code, step.outputs["reason"], step.outputs["pr-numbers"]) == (5, "forge", "[3]")
    assert (step.outputs["pr-url"], step.outputs["pr-number"]) == ("u3", "3")
    (said,) = step.log.annotations()
    assert "GitHub refused POST" in str(said)
    assert "opened #3" not in (step.folder / "summary").read_text(encoding="utf-8")


def test_after_an_interruption_nothing_more_is_published(step: Step) -> None:
    assert step.run((130, "interrupted"), command="pr", args="a\nb") == 130
    assert len(step.asked) == 1


def test_a_value_of_pr_may_stand_in_the_next_line(step: Step) -> None:
    step.run((0, {}), (0, {}), command="pr", args="one\n--base\nrelease\n--anyway\ntwo\n--login=a[bot]")
    options = ["--base", "release", "--anyway", "--login=a[bot]"]
    assert [line[3:] for line in step.asked] == [[*options, "one"], [*options, "two"]]
    taking = {p.opts[0] for p in pr.params if isinstance(p, click.Option) and not p.is_flag}
    assert taking - {"--json"} == set(PR_VALUES)


def test_an_interruption_is_written_down(step: Step) -> None:
    assert step.run((0, KeyboardInterrupt()), command="train") == 130
    assert (step.outputs["reason"], step.outputs["exit-code"]) == ("interrupted", "130")
    assert not step.log.stopped


def test_a_bug_is_written_down_with_its_traceback_in_the_log(step: Step) -> None:
    error = AttributeError("::error::ghs_0123456789 has no attribute 'get'")
    assert step.run((0, error), command="gate", github_token="ghs_0123456789") == 2
    assert (step.outputs["reason"], step.outputs["exit-code"]) == ("unexpected", "2")
    written = json.loads((step.folder / "temp/skillopt-ci/gate/gate.json").read_text(encoding="utf-8"))
    assert written["message"].startswith("unexpected error: AttributeError: ")
    text = "".join(step.written)
    assert "Traceback (most recent call last)" in text
    assert "ghs_0123456789" not in text.replace("::add-mask::ghs_0123456789", "")
    assert [a.data[:40] for a in step.log.annotations()] == ["skillopt-ci gate: unexpected error: Attr"]


def test_an_answer_that_github_never_gives_fails_with_results(step: Step) -> None:
    host = ArtifactHost()
    try:
        step.event("pull_request", pull())
        step.env |= {"GITHUB_API_URL": host.url, "GITHUB_REF_NAME": "main"}
        host.runs = [run_of(1, head_repository="octo/skills")]
        assert step.run(command="gate", github_token="ghs_0123456789", head=A) == 2
        assert step.outputs["reason"] == "unexpected"
    finally:
        host.close()


def test_a_runner_file_that_cannot_be_written_fails_the_step(step: Step) -> None:
    step.env["GITHUB_OUTPUT"] = str(step.folder / "none" / "output")
    assert step.run((0, {}), command="check") == 2
    assert "cannot be written" in step.log.annotations()[0].data


def test_results_of_an_earlier_step_are_gone(step: Step) -> None:
    step.run((0, {"verdict": "pass"}), command="gate")
    step.run((2, "No such option: --x"), command="gate")
    assert (step.outputs["verdict"], step.outputs["report-path"]) == ("", "")


def test_the_ledger_of_the_last_baseline_is_brought_to_a_gate(tmp_path: Path, step: Step) -> None:
    host = ArtifactHost()
    try:
        step.event("pull_request", pull())
        step.env["GITHUB_API_URL"] = host.url
        step.run((0, {}), command="gate", github_token="ghs_0123456789", head=A)
        # What the host has is no ledger: it is told, and the gate goes on without.
        assert "no stored base: " in step.log.text[0]
        assert not (tmp_path / "temp/skillopt-ci/state/gate/ledger.sqlite").exists()
        repo = repository(tmp_path / "repo", sizes=(4, 4, 4))
        call_json(repo.root, "baseline")
        host.data = zipped({"ledger.sqlite": (repo.root / ".skillopt/ledger.sqlite").read_bytes()})
        step.run((0, {}), command="gate", github_token="ghs_0123456789", head=A)
        assert "brought from https://github.example/octo/skills/actions/runs/1" in "\n".join(step.log.text)
        ledger = tmp_path / "temp/skillopt-ci/state/gate/ledger.sqlite"
        with Ledger(ledger) as stored:
            assert stored.spend_by_stream()["base"].calls == 32
        ledger.unlink()
        host.runs = []
        step.run((0, {}), command="gate", github_token="ghs_0123456789", head=A)
        assert "no earlier run has left anything yet" in "\n".join(step.log.text)
        asked = len(host.seen)
        step.event("pull_request", pull(fork=True))
        step.run((0, {}), command="gate", github_token="ghs_0123456789", head=A)
        assert len(host.seen) == asked
    finally:
        host.close()


def test_training_goes_on_from_the_last_run(tmp_path: Path, step: Step) -> None:
    repo = repository(tmp_path / "repo", sizes=(4, 4, 4))
    call_json(repo.root, "baseline")
    folder = step.workspace / ".skillopt/runs/one"
    folder.mkdir(parents=True)
    (folder / "report.md").write_text("hello")
    host = ArtifactHost()
    state = tmp_path / "temp/skillopt-ci/state/train"
    token = {"github_token": "ghs_0123456789"}
    result = {"proposal": True, "skills": [{"run_dir": ".skillopt/runs/one", "proposal": True}]}
    try:
        step.event("schedule", {})
        step.env |= {"GITHUB_API_URL": host.url, "GITHUB_REF_NAME": "main"}
        host.data = zipped(
            {"ledger.sqlite": (repo.root / ".skillopt/ledger.sqlite").read_bytes(), "memory/a.jsonl": b""}
        )
        host.runs = [run_of(1), run_of(2, path=".github/workflows/skillopt-train.yml")]
        host.artifacts = {2: [{"id": 9, "name": "skillopt-state", "expired": False}]}
        code = step.run((0, {}), (0, result), (5, {}), command="train", skills="one", config="skillopt.yml", **token)
        assert code == 0  # that the memory could not be brought up to date is told
        assert "could not be brought up to date" in "\n".join(step.log.text)
        remember = ["pr", f"--remember={state}/memory", "--quiet", "--config", "skillopt.yml", "--skill", "one"]
        assert step.asked[0] == step.asked[2] == remember
        assert step.asked[1][-3:] == ["--memory", f"{state}/memory", "--next"]
        assert (state / "memory/a.jsonl").exists()
        with Ledger(state / "ledger.sqlite") as ledger:
            assert ledger.spend_by_stream()["base"].calls == 32
        assert (tmp_path / "temp/skillopt-ci/train/runs/one/report.md").read_text() == "hello"
        # What is there is not fetched again; without a schedule the last run is continued.
        asked = len(host.seen)
        step.event("workflow_dispatch", dispatch())
        step.run((0, {}), (0, {}), (0, {}), command="train", **token)
        assert len(host.seen) == asked
        assert step.asked[4][-2:] == ["--memory", f"{state}/memory"]
        # Purchases that cannot be read would be made again: that is an error.
        (state / "ledger.sqlite").unlink()
        host.data = zipped({"ledger.sqlite": b"broken" * 999})
        assert step.run(command="train", **token) == 2
        assert "ledger" in step.log.annotations()[-1].data
        assert not (state / "ledger.sqlite").exists()
    finally:
        host.close()


def test_what_baselines_bought_is_nice_to_have(tmp_path: Path, step: Step) -> None:
    host = ArtifactHost()
    try:
        step.event("schedule", {})
        step.env |= {"GITHUB_API_URL": host.url, "GITHUB_REF_NAME": "main"}
        host.data = zipped({"ledger.sqlite": b"broken" * 999})
        assert step.run((0, {}), (0, {}), (0, {}), command="train", github_token="ghs_0123456789") == 0
        assert "what baselines bought is left out" in "\n".join(step.log.text)
        assert list((tmp_path / "temp/skillopt-ci/state").iterdir()) == [tmp_path / "temp/skillopt-ci/state/train"]
    finally:
        host.close()


def test_without_a_token_nothing_of_earlier_runs_is_known(step: Step) -> None:
    step.event("schedule", {})
    assert step.run((0, {}), command="train", args="--generation=3") == 0
    assert step.asked == [["train", *step.asked[0][1:-1], "--generation=3"]]
    assert "--next" not in step.asked[0]
    assert "nothing of earlier runs is known" in "\n".join(step.log.text)


def test_the_commit_to_judge_is_brought_and_held_to_its_name(tmp_path: Path, step: Step) -> None:
    host = Host(tmp_path / "host")
    head = host.change("x", {PATH: SKILL}, pull=7, fork=True)
    step.workspace = host.checkout(host.base)
    step.env["GITHUB_WORKSPACE"] = str(step.workspace)
    step.event("workflow_dispatch", dispatch(pr="7", head_sha=head))
    assert step.run((0, {}), command="gate") == 0
    assert step.asked[-1][-4:] == ["--into", "main", "--head", head]
    payload = pull()
    payload["pull_request"]["head"]["sha"] = head
    step.event("pull_request", payload)
    assert step.run((0, {}), command="gate") == 0  # it is there already
    assert step.asked[-1][-4:] == ["--into", "main", "--head", head]
    step.event("schedule", {})
    assert step.run((0, {}), command="gate", head="refs/pull/7/head") == 0
    assert step.asked[-1][-2:] == ["--head", head]
    host.repo("push", "-q", "-f", "origin", f"{host.base}:refs/pull/7/head")
    step.event("workflow_dispatch", dispatch(pr="7", head_sha=head))
    assert step.run(command="gate") == 5
    assert f"is at {host.base[:12]} now" in step.log.annotations()[0].data


def test_a_workspace_that_is_no_repository(step: Step) -> None:
    step.event("pull_request", pull())
    assert step.run(command="gate") == 2
    assert "no git repository" in step.log.annotations()[0].data


def pull(*, fork: bool = False) -> dict[str, Any]:
    repo = {"full_name": "stranger/skills" if fork else "octo/skills"}
    value = {"head": {"sha": A, "repo": repo}, "base": {"sha": B, "ref": "main"}}
    return {"number": 7, "pull_request": value, "repository": {"default_branch": "main"}}


# Pure parts


def test_what_a_gate_compares_in_every_event() -> None:
    gate = Inputs(command="gate")
    pr = EventContext(kind="pull-request", base_ref="release", head_sha=A, pr_number=7)
    assert gate_refs(gate, pr) == Refs(head=A, into="release", pull=7)
    assert gate_refs(gate, EventContext(kind="merge-group", base_sha=B, head_sha=A)) == Refs(base=B, head=A)
    named = EventContext(kind="dispatch", base_ref="main", head_sha=A, pr_number=7)
    assert gate_refs(gate, named) == Refs(head=A, into="main", pull=7, exact=True)
    assert gate_refs(gate, EventContext(kind="schedule", default_branch="main")) == Refs(into="main")
    assert gate_refs(Inputs(command="gate", head="refs/pull/8/head"), EventContext()) == Refs(pull=8, exact=True)
    assert gate_refs(Inputs(command="gate", base="v1", head="topic"), pr) == Refs(base="v1", head="topic")


def test_a_restricted_event_says_what_a_missing_key_means(tmp_path: Path) -> None:
    places = Places(folder=tmp_path, command="gate")
    refs = Refs(base=B, head=A)
    line = command_line(Inputs(command="gate"), EventContext(restricted=True), refs, places)
    assert line[-6:] == ["--base", B, "--head", A, "--without-key", "needs-maintainer"]
    assert "--without-key" not in command_line(Inputs(command="gate"), EventContext(), refs, places)


def test_secrets_are_not_in_the_inputs_own_words() -> None:
    inputs = read_inputs({"INPUT_COMMAND": "gate", "INPUT_OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(inputs)
    assert inputs.secrets == ("sk-secret",)


@pytest.mark.parametrize("argument", ["--json", "--junit=x", "--summary"])
def test_what_the_action_sets_cannot_be_set(argument: str) -> None:
    with pytest.raises(UsageError, match="is set by the action"):
        read_inputs({"INPUT_COMMAND": "gate", "INPUT_ARGS": f"--quiet\n{argument}"})


def test_outputs_of_a_gate_and_of_a_training() -> None:
    effect = {"mean": -0.25, "low": -0.4, "high": -0.1}
    skills: list[dict[str, Any]] = [{"effect": effect}, {"effect": {"mean": 0.5}}, {"effect": None}]
    told = outputs({"verdict": None, "reason": "provider", "skills": skills, "spend": {"paid": {"usd": "0.42"}}}, 5)
    assert (told["verdict"], told["reason"], told["exit-code"]) == ("", "provider", "5")
    assert (told["effect"], told["spend-usd"], told["proposal"], told["run-dir"]) == ("-0.25", "0.42", "", "")
    trained = {
        "proposal": True,
        "skills": [
            {"proposal": False, "run_dir": "a", "spend": {"paid": {"usd": "1.1"}}, "test": {"effect": {"mean": 0.1}}},
            {"proposal": True, "run_dir": "b", "spend": {"paid": {"usd": "2"}}, "test": {"effect": {"mean": 0.5}}},
        ],
    }
    told = outputs(trained, 0)
    assert (told["proposal"], told["run-dir"], told["effect"], told["spend-usd"]) == ("true", "b", "0.5", "3.1")
    assert outputs({**trained, "proposal": False, "skills": [{"run_dir": "a"}, {"run_dir": "c", "test": None}]}, 0) == {
        **dict.fromkeys(set(OUTPUTS) - {"report-path", "junit-path"}, ""),
        "exit-code": "0",
        "proposal": "false",
        "run-dir": "a\nc",
    }


def test_an_inconclusive_gate_that_does_not_block_warns() -> None:
    skill = {"name": "s", "path": "p", "target": "t", "verdict": "inconclusive", "reason": "undecided", "effect": None}
    value = {"schema": "skillopt-ci/gate/1", "skills": [skill, {"verdict": "pass"}]}
    assert lines(value, "gate", 0, "", str) == ["::warning file=p::s on t: inconclusive (undecided)"]


def test_many_problems_in_a_summary() -> None:
    problems = [{"file": "a.yml", "line": n, "message": "m", "warning": n % 2 == 0} for n in range(1, 61)]
    shown = fallback_summary({"problems": problems, "reason": "config"}, "check", 2, "")
    assert shown.startswith("## skillopt-ci check: exit code 2 (config)\n")
    assert "- a.yml:1: m\n- warning: a.yml:2: m\n" in shown
    assert shown.endswith("- and 10 more\n")
    assert fallback_summary({}, "check", 0, "") == "## skillopt-ci check: done\n"


def test_the_real_command_line_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = repository(tmp_path / "repo")
    monkeypatch.chdir(repo.root)
    assert call(["check", "--quiet"]) == (0, "")
    assert call(["schema"])[0] == 0
    assert call(["check", "--no-such"]) == (2, "No such option '--no-such'.")
    (repo.root / PATH).unlink()
    assert call(["check", "--quiet"]) == (2, "")
    assert os.environ.get("INPUT_COMMAND") is None
