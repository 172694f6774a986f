"""The action itself, by its action.yml: events of every kind in, outputs, annotations, summary and files out."""

import json
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.cli.action_results import OUTPUTS
from skillopt_ci.cli.month import month_name
from skillopt_ci.core.spending import SpendRecord, parse_record, render_record
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_seal import Seal
from tests.cli.world import CONFIG, TASKS, config, tasks
from tests.forge.artifact_host import ArtifactHost, zipped
from tests.loopback import Loopback, error_reply
from tests.runner.composite import Done
from tests.runner.world import (
    FORK,
    GOOD,
    PATH,
    ROOT,
    SKILL,
    Host,
    dispatch,
    gate,
    job,
    merge_group,
    pull_request,
    repository_of,
)

OPENAI = {"target": {"provider": "openai", "model": "gpt-5.4-mini"}, "optimizer": None}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A repository whose models need a key."""
    return Host(tmp_path_factory.mktemp("live"), **OPENAI)


def report(done: Done) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(Path(done.outputs["report-path"]).read_text(encoding="utf-8"))
    return value


def junit_case(done: Done) -> list[str]:
    root = ET.fromstring(Path(done.outputs["junit-path"]).read_text(encoding="utf-8"))
    case = next(c for c in root.iter("testcase") if c.get("name") == "gate")
    return [child.tag for child in case if child.tag != "system-out"]


def test_a_pull_request_that_breaks_a_skill_is_blocked_with_everything_written(host: Host, tmp_path: Path) -> None:
    head = host.change("breaks", {PATH: SKILL}, pull=1)
    workspace = host.checkout(host.base, "one")
    done = gate(job(tmp_path, workspace, "pull_request", pull_request(1, head, host.base)))
    assert not done.ok
    assert set(done.outputs) == set(OUTPUTS)
    assert (done.outputs["verdict"], done.outputs["reason"], done.outputs["exit-code"]) == (
        "regression",
        "loss-shown",
        "1",
    )
    assert float(done.outputs["effect"]) < 0
    assert (done.outputs["pr-number"], done.outputs["proposal"], done.outputs["spend-usd"]) == ("1", "", "0")
    value = report(done)
    assert (value["head"]["sha"], value["base"]["sha"]) == (head, host.base)
    assert junit_case(done) == ["failure"]
    assert "## Skill gate: FAIL" in done.summary
    (told,) = done.annotations
    assert (told.name, told.properties) == ("error", {"file": PATH})
    assert told.data.startswith("invoices on models/small: regression")
    assert not done.log.stopped
    assert not (workspace / ".skillopt").exists()


def test_a_change_of_frontmatter_is_not_applicable_and_succeeds(host: Host, tmp_path: Path) -> None:
    head = host.change("words", {PATH: GOOD.replace("Use when", "Useful when")}, pull=2)
    done = gate(job(tmp_path, host.checkout(host.base, "two"), "pull_request", pull_request(2, head, host.base)))
    assert done.ok
    assert (done.outputs["verdict"], done.outputs["reason"]) == ("not-applicable", "body-unchanged")
    assert junit_case(done) == ["skipped"]
    assert done.annotations == []


def test_nothing_of_a_pull_request_is_imported_or_believed(host: Host, tmp_path: Path) -> None:
    """The worst checkout, that of the pull request itself: modules, settings, a ledger and rules of its own."""
    evil = "import pathlib\npathlib.Path(__file__).with_name('PWNED').touch()\n"
    names = ("skillopt_ci/__init__.py", "sitecustomize.py", "json.py", "click.py", "usercustomize.py")
    changes: dict[str, str | bytes] = {
        **dict.fromkeys(names, evil),
        "pip.conf": "[global]\nindex-url = http://127.0.0.1:9/\n",
        ".env": "OPENAI_API_KEY=sk-mine-mine-mine\n",
        ".skillopt/ledger.sqlite": b"not a ledger: opening it would fail",
        PATH: SKILL,
        CONFIG: config(gate={"margin": 0.99}),
        TASKS: tasks(1, 1, 1),
    }
    place = host.repo.write(".gitignore", "")
    place.unlink()
    head = host.change("evil", {**changes, ".gitignore": ""}, pull=3)
    workspace = host.checkout(head, "three")
    assert (workspace / ".skillopt/ledger.sqlite").exists()
    done = gate(job(tmp_path, workspace, "pull_request", pull_request(3, head, host.base)))
    assert done.outputs["verdict"] == "regression", done.raw
    value = report(done)
    assert value["policy_changed"] == [TASKS, CONFIG]
    assert value["skills"][0]["n_tasks"] == 12
    assert not list(workspace.rglob("PWNED"))
    assert (workspace / ".skillopt/ledger.sqlite").read_bytes().startswith(b"not a ledger")


def test_a_fork_without_a_key_needs_a_maintainer(live: Host, tmp_path: Path) -> None:
    head = live.change("fork", {PATH: SKILL}, pull=4, fork=True)
    event = pull_request(4, head, live.base, repository=FORK)
    done = gate(job(tmp_path, live.checkout(live.base, "four"), "pull_request", event))
    assert done.ok, done.raw
    assert (done.outputs["verdict"], done.outputs["reason"]) == ("", "needs-maintainer")
    assert report(done)["verdict"] is None
    assert junit_case(done) == ["skipped"]
    assert "maintainer" in done.summary


def test_the_repositorys_own_branch_without_a_key_is_a_mistake(live: Host, tmp_path: Path) -> None:
    head = live.change("own", {PATH: SKILL}, pull=5)
    runner = job(tmp_path, live.checkout(live.base, "five"), "pull_request", pull_request(5, head, live.base))
    done = gate(runner)
    assert not done.ok
    assert (done.outputs["reason"], done.outputs["exit-code"]) == ("config", "2")
    (told,) = done.annotations
    assert "OPENAI_API_KEY" in told.data
    assert "OPENAI_API_KEY" in done.summary


def test_a_fork_that_changes_no_skill_needs_nobody(live: Host, tmp_path: Path) -> None:
    head = live.change("docs", {"README.md": "hello\n"}, pull=6, fork=True)
    event = pull_request(6, head, live.base, repository=FORK)
    done = gate(job(tmp_path, live.checkout(live.base, "six"), "pull_request", event))
    assert (done.ok, done.outputs["verdict"], done.outputs["reason"]) == (True, "not-applicable", "unchanged")


def test_a_key_is_in_no_word_that_leaves(live: Host, tmp_path: Path) -> None:
    key = "sk-proj-0123456789abcdef"
    head = live.change("key", {PATH: SKILL}, pull=7)
    runner = job(tmp_path, live.checkout(live.base, "seven"), "pull_request", pull_request(7, head, live.base))
    with Loopback(lambda _: error_reply(401, f"Incorrect API key provided: {key}\n::error::{key}")) as server:
        runner.env["OPENAI_BASE_URL"] = server.openai_url
        done = gate(runner, **{"openai-api-key": key, "args": "--max-calls\n1"})
    assert done.outputs["reason"] == "provider", done.raw
    assert server.calls[0].headers["authorization"] == f"Bearer {key}"
    assert key in done.log.masks
    assert key not in done.shown + done.summary + json.dumps(done.outputs)
    assert all(key not in p.read_text(encoding="utf-8") for p in (tmp_path / "temp/skillopt-ci/gate").iterdir())


def test_a_merge_group_is_judged_by_the_rules_of_its_base(host: Host, tmp_path: Path) -> None:
    head = host.change("queue", {PATH: SKILL, CONFIG: config(gate={"margin": 0.99})}, pull=8)
    event = merge_group(head, host.base)
    done = gate(job(tmp_path, host.checkout(head, "eight"), "merge_group", event))
    assert done.outputs["verdict"] == "regression", done.raw
    assert report(done)["base"]["policy_sha"] == host.base
    assert done.outputs["pr-number"] == ""


def test_a_dispatch_judges_the_reviewed_head_of_a_fork(host: Host, tmp_path: Path) -> None:
    head = host.change("stranger", {PATH: SKILL}, pull=9, fork=True)
    workspace = host.checkout(host.base, "nine")
    done = gate(job(tmp_path, workspace, "workflow_dispatch", dispatch(pr="9", head_sha=head)))
    assert done.outputs["verdict"] == "regression", done.raw
    assert report(done)["head"]["sha"] == head
    assert done.outputs["pr-number"] == "9"
    assert (workspace / PATH).read_text(encoding="utf-8") == GOOD  # nothing of it was checked out


def test_a_dispatch_for_a_head_that_has_moved_is_refused(host: Host, tmp_path: Path) -> None:
    old = host.change("moves", {PATH: SKILL}, pull=10, fork=True)
    new = host.change("moved", {PATH: SKILL + "more\n"}, pull=11, fork=True)
    host.repo("push", "-q", "-f", "origin", f"{new}:refs/pull/10/head")
    runner = job(tmp_path, host.checkout(host.base, "ten"), "workflow_dispatch", dispatch(pr="10", head_sha=old))
    done = gate(runner)
    assert (done.ok, done.outputs["reason"], done.outputs["exit-code"]) == (False, "git", "5")
    assert f"pull request 10 is at {new[:12]} now" in done.annotations[0].data
    value = report(done)
    assert (value["schema"], value["verdict"], value["exit_code"]) == ("skillopt-ci/gate/1", None, 5)


def test_a_pull_request_that_does_not_exist(host: Host, tmp_path: Path) -> None:
    event = dispatch(pr="404", head_sha="a" * 40)
    done = gate(job(tmp_path, host.checkout(host.base, "eleven"), "workflow_dispatch", event))
    assert (done.ok, done.outputs["exit-code"]) == (False, "5")
    assert "refs/pull/404/head" in done.annotations[0].data


def test_a_head_that_is_named_by_its_pull_request(host: Host, tmp_path: Path) -> None:
    head = host.change("bots", {PATH: SKILL}, pull=12)
    runner = job(tmp_path, host.checkout(host.base, "twelve"), "schedule", repository_of())
    done = gate(runner, head="refs/pull/12/head")
    assert done.outputs["verdict"] == "regression", done.raw
    assert report(done)["head"]["sha"] == head


def test_a_scheduled_training_proposes(tmp_path: Path) -> None:
    # The demo's skill, whose training is known to show an improvement.
    host = Host(tmp_path / "host")
    example = ROOT / "examples" / "demo"
    names = ("skillopt.yml", "skills/invoice-fields/SKILL.md", "evals/invoice-fields/tasks.jsonl", ".gitignore")
    base = host.repo.commit({name: (example / name).read_bytes() for name in names}, "the demo")
    host.repo("push", "-q", "origin", "HEAD:refs/heads/main")
    workspace = host.checkout(base)
    done = job(tmp_path, workspace, "schedule", repository_of()).use(
        {"command": "train", "skills": "invoice-fields", "args": "--quiet\n"}
    )
    assert done.ok, done.raw
    assert (done.outputs["proposal"], done.outputs["verdict"], done.outputs["exit-code"]) == ("true", "", "0")
    assert float(done.outputs["effect"]) > 0
    assert (workspace / done.outputs["run-dir"] / "best_skill.md").is_file()
    assert (tmp_path / "temp/skillopt-ci/state/train/ledger.sqlite").is_file()
    assert done.summary
    held_out_stays_out(tmp_path / "temp/skillopt-ci/train", example / names[2])
    # The next job has another checkout, and of this one only its results.
    run = done.outputs["run-dir"]
    other = host.checkout(base, "other")
    told = job(tmp_path, other, "schedule", repository_of()).use({"command": "pr", "args": f"--dry-run\n{run}"})
    assert told.ok, told.raw
    kept = tmp_path / "temp/skillopt-ci/train/runs" / Path(run).name
    assert (kept / "pull_request" / "body.md").is_file()
    assert not (other / ".skillopt").exists()


def held_out_stays_out(artifact: Path, suite: Path) -> None:
    """No text of a validation or test task is in what a training keeps as an artifact."""
    asked = [json.loads(line) for line in suite.read_text(encoding="utf-8").splitlines()]
    number = {task["id"]: re.findall(r"INV-\d+", task["context"])[0] for task in asked}
    verdicts = [json.loads(p.read_bytes()) for p in artifact.glob("runs/*/*/verdict.json")]
    verdicts += [json.loads(p.read_bytes()) for p in artifact.glob("runs/*/steps/*/verdict.json")]
    held = {task["id"] for verdict in verdicts for task in verdict["tasks"]}
    words = {number[name] for name in held}
    trained = {number[task["id"]] for task in asked if task["id"] not in held}
    assert len(words - trained) > 90
    files = {p: p.read_text(encoding="utf-8") for p in artifact.rglob("*") if p.is_file()}
    assert [p for p, text in files.items() if (words - trained) & set(re.findall(r"INV-\d+", text))] == []
    (page,) = (text for p, text in files.items() if p.name == "report.html")
    assert trained <= set(re.findall(r"INV-\d+", page))  # what may be shown is found by these words


def baseline(folder: Path, workspace: Path, **inputs: str) -> Path:
    """Run `baseline` as on a push; returns the folder that becomes the artifact."""
    folder.mkdir()
    done = job(folder, workspace, "push", repository_of()).use({"command": "baseline", **inputs})
    assert (done.ok, done.outputs["verdict"], done.outputs["exit-code"]) == (True, "", "0"), done.raw
    return folder / "temp/skillopt-ci/state/baseline"


def gate_with_artifact(
    host: Host, folder: Path, artifact: Path, pull: int, **inputs: str
) -> tuple[Done, dict[str, Any]]:
    """The gate of a pull request that breaks the skill, where the last baseline left an artifact."""
    head = host.change(f"second-{pull}", {PATH: SKILL}, pull=pull)
    server = ArtifactHost()
    try:
        server.data = zipped({p.name: p.read_bytes() for p in artifact.iterdir() if p.is_file()})
        event = pull_request(pull, head, host.base)
        env = {"GITHUB_API_URL": server.url}
        runner = job(folder, host.checkout(host.base, f"judged-{pull}"), "pull_request", event, env=env)
        done = gate(runner, **{"github-token": "ghs_0123456789abcdef"}, **inputs)
    finally:
        server.close()
    assert done.outputs["verdict"] == "regression", done.raw
    return done, report(done)["skills"][0]["n_rollouts"]


def answers(artifact: Path) -> list[str]:
    """What a stranger who downloads an artifact reads of the models' answers."""
    with Ledger(artifact / "ledger.sqlite") as ledger:
        return [json.dumps(row["value"]) for row in ledger.export() if row["value"] is not None]


