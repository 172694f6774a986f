"""check, plan, eval, init, report, pr, ledger, schema: what they say and leave."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import wilson
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.sandbox.scratch import lock_folder, unlock_folder
from tests.cli.world import (
    CONFIG,
    GOOD,
    PATH,
    SKILL,
    TASKS,
    bytes_of,
    call,
    call_json,
    config,
    files,
    repository,
    tasks,
    write,
)  # fmt: skip
from tests.forge.repo import Repo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "p", files())
    return tmp_path / "p"


# --- check


def test_check_says_what_there_is(root: Path) -> None:
    done, value = call_json(root, "check", "some", "files", "of", "pre-commit")
    assert done.code == 0
    assert done.out.splitlines() == [
        "invoices: 8 train, 10 val, 12 test tasks; 24 tokens",
        "0 errors, 3 warnings",
    ]
    assert all("warning:" in line for line in done.lines)
    assert value["skills"] == [{"name": "invoices", "path": PATH, "tokens": 24, "train": 8, "val": 10, "test": 12}]
    assert [p["warning"] for p in value["problems"]] == [True, True, True]


def test_check_of_a_thousand_tasks(tmp_path: Path) -> None:
    write(tmp_path / "p", files(sizes=(300, 300, 400)))
    done = call(tmp_path / "p", "check")
    assert (done.code, done.lines) == (0, [])
    assert done.out.splitlines()[0] == "invoices: 300 train, 300 val, 400 test tasks; 24 tokens"


def test_check_finds_everything_wrong_with_every_skill(root: Path) -> None:
    skill = json.loads(config())["skills"][0]
    write(
        root,
        {
            CONFIG: config(skills=[skill, {**skill, "path": "skills/other/SKILL.md", "tasks": ["evals/none.jsonl"]}]),
            "skills/other/SKILL.md": "---\nname: Wrong Name\nextra: 1\n---\n# X\n",
            TASKS: tasks() + '{"id": "a"}\n',
        },
    )
    done, value = call_json(root, "check")
    assert (done.code, value["exit_code"]) == (2, 2)
    told = "\n".join(done.lines)
    for words in (f"{TASKS}:31", "skills/other/SKILL.md:2", "warning: ", "evals/none.jsonl: no task file is here"):
        assert words in told
    assert call(root, "check", "--skill", "invoices").code == 2


def test_check_wants_a_judge_for_a_judging_grader_of_a_task(root: Path) -> None:
    lines = [json.loads(line) for line in tasks().splitlines()]
    lines[4]["graders"] = [{"type": "judge", "rubric": "Is it polite?"}]
    write(root, {TASKS: "".join(json.dumps(line) + "\n" for line in lines)})
    done = call(root, "check")
    assert done.code == 2
    assert f"{TASKS}:5: its grader asks a judge, and skills[invoices] has no 'judge' model; add one" in done.lines


def test_a_grader_that_does_not_fit_is_said_once_and_not_once_a_task(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "regex", "pattern": "("}]}
    write(root, {CONFIG: config(skills=[skill])})
    done = call(root, "check")
    assert done.code == 2
    assert len([line for line in done.lines if "warning" not in line]) == 1


def test_check_refuses_a_budget_in_usd_for_a_model_without_a_price(root: Path) -> None:
    local = {"models": {"type": "openai", "base_url": "http://127.0.0.1:9/v1"}}
    write(root, {CONFIG: config(providers=local, budget={"usd": 10})})
    done, value = call_json(root, "check")
    told = [p["message"] for p in value["problems"] if not p["warning"]]
    assert done.code == 2
    assert told == [
        f"the price of 'models/{model}' is not known, so a budget in USD cannot be kept: set 'price' or 'price_as' "
        "under providers.models, or limit 'calls' instead"
        for model in ("small", "large")
    ]
    skill = {**json.loads(config())["skills"][0], "budget": {"usd": 3}}
    write(root, {CONFIG: config(providers=local, skills=[skill])})
    assert "invoices: the price of 'models/small' is not known" in call(root, "check").err
    for kept in ({**local["models"], "price": {"input": 0, "output": 0}}, {**local["models"], "price_as": "gpt-4o"}):
        write(root, {CONFIG: config(providers={"models": kept}, skills=[skill], budget={"usd": 10})})
        assert call(root, "check").code == 0
    write(root, {CONFIG: config(providers=local, budget={"calls": 10})})
    assert call(root, "check").code == 0


def test_a_skill_with_a_budget_of_its_own_goes_on_within_it(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "budget": {"calls": 5}}
    write(root, {CONFIG: config(skills=[skill])})
    for command in (["eval", "--split", "test"], ["baseline"], ["ablate"]):
        spent = []
        for more in ((), (), ("--max-calls", "7")):
            done, value = call_json(root, *command, *more)
            spent.append((done.code, value["spend"]["paid"]["calls"]))
        assert spent == [(4, 5), (4, 0), (4, 2)]


def test_answers_that_nobody_can_open_again_are_told(root: Path) -> None:
    said = "no key here to seal the ledger's answers with, so no later run can use them: set SKILLOPT_CI_LEDGER_KEY"
    env = {"SKILLOPT_CI_SEAL": "1"}
    assert said in call(root, "eval", "--split", "test", env=env).err
    kept = {**env, "SKILLOPT_CI_LEDGER_KEY": "0123456789abcdef"}
    assert said not in call(root, "eval", "--split", "test", env=kept).err
    assert said not in call(root, "eval", "--split", "test").err


def test_a_skill_that_is_too_long_already_is_said_before_anything_is_bought(root: Path) -> None:
    tight = {**json.loads(config())["train"], "policy": {"max_skill_tokens": 23}}
    write(root, {CONFIG: config(train=tight)})
    said = f"{PATH}: {{}}the body has about 24 tokens, and train.policy.max_skill_tokens is 23: training could not add"
    assert said.format("warning: ") in call(root, "check").err
    assert said.format("warning: ") in call(root, "plan").err
    done = call(root, "train")
    assert (done.code, said.format("") in done.err) == (2, True)
    assert call(root, "eval").code == 0
    write(root, {CONFIG: config(train=tight, optimizer=None)})
    assert "max_skill_tokens" not in call(root, "check").err
    write(root, {CONFIG: config(train={**tight, "policy": {"max_skill_tokens": 24}})})
    assert call(root, "train").code == 0


def test_problems_that_are_alike_are_counted(root: Path) -> None:
    lines = [json.loads(line) for line in tasks(40, 10, 10).splitlines()]
    for line in lines:
        del line["expected"]
    write(root, {TASKS: "".join(json.dumps(line) + "\n" for line in lines)})
    done, value = call_json(root, "check")
    told = [line for line in done.lines if "warning" not in line]
    assert [line.partition(": ")[0] for line in told] == [*(f"{TASKS}:{n}" for n in range(1, 6)), TASKS]
    assert told[-1] == f"{TASKS}: and 55 more like the last one"
    assert done.out.splitlines()[-1].startswith("60 errors")
    assert sum(not p["warning"] for p in value["problems"]) == 60
    write(root, {TASKS: "".join(json.dumps(line) + "\n" for line in lines[:6])})
    assert sum(TASKS in line for line in call(root, "check").lines if "grader 'exact'" in line) == 6


@pytest.mark.parametrize("command", ["check", "plan", "eval"])
def test_json_on_stdout_is_nothing_but_json(root: Path, command: str) -> None:
    done = call(root, command, "--json", "-")
    assert done.code == 0
    assert json.loads(done.out)["schema"] == f"skillopt-ci/{command}/1"
    assert "invoices" in done.err
    assert not (root / "-").exists()
    if command == "eval":
        assert call(root, "eval", "--summary", "-", "--quiet").out.startswith("**Simulated models:**")
        assert not (root / "-").exists()
    wrong = call(root, command, "--json", "-", "--skill", "nobody")
    assert (wrong.code, json.loads(wrong.out)["exit_code"]) == (2, 2)


def test_a_command_that_is_none_gets_the_nearest_one(root: Path) -> None:
    assert "No such command 'trian'. Did you mean 'train'?" in call(root, "trian").err
    assert "No such command 'xyz'.\n" in call(root, "xyz").err


# --- eval


def test_eval_scores_a_split_and_replays_it(root: Path) -> None:
    done, value = call_json(root, "eval", "--split", "test", "--runs", "2", "--junit", "out.xml")
    (entry,) = value["skills"]
    assert (done.code, entry["n_tasks"], entry["n_rollouts"], value["spend"]["paid"]["calls"]) == (0, 12, 24, 24)
    cases = list(ET.parse(root / "out.xml").getroot().iter("testcase"))
    assert len(cases) == 12
    assert "Simulated models" in done.out
    _, again = call_json(root, "eval", "--split", "test", "--runs", "2", "--replay-only")
    assert (again["skills"], again["spend"]["paid"]["calls"]) == (value["skills"], 0)
    missed = call(root, "eval", "--split", "train", "--replay-only")
    assert missed.code == 2
    assert "this call was never bought" in missed.lines[-1]


def test_held_out_words_are_not_shown_unless_asked_for(root: Path) -> None:
    for shown in (False, True):
        write(root, {CONFIG: config(report={"show_heldout": shown})})
        assert call(root, "eval", "--split", "test", "--junit", "out.xml").code == 0
        assert ("held-out task: words are not shown" in (root / "out.xml").read_text(encoding="utf-8")) is not shown


def test_eval_stops_at_its_budget_and_goes_on(root: Path) -> None:
    done, value = call_json(root, "eval", "--max-calls", "3")
    assert (done.code, value["reason"], value["spend"]["paid"]["calls"]) == (4, "budget", 3)
    _, more = call_json(root, "eval")
    assert more["spend"]["replayed"]["calls"] == 3


def test_tasks_of_a_cluster_count_as_one_in_the_interval_of_a_score(root: Path) -> None:
    _, alone = call_json(root, "eval")
    rows = [json.loads(line) for line in tasks().splitlines()]
    write(root, {TASKS: "".join(json.dumps({**r, "metadata": {"cluster": r["split"]}}) + "\n" for r in rows)})
    done, value = call_json(root, "eval")
    before, after = alone["skills"][0], value["skills"][0]
    assert (after["mean"], after["n_tasks"]) == (before["mean"], 10)
    assert (after["low"], after["high"]) == pytest.approx(wilson(after["mean"], 1), abs=1e-6)
    assert f"[{100 * after['low']:.1f}, {100 * after['high']:.1f}]" in done.out
    _, matrix = call_json(root, "eval", "--matrix")
    assert matrix["cells"][0]["with"]["low"] == after["low"]


@pytest.mark.parametrize("command", [["eval", "--matrix"], ["ablate"], ["baseline"], ["calibrate"]])
def test_a_command_that_ends_early_tells_what_it_paid(root: Path, command: list[str]) -> None:
    priced = {"models": {"type": "simulated", "price": {"input": 1, "output": 1}}}
    write(root, {CONFIG: config(providers=priced)})
    done, value = call_json(root, *command, "--max-calls", "3")
    with Ledger(root / ".skillopt/ledger.sqlite") as ledger:
        bought = sum(ledger.spend_by_stream().values(), Spend())
    assert (done.code, value["spend"]["paid"]) == (4, bought.as_json())
    assert bought.calls == 3
    _, again = call_json(root, *command, "--replay-only")
    assert (again["reason"], again["spend"]["paid"]["calls"]) == ("replay-miss", 0)


def test_eval_with_a_judge(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "Is it short?"}]}
    write(root, {CONFIG: config(judge={"provider": "models", "model": "j"}, skills=[skill])})
    done, value = call_json(root, "eval")
    assert (done.code, value["spend"]["paid"]["calls"]) == (0, 20)


# --- init


def test_init_in_an_empty_repository_then_check(tmp_path: Path) -> None:
    Repo(tmp_path / "new")
    done = call(tmp_path / "new", "init")
    assert done.code == 0
    assert [line for line in done.lines if line.startswith("wrote ")] == [
        "wrote skills/example/SKILL.md",
        "wrote skillopt.yml",
        "wrote evals/example/tasks.jsonl",
        "wrote .gitignore",
    ]
    assert "max_open" not in (tmp_path / "new" / CONFIG).read_text(encoding="utf-8")
    checked = call(tmp_path / "new", "check")
    assert checked.code == 0
    assert "10 starter tasks are still here; replace them by tasks of your own" in checked.err
    measured = call(tmp_path / "new", "eval")
    assert (measured.code, "10 starter tasks are still here" in measured.err) == (0, True)
    again = call(tmp_path / "new", "init")
    assert (again.code, len(again.lines)) == (2, 1)
    assert "skillopt.yml is here already" in again.err


def test_init_takes_the_skills_that_are_there_and_overwrites_nothing(tmp_path: Path) -> None:
    mine = {
        "skills/a/SKILL.md": "---\nname: a\ndescription: Does a. Use when a is asked for.\n---\n# A\n",
        "skills/b, [c] #d/SKILL.md": "# B\n",
        "evals/a/tasks.jsonl": tasks(),
        ".gitignore": "node_modules",
    }
    write(tmp_path, mine)  # type: ignore[arg-type]
    done = call(tmp_path, "init", "--quiet", "--provider", "simulated")
    assert (done.code, done.err) == (0, "")
    found = bytes_of(tmp_path)
    assert {n: found[n] for n in mine if n != ".gitignore"} == {
        n: t.encode() for n, t in mine.items() if n != ".gitignore"
    }
    assert found[".gitignore"] == b"node_modules\n.skillopt/ledger.sqlite*\n.skillopt/runs/\n"
    checked = call(tmp_path, "check")
    assert "b, [c] #d: 4 train, 3 val, 3 test tasks" in checked.out
    assert "a: 8 train" in checked.out


ASKED = [{"id": n, "prompt": f"Is order {n} paid?", "expectations": ["Says whether it is paid."]} for n in range(9)]
WORDS = [
    {"id": f"w{n}", "prompt": f"Say {n}.", "graders": [{"type": "text", "config": {"contains": [str(n)]}}]}
    for n in range(9)
]


def skill_text(name: str) -> str:
    return f"---\nname: {name}\ndescription: Does it. Use when it is asked for.\n---\n# It\n"


def cannot_be_read(path: str) -> str:
    return f"{path} cannot be read as tasks: `skillopt-ci import {path} -o x.jsonl` says why"


def test_init_takes_the_evaluations_that_are_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "skills/a/SKILL.md": skill_text("a"),
            "skills/a/evals/evals.json": json.dumps({"evals": ASKED}),
            "skills/a/evals/eval_queries.json": '[{"query": "q", "should_trigger": true}]',
            "skills/b/SKILL.md": skill_text("b"),
            "evals/b/eval.yaml": json.dumps({"tasks": WORDS}),
            "evals/b/few.yaml": json.dumps({"tasks": WORDS[:2]}),
            "skills/c/SKILL.md": skill_text("c"),
            "skills/c/evals/evals.json": '{"evals": [{"id": 1}]}',  # it has an error
            "skills/c/evals/data.json": '{"rows": []}',
            "skills/d/SKILL.md": skill_text("d"),
            "evals/d/late/case.yaml": "execution: {prompt: May it be late?}\ngraders: [{type: regex, pattern: no}]\n",
        },
    )
    done = call(tmp_path, "init", "--provider", "simulated")
    assert [line for line in done.lines if "found" in line or "evals/" in line] == [
        "found skills/a/evals/evals.json (evals-json, 9 tasks): it is read as it is",
        "found evals/b/eval.yaml (waza, 9 tasks): it is read as it is",
        cannot_be_read("skills/c/evals/data.json"),
        cannot_be_read("skills/c/evals/evals.json"),
        "wrote evals/c/tasks.jsonl",
        "found evals/d (plugin-eval, 1 task): it is read as it is",
    ]
    assert "replace the starter tasks" in done.err + done.out
    text = (tmp_path / CONFIG).read_text(encoding="utf-8")
    assert 'tasks: ["skills/a/evals/evals.json"]' in text
    assert "judge:     {provider: simulated, model: demo}" in text
    assert "\npr: {max_open: 4}" in text  # what is learnt of one skill does not wait for the pull request of another
    assert call(tmp_path, "eval", "--skill", "b").code == 0


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("qa.csv", "question,answer\n" + "".join(f"What is {n}?,{n}\n" for n in range(12)), "qa"),
        ("samples.jsonl", "".join(json.dumps({"input": f"{n}=", "ideal": str(n)}) + "\n" for n in range(12)), "qa"),
        ("questions.jsonl", tasks(4, 4, 4), "native"),
    ],
)
def test_init_takes_rows_of_questions_and_native_tasks_of_any_name(
    tmp_path: Path, name: str, content: str, kind: str
) -> None:
    write(tmp_path, {"skills/a/SKILL.md": skill_text("a"), f"evals/a/{name}": content})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert f"found evals/a/{name} ({kind}, 12 tasks): it is read as it is" in done.lines
    assert not (tmp_path / "evals/a/tasks.jsonl").exists()
    assert call(tmp_path, "check").code == 0


def test_init_does_not_train_a_skill_to_say_its_name(tmp_path: Path) -> None:
    # As Azure/AKS-Skills tests its router: beside it lies what the skill should answer.
    routed = [{"vars": {"prompt": f"Do {n}."}, "assert": [{"type": "equals", "value": "set-up"}]} for n in range(20)]
    routed.append({"vars": {"prompt": "Sing."}, "assert": [{"type": "equals", "value": "none"}]})
    write(
        tmp_path,
        {
            "skills/set-up/SKILL.md": skill_text("set-up"),
            "evals/set-up/routing.yaml": json.dumps(routed),
            "evals/set-up/quality.yaml": json.dumps({"tasks": WORDS}),
        },
    )
    done = call(tmp_path, "init", "--provider", "simulated")
    assert "found evals/set-up/quality.yaml (waza, 9 tasks): it is read as it is" in done.lines


def test_init_does_not_take_its_own_starter_tasks_for_an_evaluation(tmp_path: Path) -> None:
    write(tmp_path, {"skills/a/SKILL.md": skill_text("a")})
    call(tmp_path, "init", "--provider", "simulated")
    (tmp_path / CONFIG).unlink()
    done = call(tmp_path, "init", "--provider", "simulated")
    assert "Next: replace the starter tasks by your own (50 or more), then `skillopt-ci check`." in done.lines


@pytest.mark.parametrize("name", ["skillopt.yaml", ".github/skillopt.yaml"])
def test_init_writes_no_second_configuration_beside_one_of_a_wrong_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: ""})
    done = call(tmp_path, "init")
    words = f"error: {name} is here already, and is not read: rename it to skillopt.yml, or name it with --config"
    assert (done.code, done.lines) == (2, [words])
    assert not (tmp_path / CONFIG).exists()


def test_init_says_when_a_configuration_is_above(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "r")
    write(repo.root, {CONFIG: "version: 1\n", "part/skills/a/SKILL.md": skill_text("a"), "x.txt": ""})
    done = call(repo.root / "part", "init", "--provider", "simulated")
    assert f"warning: {repo.root} has a configuration already; this one is for part alone" in done.lines
    write(tmp_path, {CONFIG: "version: 1\n", "none/skills/a/SKILL.md": skill_text("a")})
    assert "has a configuration already" not in call(tmp_path / "none", "init").err  # nobody looks there


def test_workflows_that_were_asked_for_and_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "p", files())
    done = call(tmp_path / "p", "init", "--workflows")
    assert (done.code, done.lines) == (2, ["error: this is no git repository"])
    Repo(tmp_path / "p")
    done = call(tmp_path / "p", "init", "--workflows")
    assert (done.code, len(done.lines)) == (2, 1)
    assert "cannot be seen; `skillopt-ci init --workflows --action" in done.err


@pytest.mark.parametrize(
    "place", ["SKILL.md", "skills/office/a/SKILL.md", ".claude/skills/a/SKILL.md", "plugins/p/skills/a/SKILL.md"]
)
def test_init_finds_a_skill_and_its_evaluations_in_usual_places(tmp_path: Path, place: str) -> None:
    root = tmp_path / "a"
    write(root, {place: skill_text("a"), "evals/waza.yaml": json.dumps({"tasks": WORDS})})
    done = call(root, "init", "--provider", "simulated")
    assert "found evals/waza.yaml (waza, 9 tasks): it is read as it is" in done.lines
    assert "Next: look through skillopt.yml, then `skillopt-ci check`." in done.lines
    text = (root / CONFIG).read_text(encoding="utf-8")
    assert (f'path: "{place}"' in text, "judge:" in text) == (True, False)
    assert call(root, "check").code == 0


def test_init_takes_a_marketplace_for_its_plugins(tmp_path: Path) -> None:
    own, sold = ".github/skills/tidy/SKILL.md", "plugins/p/skills/a/SKILL.md"
    files = {own: skill_text("tidy"), sold: skill_text("a"), "tests/p/a/eval.yaml": json.dumps({"tasks": WORDS})}
    write(tmp_path, {**files, "plugins/p/skills/b/SKILL.md": skill_text("b")})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert "found tests/p/a/eval.yaml (waza, 9 tasks): it is read as it is" in done.lines
    assert "wrote evals/b/tasks.jsonl" in done.lines
    assert own not in (tmp_path / CONFIG).read_text(encoding="utf-8")


@pytest.mark.parametrize(("few", "seeded", "code"), [(3, True, 0), (4, False, 0), (2, False, 2)])
def test_init_divides_a_few_tasks_so_that_no_split_is_empty(tmp_path: Path, few: int, seeded: bool, code: int) -> None:
    write(tmp_path / "a", {"SKILL.md": skill_text("a"), "evals/waza.yaml": json.dumps({"tasks": WORDS[:few]})})
    assert call(tmp_path / "a", "init", "--provider", "simulated").code == 0
    assert ("split: {seed: " in (tmp_path / "a" / CONFIG).read_text(encoding="utf-8")) is seeded
    assert call(tmp_path / "a", "check").code == code


def test_init_takes_both_parts_of_a_gbrain_benchmark(tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {
                "task_id": f"t{n}",
                "task": f"Say {n}.",
                "judge": {"kind": "rule", "checks": [{"op": "contains", "arg": "x"}]},
            }
        )
        for n in range(9)
    ]
    files = {
        "SKILL.md": skill_text("a"),
        "benchmark.jsonl": "\n".join(lines[:6]),
        "held-out.jsonl": "\n".join(lines[6:]),
    }
    write(tmp_path / "a", files)
    done = call(tmp_path / "a", "init", "--provider", "simulated")
    assert "found benchmark.jsonl and held-out.jsonl (gbrain, 9 tasks): it is read as it is" in done.lines
    assert "3 test tasks" in call(tmp_path / "a", "check").out


def test_init_for_a_skill_at_the_top_without_evaluations(tmp_path: Path) -> None:
    write(
        tmp_path / "a",
        {"SKILL.md": skill_text("a"), "package.json": "{}", "tests/x.yaml": json.dumps({"tasks": WORDS})},
    )
    done = call(tmp_path / "a", "init", "--provider", "simulated")
    assert (done.code, "wrote evals/a/tasks.jsonl" in done.lines) == (0, True)
    assert call(tmp_path / "a", "check").code == 0


def test_init_gives_no_evaluations_to_a_skill_that_it_made(tmp_path: Path) -> None:
    write(tmp_path, {"evals/eval.yaml": json.dumps({"tasks": WORDS})})
    done = call(tmp_path, "init")
    assert "wrote evals/example/tasks.jsonl" in done.lines


@pytest.mark.parametrize(
    ("env", "args", "provider"),
    [
        ({}, [], "simulated"),
        ({"OPENAI_API_KEY": "k"}, [], "openai"),
        ({"ANTHROPIC_API_KEY": "k"}, [], "anthropic"),
        ({"OPENAI_API_KEY": "k"}, ["--provider", "anthropic"], "anthropic"),
    ],
)
def test_init_takes_the_provider_whose_key_is_there(
    tmp_path: Path, env: dict[str, str], args: list[str], provider: str
) -> None:
    assert call(tmp_path, "init", *args, env=env).code == 0
    text = (tmp_path / CONFIG).read_text(encoding="utf-8")
    assert [provider in line for line in text.splitlines() if line.startswith(("target:", "optimizer:"))] == [
        True,
        True,
    ]
    _, value = call_json(tmp_path, "plan")
    assert value["skills"][0]["train_total"]["usd"] is not None  # its budget in USD can be kept


@pytest.mark.parametrize(("branch", "told"), [("main", False), ("master", False), ("trunk", True)])
def test_init_takes_the_branch_of_a_repository_that_names_no_default(tmp_path: Path, branch: str, told: bool) -> None:
    subprocess.run(["git", "init", "-q", "-b", branch, str(tmp_path / "p")], check=True)
    done = call(tmp_path / "p", "init", "--workflows", "--action", f"o/n@{'a' * 40}")
    assert f'branches: ["{branch}"]' in (tmp_path / "p/.github/workflows/skillopt-baseline.yml").read_text("utf-8")
    assert (done.code, f"skillopt-baseline.yml takes '{branch}' for it" in done.err) == (0, told)


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    write(tmp_path, {"skills": "a file in the way"})
    done = call(tmp_path, "init")
    assert (done.code, len(done.lines)) == (2, 1)
    assert "cannot be written" in done.err


# --- report, pr


def test_report_shows_the_newest_run_in_every_form(trained: Path) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    shown = {form: call(trained, "report", "--format", form).out for form in ("markdown", "html", "junit", "json")}
    assert shown["markdown"].rstrip("\n") == (folder / "report.md").read_text(encoding="utf-8").rstrip("\n")
    assert shown["html"].lower().startswith("<!doctype html>")
    assert ET.fromstring(shown["junit"].encode()).tag == "testsuites"
    assert json.loads(shown["json"]) == json.loads((folder / "report.json").read_bytes())
    plain = call(trained, "report", str(folder), "--skill", "invoices", "--format", "markdown").out
    assert plain == shown["markdown"]
    assert call(trained, "report", "--skill", "other").code == 2
    place = trained / "copy.json"
    assert call(trained, "report", "--json", str(place)).code == 0
    assert json.loads(place.read_bytes())["schema"] == "skillopt-ci/train/1"


def test_pr_writes_commits_that_git_takes(trained: Path) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    before = subprocess.run(["git", "rev-parse", "HEAD"], cwd=trained, capture_output=True, text=True, check=True)
    done, value = call_json(trained, "pr", "--dry-run")
    assert done.code == 0
    assert value["schema"] == "skillopt-ci/pr/1"
    assert (value["draft"], value["branch"].startswith("skillopt/invoices-")) == (False, True)
    place = folder / "pull_request"
    assert (place / "title.txt").read_text(encoding="utf-8").strip() == value["title"]
    assert (place / "branch.txt").read_text(encoding="utf-8").strip() == value["branch"]
    assert "Simulated models" in (place / "body.md").read_text(encoding="utf-8")
    patches = sorted(str(p) for p in (place / "commits").iterdir())
    assert len(patches) == len(value["commits"]) > 0
    repo = Repo(trained, create=False)
    assert repo("rev-parse", "HEAD") == before.stdout.strip()  # nothing was moved
    assert repo("status", "--porcelain") == ""
    repo("am", "-q", *patches)
    assert (trained / PATH).read_bytes() == (folder / "best_skill.md").read_bytes()
    assert repo("log", "--format=%an", "-1") == "skillopt-ci[bot]"
    assert (trained / ".skillopt/history/invoices.jsonl").is_file()
    again = call(trained, "pr", "--dry-run")
    assert (again.code, "has the new text of this run already; there is nothing to propose" in again.err) == (2, True)
    repo.commit({PATH: "---\nname: invoices\ndescription: d\n---\n\nAnother text.\n"})
    again = call(trained, "pr", "--dry-run")
    assert again.code == 5
    assert "is not the skill that was trained: its scores are void; train again" in again.lines[0]


def test_the_command_that_pr_prints_can_be_pasted_whatever_the_folder_is_called(trained: Path) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    folder = folder.rename(folder.with_name("it's $(touch x) & more"))
    done = call(trained, "pr", "--dry-run", str(folder))
    assert done.code == 0
    pasted = "git -c user.name=p -c user.email=p@example.org am -q " + done.out.strip().partition(": git am ")[2]
    subprocess.run(["sh", "-c", pasted], cwd=trained, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}, check=True)
    assert (trained / PATH).read_bytes() == (folder / "best_skill.md").read_bytes()
    assert not (trained / "x").exists()


def test_pr_of_a_project_in_a_folder_with_its_configuration_named(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "mono")
    repo.commit({f"ai/{name}": data for name, data in files().items()})
    assert call(repo.root, "train", "--quiet", "--config", "ai/skillopt.yml").code == 0
    done, value = call_json(repo.root, "pr", "--dry-run", "--config", "ai/skillopt.yml")
    assert done.code == 0
    repo("am", "-q", *(str(p) for p in sorted(Path(value["folder"]).glob("commits/*.patch"))))
    assert (repo.root / "ai" / PATH).read_text(encoding="utf-8") != SKILL
    body = (Path(value["folder"]) / "body.md").read_text(encoding="utf-8")
    assert "`skillopt-ci train --config ai/skillopt.yml --skill invoices --seed" in body


@pytest.mark.parametrize(
    ("place", "beside", "named"),
    [
        ("skillopt.yml", (), ""),
        (".github/skillopt.yml", (), ""),
        (".github/skillopt.yml", ("skillopt.yml",), " --config .github/skillopt.yml"),
        ("other.yml", (), " --config other.yml"),
    ],
)
def test_the_command_that_repeats_a_run_names_its_configuration_where_no_other_would_do(
    tmp_path: Path, place: str, beside: tuple[str, ...], named: str
) -> None:
    repo = Repo(tmp_path / "p")
    repo.commit({n: d for n, d in files().items() if n != CONFIG} | dict.fromkeys([place, *beside], config()))
    assert call(repo.root, "train", "--quiet", "--config", place).code == 0
    (run,) = (repo.root / ".skillopt/runs").iterdir()
    text = (run / "pull_request.md").read_text(encoding="utf-8")
    assert f"`skillopt-ci train{named} --skill invoices --seed" in text


def test_pr_is_refused_without_an_improvement_unless_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "p")
    repo.commit(files(sizes=(8, 10, 3), pr={"min_confidence": 0.999}))
    _, value = call_json(repo.root, "train")
    assert value["proposal"] is False
    done = call(repo.root, "pr", "--dry-run")
    assert done.code == 2
    assert "improvement not shown on the test split; --anyway" in done.lines[0]
    told, draft = call_json(repo.root, "pr", "--dry-run", "--anyway")
    assert (told.code, draft["draft"]) == (0, True)
    title = Path(draft["folder"]) / "title.txt"
    assert title.read_text(encoding="utf-8").endswith("(improvement not shown)\n")


def test_a_run_of_uncommitted_tasks_claims_no_commit_that_repeats_it(tmp_path: Path) -> None:
    repo = repository(tmp_path / "p").root
    write(repo, {TASKS: tasks(8, 12, 14), "notes.txt": "no part of it"})
    assert call(repo, "train", "--quiet").code == 0
    done, value = call_json(repo, "pr", "--dry-run")
    assert (done.code, "the run was made with uncommitted changes" in done.err) == (0, True)
    body = (Path(value["folder"]) / "body.md").read_text(encoding="utf-8")
    assert "**It cannot be repeated** from a commit" in body
    assert "To repeat it" not in body
    head = Repo(repo, create=False)("rev-parse", "HEAD")
    assert f"| Trained at commit | {head}, with uncommitted changes |" in body
    assert f"{head}, with uncommitted changes" in call(repo, "report", "--format", "html").out


def test_a_run_beside_other_uncommitted_files_is_one_of_its_commit(tmp_path: Path) -> None:
    repo = repository(tmp_path / "p").root
    write(repo, {"notes.txt": "no part of it"})
    assert call(repo, "train", "--quiet", "--seed", "7").code == 0
    (folder,) = (repo / ".skillopt/runs").iterdir()
    assert json.loads((folder / "config.json").read_bytes())["uncommitted"] is False


def test_pr_names_the_earlier_run_that_is_worth_one(trained: Path) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    newer = shutil.copytree(folder, folder.with_name("newer"))
    report = json.loads((newer / "report.json").read_bytes())
    (newer / "report.json").write_text(json.dumps({**report, "proposal": False}), encoding="utf-8")
    done = call(trained, "pr", "--dry-run")
    assert (done.code, "an earlier run has an improvement: name its folder, " in done.lines[0]) == (2, True)
    assert done.lines[0].rstrip().endswith(str(folder))
    assert call(trained, "pr", "--dry-run", str(folder)).code == 0
    assert "an earlier run" not in call(trained, "pr", "--dry-run", str(newer)).err
    skills = [{**skill, "best": skill["start"]} for skill in report["skills"]]  # what the newer run began with
    (folder / "report.json").write_text(json.dumps({**report, "skills": skills}), encoding="utf-8")
    os.utime(folder / "report.json", ns=(0, 0))
    assert "an earlier run" not in call(trained, "pr", "--dry-run").err
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    os.utime(folder / "report.json", ns=(0, 0))
    damaged = shutil.copytree(folder, folder.with_name("damaged"))
    (damaged / "report.json").write_text("{", encoding="utf-8")
    os.utime(damaged / "report.json", ns=(0, 0))
    again = call(trained, "pr", "--dry-run")
    assert (again.code, "improvement not shown" in again.lines[0]) == (2, True)


def copied_run(folder: Path, to: str, **changes: str) -> Path:
    """A newer run with other words in its configuration."""
    made = shutil.copytree(folder, folder.with_name(to))
    value = json.loads((made / "config.json").read_bytes())
    (made / "config.json").write_text(json.dumps({**value, **changes}), encoding="utf-8")
    later = (folder / "report.json").stat().st_mtime_ns + 10**9
    os.utime(made / "report.json", ns=(later, later))
    return made


def test_pr_takes_the_newest_run_of_train_and_names_those_of_other_skills(trained: Path) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    compared = copied_run(folder, "compared", command="compare")
    (compared / "pull_request.md").unlink()
    other = copied_run(folder, "other", name="other")
    os.utime(other / "report.json", ns=(0, 0))
    copied_run(compared, "compared-other", name="other")
    done, value = call_json(trained, "pr", "--dry-run")
    assert done.code == 0, done.err
    assert Path(value["folder"]).parent.name == folder.name
    assert done.lines[0].endswith(f"{folder.name} is the newest run; others with a proposal: {other}")
    assert "others with" not in call(trained, "pr", "--dry-run", "--skill", "invoices").err
    assert "others with" not in call(trained, "pr", "--dry-run", str(folder)).err
    report = json.loads((folder / "report.json").read_bytes())
    copied_run(folder, "newest")
    (folder.with_name("newest") / "report.json").write_text(json.dumps({**report, "proposal": False}), encoding="utf-8")
    refused = call(trained, "pr", "--dry-run")  # it was trained last, and the other one is to be proposed
    assert (refused.code, refused.lines[0].endswith(f"name its folder, {folder} or {other}")) == (2, True)


def test_a_run_is_not_written_among_other_files(root: Path) -> None:
    write(root, {"d/report.md": "mine"})
    for named in ("d", "."):
        done = call(root, "train", "--quiet", "--run-dir", named)
        assert done.code == 2
        assert done.lines == [
            f"error: --run-dir {named}: not empty, and not the folder of a run; name a new or an empty one"
        ]
    assert bytes_of(root / "d", ["report.md"]) == {"report.md": b"mine"}
    assert not (root / "config.json").exists()
    (root / "empty").mkdir()
    assert call(root, "train", "--quiet", "--run-dir", "empty").code == 0
    assert call(root, "train", "--quiet", "--run-dir", "empty").code == 0


@pytest.mark.parametrize("command", [["pr", "--dry-run"], ["report"]])
def test_a_run_of_another_skill_than_the_one_named_is_refused(trained: Path, command: list[str]) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    done = call(trained, *command, str(folder), "--skill", "other")
    assert done.code == 2
    assert done.lines == [f"error: --skill other: {folder} holds a run of invoices; leave out one of the two"]
    assert call(trained, *command, str(folder), "--skill", "invoices").code == 0


def test_pr_of_a_run_that_changed_nothing_and_outside_of_a_repository(tmp_path: Path, trained: Path) -> None:
    repo = Repo(tmp_path / "p")
    repo.commit(files(GOOD, providers={"models": {"type": "simulated", "noise": 0}}))
    assert call(repo.root, "train", "--quiet").code == 0
    done = call(repo.root, "pr", "--dry-run")
    assert done.code == 2
    assert "the run changed nothing; there is nothing to propose" in done.lines[0]
    (trained / ".git").rename(tmp_path / "away")
    lost = call(trained, "pr", "--dry-run")
    assert lost.code == 2
    assert "a pull request needs a git repository" in lost.lines[0]


# --- ledger, schema


def test_the_ledger_tells_merges_and_exports(trained: Path, tmp_path: Path) -> None:
    stats = dict(line.split("\t") for line in call(trained, "ledger", "stats").out.splitlines())
    total: dict[str, Any] = json.loads(stats.pop("total"))
    assert total["calls"] == sum(json.loads(v)["calls"] for v in stats.values()) > 0
    rows = [json.loads(line) for line in call(trained, "ledger", "export").out.splitlines()]
    assert len(rows) == total["calls"]
    assert set(rows[0]) >= {"key", "stream", "label", "usd", "value"}
    write(tmp_path / "fresh", files())
    ours = str(trained / ".skillopt/ledger.sqlite")
    merged = call(tmp_path / "fresh", "ledger", "merge", ours)
    assert merged.out.startswith(f"{total['calls']} purchases taken over from ")
    assert call(tmp_path / "fresh", "ledger", "merge", ours).out.startswith("0 purchases")
    _, value = call_json(tmp_path / "fresh", "train", "--generation", "1")
    assert value["skills"][0]["spend"]["paid"]["calls"] == 0
    assert call(tmp_path / "fresh", "ledger", "failures").out == ""
    (tmp_path / "none").write_text("no ledger", encoding="utf-8")
    assert call(tmp_path / "fresh", "ledger", "merge", str(tmp_path / "none")).code == 2


def test_what_a_ledger_says_holds_no_key(root: Path) -> None:
    key = "sk-0123456789-abcdefghij"
    entry = Entry(kind="call", run="r", stream="val", label="t1")
    value = {"text": f"a {key} 1777", "seconds": 0.1777}
    with Ledger(root / ".skillopt/ledger.sqlite") as ledger:  # of an earlier version, with answers as they came
        bought = Purchase(value=value, usage=Usage(), usd=None, served_model=key)
        ledger.once("k", entry, lambda: bought)
        ledger.fail("k", entry, "server", "x" * 290 + key)
    write(root, {"skillopt.yml": config(providers={"models": {"type": "openai", "api_key_env": "MINE"}})})
    env = {"OPENAI_API_KEY": key, "MINE": "0.1777", "GITHUB_TOKEN": "a " + key}
    (row,) = map(json.loads, call(root, "ledger", "export", env=env).out.splitlines())
    assert (row["value"], row["served_model"]) == ({"text": "*** 1777", "seconds": 0.1777}, "***")
    assert "sk-" not in call(root, "ledger", "failures", env=env).out


def test_the_schema_describes_the_configuration(root: Path) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(call(root, "schema").out)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(json.loads(config()))) == []
    assert list(validator.iter_errors({**json.loads(config()), "concurency": 1}))


def test_two_commands_at_one_ledger_hear_of_each_other(root: Path) -> None:
    said = "another command is at work with this ledger: what both need is bought by both"
    assert said not in call(root, "eval").err
    lock = lock_folder(root / ".skillopt")
    try:
        assert said in call(root, "eval", "--runs", "2").err
        assert said not in call(root, "eval", "--replay-only").err
        assert said not in call(root, "check").err
    finally:
        unlock_folder(lock)
    assert said not in call(root, "eval").err


def test_init_says_which_skills_it_left_out(tmp_path: Path) -> None:
    write(tmp_path, {f"{place}/SKILL.md": SKILL for place in ("skills/b", ".claude/skills/a", ".claude/skills/b")})
    done = call(tmp_path, "init")
    assert done.code == 0
    assert "left out, in other places: .claude/skills/a/SKILL.md, .claude/skills/b/SKILL.md; add those" in done.err
    assert ".claude" not in (tmp_path / CONFIG).read_text(encoding="utf-8")


def test_init_says_which_files_only_an_agent_can_be_asked(tmp_path: Path) -> None:
    triggers = "id,should_trigger,prompt\na,true,Refund it.\nb,false,Say hello.\n"
    write(tmp_path, {"skills/a/SKILL.md": skill_text("a"), "evals/a/a.prompts.csv": triggers})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert done.code == 0
    assert "evals/a/a.prompts.csv asks whether the skill is chosen: add it to its tasks once an agent's" in done.err
    assert cannot_be_read("evals/a/a.prompts.csv") not in done.err


def test_init_takes_skills_in_folders_of_any_name(tmp_path: Path) -> None:
    places = ("team/skills/lint", "work/in/depth/review")
    packages = ("node_modules/a/skills/other", "team/node_modules/b", "vendor/c/d", "env/lib/site-packages/e/f")
    write(tmp_path, {f"{place}/SKILL.md": skill_text(place.rpartition("/")[2]) for place in (*places, *packages)})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert done.code == 0
    assert "no SKILL.md was in a usual place: take what is a copy" in done.err
    checked, value = call_json(tmp_path, "check")
    assert checked.code == 0
    assert [skill["path"] for skill in value["skills"]] == [f"{place}/SKILL.md" for place in places]
    assert not (tmp_path / "skills").exists()


def test_init_takes_one_of_two_skills_of_the_same_name_and_check_accepts_it(tmp_path: Path) -> None:
    places = ("plugins/a/skills/review", "plugins/b/skills/lint", "plugins/b/skills/review", "plugins/c/skills/review")
    write(tmp_path, {f"{place}/SKILL.md": skill_text(place.rpartition("/")[2]) for place in places})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert done.code == 0
    said = "left out, as another skill has the directory's name: plugins/b/skills/review/SKILL.md, plugins/c/"
    assert said in done.err
    assert "in other places" not in done.err
    checked, value = call_json(tmp_path, "check")
    assert checked.code == 0
    assert [skill["path"] for skill in value["skills"]] == [f"{place}/SKILL.md" for place in places[:2]]


def test_init_gives_evaluations_at_the_top_to_none_of_two_skills_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, {f"plugins/{p}/skills/a/SKILL.md": skill_text("a") for p in ("one", "two")})
    write(tmp_path, {"evals/waza.yaml": json.dumps({"tasks": WORDS})})
    done = call(tmp_path, "init", "--provider", "simulated")
    assert (done.code, "wrote evals/a/tasks.jsonl" in done.lines) == (0, True)
