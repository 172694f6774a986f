"""What `doctor` says about workflow files."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.actions.workflows import CALLED, Steps, check_workflow
from skillopt_ci.cli.workflow_files import Action, workflow_files

SHA = "a" * 40
USES = f"skillopt-ci/skillopt-ci@{SHA}"
CHECKOUT = f"actions/checkout@{SHA}"
GOOD = f"""
on: {{pull_request: {{types: [opened, edited]}}, merge_group: , workflow_dispatch: }}
permissions: {{}}
jobs:
  measure:
    permissions: {{contents: read}}
    steps:
      - uses: {CHECKOUT}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: {USES}
        with: {{command: gate, openai-api-key: "${{{{ secrets.OPENAI_API_KEY }}}}"}}
  publish:
    permissions: {{statuses: write, pull-requests: write}}
    steps:
      - uses: {USES}
        with: {{command: publish}}
"""


def told(text: str) -> list[str]:
    found, _ = check_workflow("x.yml", text)
    assert all(f.fix for f in found)
    return [f"{f.level}: {f.what}" for f in found]


def test_a_good_one() -> None:
    assert check_workflow("x.yml", GOOD) == ([], frozenset({"gate", "publish"}))


@pytest.mark.parametrize(
    "text", ["on: push\njobs: {a: {steps: [{run: make}]}}\n", "", "[]", "jobs: 3", "a: [", "on: !!python/object:x {}"]
)
def test_other_people_s_files(text: str) -> None:
    assert check_workflow("x.yml", text) == ([], frozenset())


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("pull_request: {", "pull_request_target: {", "error: x.yml: pull_request_target runs a stranger's change"),
        ("pull_request: {", "pull_request: {paths: [skills/**], ", "error: x.yml: pull_request has a path filter"),
        (", edited", "", "warning: x.yml: a pull request that is pointed to another branch keeps the status"),
        ("{types: [opened, edited]}", "", "warning: x.yml: a pull request that is pointed to another branch keeps"),
        (" merge_group: ,", "", "warning: x.yml: a merge queue would wait for ever"),
        ("permissions: {}\n", "", "warning: x.yml: the token has the repository's default permissions"),
        (USES, "skillopt-ci/skillopt-ci@v1", "warning: x.yml, job measure: uses skillopt-ci@v1"),
        ("fetch-depth: 0, ", "", "error: x.yml, job measure: the gate compares commits, and history is cut off"),
        (", persist-credentials: false", "", "warning: x.yml, job measure: the token stays in the checkout"),
        ("{contents: read}", "{contents: write}", "error: x.yml, job measure: a model key and a token that may write"),
        ("statuses: write, ", "", "error: x.yml, job publish: `publish` needs `statuses: write`"),
        ("gate, ", "gate, github-token: x, ", "warning: x.yml, job measure: what earlier runs bought and spent cannot"),
    ],
)
def test_what_is_wrong(old: str, new: str, wanted: str) -> None:
    assert old in GOOD
    assert any(line.startswith(wanted) for line in told(GOOD.replace(old, new)))


def test_pull_requests_need_two_permissions() -> None:
    text = GOOD.replace("command: publish", "command: pr").replace("statuses: write, ", "")
    assert told(text) == ["error: x.yml, job publish: `pr` needs `contents: write`"]
    app = text.replace(
        f"      - uses: {USES}\n        with: {{command: pr}}",
        f"      - uses: actions/create-github-app-token@{SHA}\n      - uses: {USES}\n        with: {{command: pr}}",
    )
    assert told(app) == []


def test_a_shell_command_counts() -> None:
    text = "on: [push]\npermissions: {}\njobs: {a: {steps: [{run: 'skillopt-ci train --quiet'}]}}\n"
    assert check_workflow("x.yml", text) == ([], frozenset({"train"}))


def test_a_reusable_workflow_counts() -> None:
    uses = f"skillopt-ci/skillopt-ci/.github/workflows/reusable-baseline.yml@{SHA}"
    granted = "{contents: write, actions: read}"
    text = f"on: push\npermissions: {{}}\njobs: {{a: {{uses: {uses}, permissions: {granted}}}}}\n"
    assert check_workflow("x.yml", text) == ([], frozenset({"baseline"}))


@pytest.mark.parametrize(
    ("top", "of_job", "lacks"),
    [
        ("{}", None, "`contents: read`, `actions: read`, `statuses: write`, `pull-requests: write`"),
        ("write-all", "{}", "`contents: read`, `actions: read`, `statuses: write`, `pull-requests: write`"),
        ("read-all", None, "`statuses: write`, `pull-requests: write`"),
        ("{}", "{contents: read, actions: read, statuses: read, pull-requests: write}", "`statuses: write`"),
        ("{}", "write-all", ""),
        ("write-all", None, ""),
    ],
)
def test_a_caller_that_grants_too_little(top: str, of_job: str | None, lacks: str) -> None:
    uses = f"octo/mirror/.github/workflows/reusable-gate.yml@{SHA}"
    held = f", permissions: {of_job}" if of_job else ""
    text = f"on: push\npermissions: {top}\njobs: {{a: {{uses: {uses}{held}}}}}\n"
    what = f"error: x.yml, job a: GitHub does not start the called workflow, which needs {lacks}"
    assert told(text) == ([what] if lacks else [])


@pytest.mark.parametrize("kind", CALLED)
def test_what_a_caller_must_grant_is_what_ours_grant(kind: str) -> None:
    path = Path(__file__).parents[2] / "workflows" / f"skillopt-{kind}.yml"
    (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    assert job["permissions"] == CALLED[kind]


def test_agents_need_a_sandbox_in_every_job_that_measures() -> None:
    (found,) = check_workflow("x.yml", GOOD, Steps(sandbox=True))[0]
    assert (found.level, found.what) == (
        "warning",
        "x.yml, job measure: agents and scripts need a sandbox, and none is installed",
    )
    assert "in a step before" in found.fix
    step = "      - run: sudo apt-get install -y bubblewrap\n"
    text = GOOD.replace(
        f"      - uses: {USES}\n        with: {{command: gate",
        f"{step}      - uses: {USES}\n        with: {{command: gate",
    )
    assert (step in text, check_workflow("x.yml", text, Steps(sandbox=True))[0]) == (True, [])
    called = workflow_files(Action(repository="octo/mirror", sha="0123456789" * 4), "main")["skillopt-train.yml"]
    (found,) = check_workflow("x.yml", called, Steps(sandbox=True))[0]
    assert "standalone" in found.fix


PACKAGE = "@octo/agent@1.2.3"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("run: npm install -g @octo/agent@1.2.3", ""),
        ("run: 'npm i -g \"@octo/agent@1.2.3\"; npm i -g @octo/agent-tools@9.9.9'", ""),
        ("run: npm i -g @octo/agent@$VERSION", ""),
        ("run: npm i -g @octo/agent@${{ env.V }} && date", ""),
        ("run: npm install -g @octo/agent", "it names no version of @octo/agent, and 1.2.3 is pinned"),
        ("run: npm install -g @octo/agent@1.2.30", "it names '1.2.30' of @octo/agent, and 1.2.3 is pinned"),
        ("run: npm install -g @octo/agent@latest", "it names 'latest' of @octo/agent, and 1.2.3 is pinned"),
        ("run: npm install -g @octo/agent-tools@1.2.3", "the agent's @octo/agent is not installed in it"),
        ("run: make", "the agent's @octo/agent is not installed in it"),
    ],
)
def test_agents_are_installed_where_it_is_measured(step: str, said: str) -> None:
    at = f"      - uses: {USES}\n        with: {{command: gate"
    text = GOOD.replace(at, f"      - {step}\n{at}")
    assert step in text
    found = check_workflow("x.yml", text, Steps(packages=(PACKAGE,)))[0]
    assert [(f.level, f.what) for f in found] == ([("warning", f"x.yml, job measure: {said}")] if said else [])
    assert all("`npm install -g @octo/agent@1.2.3`" in f.fix for f in found)


def test_agents_of_a_workflow_that_takes_no_steps() -> None:
    called = workflow_files(Action(repository="octo/mirror", sha="0123456789" * 4), "main")["skillopt-gate.yml"]
    for steps in (Steps(packages=(PACKAGE,)), Steps(sandbox=True, packages=(PACKAGE,))):
        (found,) = check_workflow("x.yml", called, steps)[0]
        assert "standalone" in found.fix
    assert check_workflow("x.yml", called, Steps()) == ([], frozenset({"gate"}))


def test_keys_that_a_job_does_not_hand_on() -> None:
    called = workflow_files(Action(repository="octo/mirror", sha="0123456789" * 4), "main")
    steps = Steps(keys=("OPENAI_API_KEY", "MY_KEY"), training_keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"))
    for name in ("skillopt-gate.yml", "skillopt-train.yml", "skillopt-baseline.yml"):
        (found,) = check_workflow("x.yml", called[name], steps)[0]
        assert (found.level, found.what.partition(": ")[2]) == ("error", "the key MY_KEY is not handed on")
        assert "takes OPENAI_API_KEY and ANTHROPIC_API_KEY alone: name one of them in `api_key_env`" in found.fix
    usual = Steps(keys=("OPENAI_API_KEY",), training_keys=("ANTHROPIC_API_KEY",))
    text = "\n".join(line for line in called["skillopt-train.yml"].splitlines() if "ANTHROPIC_API_KEY" not in line)
    (found,) = check_workflow("x.yml", text, usual)[0]
    assert found.fix == "add `ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}` to its `secrets:`"
    text = called["skillopt-gate.yml"].replace("ANTHROPIC_API_KEY", "OTHER")
    assert check_workflow("x.yml", text, usual)[0] == []  # a gate asks no optimizer
    whole = yaml.safe_load(called["skillopt-train.yml"])
    (job,) = whole["jobs"].values()
    job["secrets"] = "inherit"
    assert check_workflow("x.yml", yaml.safe_dump(whole), usual)[0] == []


def test_keys_of_a_job_of_ones_own() -> None:
    steps = Steps(keys=("OPENAI_API_KEY", "MY_KEY"))
    assert [f.what for f in check_workflow("x.yml", GOOD, steps)[0]] == [
        "x.yml, job measure: the key MY_KEY is not handed on"
    ]
    text = GOOD.replace("permissions: {}", "permissions: {}\nenv: {MY_KEY: x}")
    assert (text != GOOD, check_workflow("x.yml", text, steps)[0]) == (True, [])
    (found,) = check_workflow("x.yml", GOOD, Steps(keys=("ANTHROPIC_API_KEY",)))[0]
    assert found.fix == "add it to `env:` of the action's step, from a secret"


def test_a_broken_file_of_ours() -> None:
    assert told("# skillopt-ci\na: [") == ["error: x.yml is not valid YAML"]


@pytest.mark.parametrize("levels", [3, 40])
def test_aliases_that_stand_for_more_than_any_memory_holds(levels: int) -> None:
    """Few values of which one is long, written out a gigabyte; and more values than any run could end with."""
    long = "x" * (2_000_000 if levels == 3 else 1)
    rows = [f"a0: &a0 [{', '.join([long] + ['y'] * 19)}]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, levels)]
    job = f"jobs: {{x: {{env: {{a: *a{levels - 1}}}, steps: [{{run: skillopt-ci gate}}]}}}}"
    assert check_workflow("x.yml", "\n".join([*rows, job]))[0]


@given(st.text(max_size=200))
def test_nothing_is_raised(text: str) -> None:
    assert isinstance(check_workflow("x.yml", "# skillopt-ci\n" + text), tuple)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "workflows").glob("s*.yml")), ids=lambda p: p.name)
def test_our_own_have_no_errors(path: Path) -> None:
    found, commands = check_workflow(path.name, path.read_text(encoding="utf-8"))
    assert [f.what for f in found if f.level == "error"] == []
    assert commands


def test_what_init_writes_for_a_mirror_is_recognised() -> None:
    action = Action(repository="octo/mirror", sha="0123456789" * 4)
    for name, text in workflow_files(action, "main").items():
        found, commands = check_workflow(name, text)
        assert commands == {name.removeprefix("skillopt-").removesuffix(".yml")}
        assert found == []