def test_a_gate_compares_with_the_base_that_the_default_branch_stored(host: Host, tmp_path: Path) -> None:
    secret = {"openai-api-key": "sk-proj-0123456789abcdef"}
    artifact = baseline(tmp_path / "one", host.checkout(host.base, "stored"), **secret)
    with Ledger(artifact / "ledger.sqlite", seal=Seal(list(secret.values()))) as ledger:
        said = [row["value"]["text"] for row in ledger.export()]  # type: ignore[index]
    assert len(said) == 8 * 12
    assert all(said)
    assert answers(artifact) == []
    everything = b"".join(p.read_bytes() for p in artifact.rglob("*") if p.is_file())
    assert not [text for text in said if text.encode() in everything]
    done, runs = gate_with_artifact(host, tmp_path, artifact, 15, **secret)
    assert "8 of 8 base runs are stored" in done.raw
    assert runs["base"] == 8 * 12
    assert "ghs_0123456789abcdef" not in done.shown


def test_a_gate_with_another_key_measures_the_base_itself(host: Host, tmp_path: Path) -> None:
    artifact = baseline(
        tmp_path / "one", host.checkout(host.base, "rotated"), **{"openai-api-key": "sk-proj-0123456789abcdef"}
    )
    done, runs = gate_with_artifact(host, tmp_path, artifact, 16, **{"openai-api-key": "sk-proj-ffffffffffffffff"})
    assert "0 of 8 base runs are stored" in done.raw
    assert 0 < runs["base"] < 8 * 12


