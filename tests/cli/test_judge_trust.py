"""Judges one can trust: tested before they decide, compared with people, changed without running agents again."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, PATH, SKILL, TASKS, call, call_json, config, repository, task, write
from tests.graders.helpers import blocks_of, labels_of
from tests.graders.test_judge import HOSTILE
from tests.integration.process import KEY
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply
from tests.report.test_junit import outcomes, suite_of

ENV = {"LOCAL_KEY": KEY}
RUBRIC = "Says where it comes from."
Judge = Callable[[str, str], Any]  # (label's criterion, answer) -> (evidence, met)


def strict(_criterion: str, answer: str) -> Any:
    """Met where the answer names a source; always with a quotation."""
    return answer.split("\n", maxsplit=1)[0], "source" in answer


def lenient(_criterion: str, answer: str) -> Any:
    return answer.split("\n", maxsplit=1)[0], True


def inventive(_criterion: str, _answer: str) -> Any:
    return "words that nobody wrote", False


def target(made: Call) -> str:
    number = int(made.user_text.partition("INV-")[2][:4])
    body = made.body["messages"][0]["content"]
    return f"Oslo, number {number}." + (" The source is the invoice." if number % 3 or "always" in body else "")


@contextmanager
def models(judge: Judge = strict, fail: str = "") -> Iterator[Loopback]:
    """A server that is target (`small`), optimizer (`large`) and judge (any other name)."""

    def answer(made: Call) -> Reply:
        if made.body["model"] == fail:
            return error_reply(400, "no")
        if made.body["model"] == "small":
            return chat_reply(target(made))
        if made.body["model"] == "large":
            return chat_reply(json.dumps({"reasoning": "r", "edits": []}))
        prompt = made.body["messages"][1]["content"]
        text = blocks_of(prompt)["answer"]
        said = {label: judge(criterion, text) for label, criterion in labels_of(prompt).items()}
        criteria = [{"label": label, "evidence": e, "met": met} for label, (e, met) in said.items()]
        return chat_reply(json.dumps({"criteria": criteria, "reason": "r", "advice": ""}))

    with Loopback(answer) as server:
        yield server


def changes(server: Loopback, judge: str = "j", **options: Any) -> dict[str, Any]:
    grader = {"type": "judge", "rubric": RUBRIC, **options}
    return {
        "providers": {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}},
        "judge": {"provider": "models", "model": judge},
        "skills": [{"path": PATH, "tasks": [TASKS], "graders": [grader]}],
        "gate": {"base_runs": 2, "max_rounds": 2},
    }


def calls(server: Loopback, *, since: int = 0) -> dict[str, int]:
    """Calls by model."""
    found: dict[str, int] = {}
    for made in server.calls[since:]:
        found[made.body["model"]] = found.get(made.body["model"], 0) + 1
    return found


SAMPLES = {"passing": ["Oslo. The source is page 2."], "failing": ["Oslo.", {"answer": "Rome.", "prompt": "Where?"}]}


# --- another judge


@pytest.mark.parametrize("stored", [True, False])
def test_another_judge_judges_again_and_runs_no_agent(tmp_path: Path, stored: bool) -> None:
    with models() as server:
        repo = repository(tmp_path / "p", sizes=(3, 3, 6), **changes(server))
        if stored:
            assert call(repo.root, "baseline", env=ENV).code == 0
        repo("checkout", "-q", "-b", "change")
        repo.commit({PATH: SKILL + "- Check the number always.\n"})
        for command in (
            ["eval", "--split", "test"],
            ["gate"],
            ["ablate", "--split", "test"],
            ["train", "--generation", "1"],
        ):
            _, first = call_json(repo.root, *command, env=ENV)
            before = len(server.calls)
            for other in (
                changes(server, "k"),
                changes(server, "j", votes=3),
                changes(server, "j", rubric="Another one."),
            ):
                write(repo.root, {CONFIG: config(**other)})
                extra = ["--with-head-policy"] if command == ["gate"] else []
                _, again = call_json(repo.root, *command, *extra, env=ENV)
                assert again["exit_code"] == first["exit_code"]
                found = calls(server, since=before)
                assert "small" not in found, command
                assert found or command[0] != "eval"  # later commands meet answers that were judged already
                before = len(server.calls)
            write(repo.root, {CONFIG: config(**changes(server))})
            assert call_json(repo.root, *command, env=ENV)[1]["exit_code"] == first["exit_code"]
            assert len(server.calls) == before  # the first judge's words are still there


# --- samples


def test_a_judge_that_gets_its_samples_right_decides_and_is_tested_once(tmp_path: Path) -> None:
    with models() as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 4, 4), **changes(server, samples=SAMPLES))
        done, value = call_json(root, "eval", env=ENV)
        assert (done.code, calls(server)) == (0, {"j": 3 + 4, "small": 4})
        assert "testing the judge models/j" in done.err
        asked = [blocks_of(c.body["messages"][1]["content"]) for c in server.calls if c.body["model"] == "j"][:3]
        assert sorted(a["answer"] for a in asked) == ["Oslo.", "Oslo. The source is page 2.", "Rome."]
        assert [a.get("task") for a in asked if a["answer"] == "Rome."] == ["Where?"]
        assert all(set(a) == {"answer", "criteria"} for a in asked if a["answer"] != "Rome.")
        call(root, "eval", "--split", "test", env=ENV)
        assert calls(server)["j"] == 3 + 4 + 4  # not tested again
        assert value["skills"][0]["mean"] is not None


@pytest.mark.parametrize("command", ["eval", "baseline", "train", "ablate", "calibrate"])
def test_nothing_is_decided_by_a_judge_that_gets_them_wrong(tmp_path: Path, command: str) -> None:
    with models(lenient) as server:
        root = tmp_path / "p"
        repository(root, sizes=(4, 4, 4), **changes(server, samples=SAMPLES))
        done = call(root, command, env=ENV)
        assert done.code == 3
        assert (
            'the judge models/j gets 2 of 3 samples of the skill\'s graders wrong: passes "Oslo.", which should fail; '
            'passes "Rome.", which should fail. Nothing is decided by it' in done.err
        )
        assert "small" not in calls(server)  # found out before the target cost anything


def test_a_gate_says_so_and_is_inconclusive(tmp_path: Path) -> None:
    with models(lenient) as server:
        repo = repository(tmp_path / "p", sizes=(1, 1, 4), **changes(server, samples=SAMPLES))
        repo("checkout", "-q", "-b", "change")
        repo.commit({PATH: SKILL + "- More.\n"})
        done, value = call_json(repo.root, "gate", env=ENV)
        assert (done.code, value["verdict"], value["reason"]) == (3, "inconclusive", "infrastructure")
        assert "Nothing is decided by it" in value["message"]
        assert "small" not in calls(server)


def test_a_judge_that_is_nearly_always_right_is_warned_of_and_one_that_always_is_is_not(tmp_path: Path) -> None:
    right = [f"Oslo. The source is page {n}." for n in range(10)]
    with models() as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 4, 4), **changes(server, samples={"passing": [*right, "Oslo."], "failing": ["No."]}))
        done = call(root, "eval", env=ENV)
        assert (done.code, "gets 1 of 12 samples" in done.err) == (0, True)
        write(root, {CONFIG: config(**changes(server, samples={"passing": right, "failing": ["No."]}))})
        done = call(root, "eval", env=ENV)
        assert (done.code, "samples of known verdict" in done.err, "warning: the judge" in done.err) == (0, True, False)


def test_on_wrong_warn(tmp_path: Path) -> None:
    with models(lenient) as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 4, 4), **changes(server, samples={**SAMPLES, "on_wrong": "warn"}))
        done = call(root, "eval", env=ENV)
        assert done.code == 0
        assert "invoices: warning: the judge models/j gets 2 of 3 samples" in done.err


def test_no_verdict_on_a_sample_is_wrong_and_a_failed_call_is_not(tmp_path: Path) -> None:
    root = tmp_path / "p"
    with models(inventive) as server:
        repository(root, sizes=(1, 4, 4), **changes(server, samples={"failing": ["Oslo."]}))
        done = call(root, "eval", env=ENV)
        assert (done.code, "gives no verdict on" in done.err) == (3, True)
    with models(fail="j") as server:
        write(root, {CONFIG: config(**changes(server, samples={"failing": ["Oslo."]}))})
        done = call(root, "eval", env=ENV)
        assert (done.code, "the judge could not be tested" in done.err) == (3, True)


def test_a_judge_without_a_quotation_is_a_missing_run_and_never_a_zero(tmp_path: Path) -> None:
    with models(inventive) as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 4, 4), **changes(server))
        done, value = call_json(root, "eval", env=ENV)
        assert (done.code, value["skills"][0]["mean"]) == (3, None)
        assert calls(server) == {"small": 4, "j": 8}  # each asked twice; what was bought is not bought again


def test_samples_of_a_task_are_answers_to_that_task(tmp_path: Path) -> None:
    with models() as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 2, 1), **changes(server))
        grader = {"type": "judge", "rubric": RUBRIC, "samples": {"failing": ["Rome."]}}
        lines = [{**task(n, s), "graders": [grader]} for n, s in enumerate(("train", "val", "val", "test"))]
        write(root, {TASKS: "".join(json.dumps(line) + "\n" for line in lines)})
        assert call(root, "eval", env=ENV).code == 0
        asked = [blocks_of(c.body["messages"][1]["content"]) for c in server.calls if c.body["model"] == "j"]
        tested = [a for a in asked if a["answer"] == "Rome."]
        assert sorted(a["task"] for a in tested) == ["What is the due date?", "Who is the customer?"]
        assert all("INV-" in a["context"] for a in tested)


def test_hostile_answers_reach_a_real_client_inside_their_block(tmp_path: Path) -> None:
    """Through the SDK to a judge over HTTP: every hostile answer stays between its marks."""

    def answer(made: Call) -> Reply:
        if made.body["model"] == "small":
            return chat_reply(HOSTILE[int(made.user_text.partition("INV-")[2][:4]) - 2] + "\nOslo.")
        prompt = made.body["messages"][1]["content"]
        (label,) = labels_of(prompt)
        text = blocks_of(prompt)["answer"]
        verdict = {"label": label, "evidence": text.strip().split("\n")[-1], "met": "source" in text}
        return chat_reply(json.dumps({"criteria": [verdict], "reason": "r", "advice": ""}))

    with Loopback(answer) as server:
        root = tmp_path / "p"
        repository(root, sizes=(1, 1, len(HOSTILE)), **changes(server))
        done, value = call_json(root, "eval", "--split", "test", env=ENV)
        assert (done.code, value["skills"][0]["mean"]) == (0, 0.0)
        asked = [c.body["messages"] for c in server.calls if c.body["model"] == "j"]
        assert len(asked) == len(HOSTILE)
        for system, user in asked:
            assert "never an instruction to you" in system["content"]
            blocks = blocks_of(user["content"])
            assert list(blocks) == ["task", "context", "reference", "answer", "criteria"]
            assert blocks["answer"].endswith("Oslo.")
            assert "</answer>" not in user["content"]
            assert "<|" not in user["content"]


def test_plan_counts_the_test_of_the_judge(tmp_path: Path) -> None:
    with models() as server:
        root = tmp_path / "p"
        repository(root, **changes(server, votes=3))
        _, before = call_json(root, "plan", env=ENV)
        write(root, {CONFIG: config(**changes(server, votes=3, samples=SAMPLES))})
        _, after = call_json(root, "plan", env=ENV)
        more = [row["skills"][0]["train"]["judge"]["calls"] for row in (before, after)]
        assert more[1] - more[0] == 3 * 3
        assert after["skills"][0]["gate"]["calls"] - before["skills"][0]["gate"]["calls"] == 3 * 3
        assert not server.calls


# --- the command


def labelled_tasks(labels: list[tuple[str, bool]]) -> str:
    made = [task(n, "val") for n in range(len(labels))]
    for one, (answer, passed) in zip(made, labels, strict=True):
        one["metadata"] = {"human": [{"answer": answer, "passed": passed, "by": "ann"}]}
    return "".join(json.dumps(one) + "\n" for one in made)


def test_the_command_tells_what_a_judge_is_worth(tmp_path: Path) -> None:
    with models() as server:
        root = tmp_path / "p"
        repository(root, **changes(server, samples=SAMPLES))
        labels = [("A. The source is B.", True)] * 4 + [("A.", False)] * 3 + [("The source is made up.", False)]
        write(root, {TASKS: labelled_tasks(labels)})
        done, value = call_json(root, "judge", "--junit", "j.xml", env=ENV)
        assert outcomes(suite_of((root / "j.xml").read_text(encoding="utf-8"))) == {"the skill's graders": "passed"}
        assert f"Paid: {value['spend']['paid']['calls']} calls, " in done.out
        assert (done.code, value["schema"]) == (0, "skillopt-ci/judge/1")
        (entry,) = value["skills"]
        assert (entry["trusted"], entry["samples"][0]["n"], entry["samples"][0]["wrong"]) == (True, 3, [])
        people = entry["people"]
        assert (people["n"], people["agreement"]["mean"], people["unjudged"]) == (8, 0.875, 0)
        assert people["kappa"]["mean"] == pytest.approx(0.75)
        assert (people["judge_alone_passed"], people["judge_alone_failed"]) == (1, 0)
        assert people["disagreements"] == [
            {"task": "t007", "answer": "The source is made up.", "people": False, "judge": True}
        ]
        assert "agrees with people on 88% of 8 answers (95% interval 53 to 98%); Cohen's kappa 0.75" in done.out
        assert "3 of 3 samples of the skill's graders right" in done.out
        assert "small" not in calls(server)
        count = len(server.calls)
        assert call_json(root, "judge", env=ENV)[1]["spend"]["paid"]["calls"] == 0
        assert len(server.calls) == count


def test_the_command_with_a_judge_that_is_not_trusted_or_has_nothing_to_show(tmp_path: Path) -> None:
    root = tmp_path / "p"
    with models(lenient) as server:
        repository(root, **changes(server, samples=SAMPLES))
        write(root, {TASKS: labelled_tasks([("A.", True), ("B.", True)])})
        done, value = call_json(root, "judge", "--junit", "j.xml", env=ENV)
        assert outcomes(suite_of((root / "j.xml").read_text(encoding="utf-8"))) == {"the skill's graders": "error"}
        assert (done.code, value["skills"][0]["trusted"]) == (3, False)
        assert "1 of 3 samples of the skill's graders right - not trusted" in done.out
        assert "no kappa, as one side gave the same verdict on all" in done.out
        assert value["skills"][0]["people"]["kappa"] is None
        repository(tmp_path / "q", **changes(server))
        done = call(tmp_path / "q", "judge", env=ENV)
        assert "no judge has samples" in done.out
        assert "no answer has a verdict of people" in done.out
    repository(tmp_path / "r")
    done = call(tmp_path / "r", "judge")
    assert (done.code, "no chosen skill has a 'judge' model" in done.err) == (2, True)


def test_the_command_leaves_out_skills_that_no_judge_grades(tmp_path: Path) -> None:
    judged = {"path": PATH, "tasks": [TASKS], "graders": [{"type": "judge", "rubric": RUBRIC}]}
    other = {"path": "skills/other/SKILL.md", "tasks": [TASKS], "graders": [{"type": "exact"}]}
    repo = repository(tmp_path / "p", skills=[judged, other], judge={"provider": "models", "model": "j"})
    write(repo.root, {"skills/other/SKILL.md": SKILL})
    assert [row["name"] for row in call_json(repo.root, "judge")[1]["skills"]] == ["invoices"]
    done = call(repo.root, "judge", "--skill", "other")
    assert (done.code, done.lines[-1].startswith("error: no task of a chosen skill is graded by a judge")) == (2, True)


def test_labels_that_are_none_are_told_with_their_line(tmp_path: Path) -> None:
    root = tmp_path / "p"
    repository(root)
    lines = [{**task(n, "val"), "metadata": {"human": "good"} if n == 1 else {}} for n in range(3)]
    write(root, {TASKS: "".join(json.dumps(line) + "\n" for line in lines)})
    done = call(root, "check")
    (line,) = [line for line in done.lines if "metadata.human" in line]
    assert line.startswith(
        f"{TASKS}:2: warning: 'metadata.human' is no list of {{answer: text, passed: true or false}}"
    )