def test_without_any_key_nothing_can_be_read_and_the_log_says_so(host: Host, tmp_path: Path) -> None:
    artifact = baseline(tmp_path / "one", host.checkout(host.base, "keyless"))
    assert answers(artifact) == []
    done, _ = gate_with_artifact(host, tmp_path, artifact, 17)
    assert "0 of 8 base runs are stored" in done.raw
    assert "SKILLOPT_CI_LEDGER_KEY" in done.raw


def test_held_out_text_that_may_be_shown_is_not_sealed(tmp_path: Path) -> None:
    host = Host(tmp_path / "host", report={"show_heldout": True})
    artifact = baseline(tmp_path / "one", host.checkout(host.base, "shown"))
    assert len(answers(artifact)) == 8 * 12
    done, _ = gate_with_artifact(host, tmp_path, artifact, 18)
    assert "8 of 8 base runs are stored" in done.raw


PRICED = {"models": {"type": "simulated", "noise": 0.1, "price": {"input": 1, "output": 1}}}


def month_gate(folder: Path, budget: dict[str, int], spent: list[str]) -> tuple[Done, ArtifactHost, str]:
    """A gate of a repository whose earlier runs have left records of what they spent this month."""
    host = Host(folder / "host", providers=PRICED, budget=budget)
    head = host.change("spends", {PATH: SKILL}, pull=20)
    month = month_name(time.time())
    server = ArtifactHost()
    for number, usd in enumerate(spent):
        record = SpendRecord(months={month: {f"{number + 100}/1/00000000": Decimal(usd)}})
        server.spent(number + 100, render_record(record), f"{month}-01T00:00:{number:02d}Z")
    server.runs = []  # no baseline
    try:
        event = pull_request(20, head, host.base)
        env = {"GITHUB_API_URL": server.url}
        runner = job(folder, host.checkout(host.base), "pull_request", event, env=env)
        return gate(runner, **{"github-token": "ghs_0123456789abcdef"}), server, month
    finally:
        server.close()


def test_the_month_counts_what_other_runs_have_spent(tmp_path: Path) -> None:
    done, _, month = month_gate(tmp_path, {"usd": 5, "month_usd": 10}, ["6", "1.5"])
    assert done.outputs["verdict"] == "regression", done.raw
    told = parse_record((tmp_path / "temp/skillopt-ci/spend/spend.json").read_bytes())
    assert float(done.outputs["spend-usd"]) > 0
    assert told.total(month) == Decimal("7.5") + Decimal(done.outputs["spend-usd"])
    (mine,) = (key for key in told.months[month] if not key.startswith("10"))
    assert mine.startswith("17/1/")


@pytest.mark.parametrize("spent", [["6", "4.000001"], ["10.000001"], ["1"] * 10])
def test_a_month_that_is_used_up_buys_nothing(tmp_path: Path, spent: list[str]) -> None:
    done, server, _ = month_gate(tmp_path, {"usd": 5, "month_usd": 10}, spent)
    assert not done.ok
    assert (done.outputs["verdict"], done.outputs["reason"], done.outputs["exit-code"]) == (
        "inconclusive",
        "budget",
        "4",
    )
    assert "budget.month_usd" in done.raw
    assert done.outputs["spend-usd"] == "0"
    # A stored base is looked for event by event; with what pending and publishing take it stays below 27.
    assert sum(not path.startswith("/store") for path, _ in server.seen) <= 3 + 1 + 8


@pytest.mark.parametrize("command", ["train", "baseline", "eval", "pr"])
@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_starts_nothing_that_would_follow_its_rules(
    host: Host, tmp_path: Path, command: str, event: str
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    done = job(tmp_path, workspace, event, pull_request(1, "a" * 40, "b" * 40)).use({"command": command})
    assert (done.ok, done.outputs["reason"], done.outputs["exit-code"]) == (False, "config", "2")
    assert f"'{command}' does not run in {event} events" in done.annotations[0].data


def test_check_reads_the_heads_configuration_and_marks_its_lines(host: Host, tmp_path: Path) -> None:
    broken = f"version: 1\nskills:\n  - path: {PATH}\n    tasks: [{TASKS}]\n    grader: []\n"
    head = host.change("broken", {CONFIG: broken}, pull=13)
    workspace = host.checkout(head, "thirteen")
    done = job(tmp_path, workspace, "pull_request", pull_request(13, head, host.base)).use({"command": "check"})
    assert (done.ok, done.outputs["exit-code"], done.outputs["reason"]) == (False, "2", "config")
    assert {"file": CONFIG, "line": "5", "col": "5"} in [a.properties for a in done.annotations]
    assert f"{CONFIG}:5: " in done.summary


def test_a_configuration_in_a_folder_is_marked_where_it_is(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "sub" / ".github").mkdir(parents=True)
    (workspace / "sub" / ".github" / "skillopt.yml").write_text("version: 7\n", encoding="utf-8")
    done = job(tmp_path, workspace, "push", repository_of()).use(
        {"command": "check", "config": "sub/.github/skillopt.yml"}
    )
    assert {a.properties["file"] for a in done.annotations} == {"sub/.github/skillopt.yml"}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"command": "destroy"}, "input 'command' is 'destroy'"),
        ({"command": "gate", "args": "--json=x"}, "--json is set by the action"),
        ({"command": "check", "head": "main"}, "inputs 'base' and 'head' are for 'gate'"),
        ({"command": "check", "max-usd": "1"}, "'max-usd' is for commands that spend"),
        ({"command": "gate", "args": "--no-such"}, "No such option"),
        ({"command": "eval", "args": "--split test"}, "a line is one argument: write --split=VALUE"),
        ({"command": "gate", "max-usd": "$(touch PWNED)"}, "'$(touch PWNED)' is not an amount above 0"),
        ({"command": "train", "config": "no.yml"}, "--config no.yml: there is no such file"),
    ],
)
def test_wrong_inputs_end_with_code_2_and_a_word(host: Host, tmp_path: Path, inputs: dict[str, str], said: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "README.md").touch()
    done = job(tmp_path, workspace, "push", repository_of()).use(inputs)
    assert (done.ok, done.outputs["exit-code"]) == (False, "2")
    assert said in done.annotations[0].data
    assert "exit code 2" in done.summary
    assert "Traceback" not in done.raw
    assert not list(tmp_path.rglob("PWNED"))


def test_an_empty_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    done = job(tmp_path, workspace, "push", repository_of()).use({"command": "check"})
    assert "use actions/checkout" in done.annotations[0].data


def test_a_payload_that_is_broken(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    done = gate(job(tmp_path, workspace, "pull_request", []))
    assert (done.ok, done.outputs["exit-code"]) == (False, "2")
    assert "GITHUB_EVENT_PATH" in done.annotations[0].data


def test_the_action_installs_itself_from_its_own_files_and_the_lock(host: Host, tmp_path: Path) -> None:
    """The one test that installs: dependencies by their hashes, the package from the action's folder."""
    action = tmp_path / "action"
    host.repo("clone", "-q", "--no-hardlinks", str(host.origin.root), str(tmp_path / "spare"))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "action.yml", "skillopt_ci",
         "pyproject.toml", "README.md", "LICENSE", "requirements.lock"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, listed):
        place = action / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((ROOT / name).read_bytes())
    before = sorted(p.relative_to(action) for p in action.rglob("*"))
    head = host.change("real", {PATH: SKILL}, pull=14)
    workspace = host.checkout(host.base, "fourteen")
    runner = job(tmp_path, workspace, "pull_request", pull_request(14, head, host.base), action=action)
    done = gate(runner)
    assert done.outputs["verdict"] == "regression", done.raw
    assert sorted(p.relative_to(action) for p in action.rglob("*")) == before
    (place,) = (tmp_path / "temp").glob("skillopt-ci-*")
    assert (place / "installed").is_file()
    where = [str(place / "bin" / "python"), "-I", "-c", "import skillopt_ci; print(skillopt_ci.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(place)
    # A second step of the job finds it.
    again = gate(runner)
    assert again.outputs["verdict"] == "regression"
    assert "Collecting" not in again.raw
    assert sys.version_info >= (3, 11)
