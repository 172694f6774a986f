"""Endpoints that refuse, are dead, or fail now and then, over real HTTP with the real SDKs."""

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import SKILL, bytes_of, call, call_json, files, write
from tests.integration.process import KEY, undisturbed
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply, messages_reply, scripted

ENV = {"LOCAL_KEY": KEY}


def project(root: Path, server: Loopback, kind: str = "openai", **changes: Any) -> Path:
    url = server.url if kind == "anthropic" else server.openai_url
    providers = {"models": {"type": kind, "base_url": url, "api_key_env": "LOCAL_KEY"}}
    write(root, files(providers=providers, **changes))
    return root


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("command", ["eval", "train"])
def test_a_refused_key_ends_it_at_once_with_one_line_and_is_never_shown(
    tmp_path: Path, kind: str, command: str
) -> None:
    with Loopback(scripted(error_reply(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"))) as server:
        root = project(tmp_path / "p", server, kind)
        code, out, err = undisturbed(root, command, "--json", "out.json", "--junit", "out.xml")
        assert len(server.calls) <= 4  # what was in flight
    assert code == 5
    told = [line for line in err.splitlines() if "(401)" in line]  # the id of a run may hold those digits
    assert len(told) == 1
    assert "the key is refused (401); check the key of provider 'models'" in told[0]
    value = json.loads((root / "out.json").read_bytes())
    assert value["exit_code"] == 5
    assert "<error" in (root / "out.xml").read_text(encoding="utf-8")
    assert KEY not in out + err
    assert [name for name, data in bytes_of(root).items() if KEY.encode() in data] == []


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_no_form_of_a_key_is_left_where_the_words_of_a_server_are_cut(tmp_path: Path, kind: str) -> None:
    coded = base64.b64encode(KEY.encode()).decode()
    with Loopback(scripted(error_reply(400, "x" * 270 + f" Basic {coded}"))) as server:
        done = call(project(tmp_path / "p", server, kind), "eval", env=ENV)
    assert "xxx Basic ***" in done.out + done.err
    assert coded[:8] not in done.out + done.err


@pytest.mark.parametrize(
    ("kind", "key", "hint"),
    [
        ("openai", "sk-ant-api03-0123456789abcdefghij", "looks like what belongs into ANTHROPIC_API_KEY"),
        ("anthropic", "sk-proj-0123456789abcdefghij", "looks like what belongs into OPENAI_API_KEY"),
        ("anthropic", "sk-ant-api03-0123456789abcdefghij", ""),
    ],
)
def test_the_key_of_another_vendor_is_known_by_its_form(tmp_path: Path, kind: str, key: str, hint: str) -> None:
    with Loopback(scripted(error_reply(401, f"invalid x-api-key {key}"))) as server:
        done = call(project(tmp_path / "p", server, kind), "eval", env={"LOCAL_KEY": key})
    assert done.code == 5
    assert ("looks like" in done.err, hint in done.err) == (bool(hint), True)
    assert key not in done.err + done.out


def test_a_dead_endpoint_is_told_once_and_early(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        write(tmp_path / "p", files(providers={"models": {"type": "openai", "base_url": url}}))
        done, value = call_json(tmp_path / "p", "eval")
    assert (done.code, value["reason"]) == (5, "provider")
    told = [line for line in done.lines if "connection failed" in line]
    assert len(told) == 1
    assert "no call has succeeded yet: check base_url" in told[0]


def test_a_limit_of_the_rate_is_waited_out(tmp_path: Path) -> None:
    slow = error_reply(429, "slow down", headers={"retry-after": "0"})
    with Loopback(scripted(slow, slow, chat_reply("Alder 100 Ltd"))) as server:
        done, value = call_json(project(tmp_path / "p", server), "eval", env=ENV)
    assert done.code == 0
    assert value["skills"][0]["missing_share"] == 0
    assert len(server.calls) == 10 + 2
    assert value["spend"]["paid"]["calls"] == 10


def failing(status: int, *words: str) -> Callable[[Call], Reply]:
    """Answers everything but the tasks with these words in them, which always fail."""

    def answer(made: Call) -> Reply:
        if any(word in made.user_text for word in words):
            return error_reply(status, "cannot do this one", headers={"retry-after": "0"})
        return chat_reply("Alder 100 Ltd")

    return answer


@pytest.mark.parametrize("status", [400, 500])
def test_a_task_that_always_fails_is_missing_and_not_zero(tmp_path: Path, status: int) -> None:
    with Loopback(failing(status, "INV-0009")) as server:
        root = project(tmp_path / "p", server, sizes=(1, 20, 1))
        done, value = call_json(root, "eval", "--junit", "out.xml", env=ENV)
    (entry,) = value["skills"]
    assert done.code == 0  # one of twenty is 5%, no more
    assert (entry["missing_share"], entry["n_tasks"], entry["n_rollouts"]) == (0.05, 19, 19)
    assert next(t for t in entry["tasks"] if t["id"] == "t009")["mean"] is None
    assert "1 task not measured: t009" in done.out
    assert (root / "out.xml").read_text(encoding="utf-8").count("<error") == 1
    told = call(root, "ledger", "failures").out.splitlines()
    assert len(told) == (1 if status == 400 else 2)  # a refused request is final; others are tried again at the end
    assert str(status) in told[0]


def test_a_judge_whose_answers_are_no_verdict_is_told(tmp_path: Path) -> None:
    with Loopback(lambda call: chat_reply("fine")) as server:
        root = project(tmp_path / "p", server, sizes=(1, 20, 1), judge={"provider": "models", "model": "j"})
        suite = json.loads((root / "skillopt.yml").read_text())
        suite["skills"][0]["graders"] = [{"type": "judge", "rubric": "It is polite."}]
        write(root, {"skillopt.yml": json.dumps(suite)})
        done, value = call_json(root, "eval", env=ENV)
    assert (done.code, value["skills"][0]["missing_share"]) == (3, 1)
    assert "`skillopt-ci ledger failures` says why" in value["message"]
    told = call(root, "ledger", "failures").out.splitlines()
    assert told
    assert all("its graders: malformed: judge of t0" in line and "not the wanted JSON, twice" in line for line in told)


def test_too_many_that_fail_are_infrastructure(tmp_path: Path) -> None:
    with Loopback(failing(400, "INV-0009", "INV-0010")) as server:
        root = project(tmp_path / "p", server, sizes=(1, 20, 1))
        done, value = call_json(root, "eval", env=ENV)
        trained, entry = call_json(root, "train", env=ENV)
        root = project(tmp_path / "q", server, sizes=(1, 1, 20), train={"method": "human"})
        measured, only = call_json(root, "train", env=ENV)
    assert done.code == 3
    assert "too many runs gave no result; `skillopt-ci ledger failures` says why" in value["message"]
    assert trained.code == 3
    assert "validation of the start skill: 10% of 20 tasks gave no result" in entry["skills"][0]["message"]
    assert measured.code == 3
    assert "too much of the closing measurement is missing" in only["skills"][0]["message"]


def test_an_answer_without_a_choice_and_one_that_is_no_json_are_asked_again(tmp_path: Path) -> None:
    empty = replace(chat_reply("x"), body={"choices": []})
    broken = Reply(body=b"<html>oops")
    with Loopback(scripted(empty, broken, chat_reply("Alder 100 Ltd"))) as server:
        write(tmp_path / "q", {})
        root = project(tmp_path / "p", server, concurrency=1, sizes=(1, 2, 1))
        done, value = call_json(root, "eval", env=ENV)
    assert (done.code, len(server.calls)) == (0, 4)
    assert value["skills"][0]["missing_share"] == 0


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    with Loopback(lambda made: Reply(hang=True)) as server:
        write(
            tmp_path / "p",
            files(
                providers={"models": {"type": "openai", "base_url": server.openai_url, "timeout_seconds": 0.2}},
                sizes=(1, 3, 1),
            ),
        )
        done, value = call_json(tmp_path / "p", "eval")
    assert (done.code, value["reason"]) == (5, "provider")
    assert "no answer within 0.2 s" in value["message"]


def test_limits_refusals_and_silence_are_scores_of_zero(tmp_path: Path) -> None:
    replies = (chat_reply("Alder", finish="length"), chat_reply(None, refusal="no"), chat_reply("  "))
    with Loopback(lambda made: replies[made.number % 3]) as server:
        done, value = call_json(project(tmp_path / "p", server), "eval", env=ENV)
    (entry,) = value["skills"]
    assert (done.code, entry["mean"], entry["missing_share"]) == (0, 0.0, 0)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_the_body_goes_to_the_system_prompt_and_the_task_to_the_user(tmp_path: Path, kind: str) -> None:
    reply = messages_reply("x") if kind == "anthropic" else chat_reply("x")
    with Loopback(scripted(reply)) as server:
        root = project(tmp_path / "p", server, kind, sizes=(1, 2, 1), concurrency=1)
        assert call(root, "eval", env=ENV).code == 0
    body = server.calls[0].body
    system = body["system"] if kind == "anthropic" else body["messages"][0]["content"]
    assert SKILL.split("---\n", 2)[2].strip() in str(system)
    assert "description:" not in str(system)
    assert server.calls[0].user_text.startswith("Who is the customer?\n\nInvoice number: INV-0001\n")


def test_a_provider_that_dies_in_the_middle_leaves_what_was_bought(tmp_path: Path) -> None:
    answers = [chat_reply("Alder 100 Ltd")] * 4 + [error_reply(403, "account closed")]
    with Loopback(scripted(*answers)) as server:
        root = project(tmp_path / "p", server, concurrency=1)
        done, value = call_json(root, "eval", env=ENV)
        assert (done.code, value["reason"]) == (5, "provider")
        assert len(server.calls) == 5
    assert call(root, "ledger", "stats").out.splitlines()[-1].startswith('total\t{"calls": 4')


def test_an_optimizer_without_json_is_no_training_without_improvement(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        return chat_reply("Here are my thoughts." if "response_format" in made.body else "no")

    with Loopback(answer) as server:
        root = project(tmp_path / "p", server, sizes=(20, 10, 4))
        done, value = call_json(root, "train", env=ENV)
        (entry,) = value["skills"]
        assert (done.code, value["exit_code"], entry["steps"], entry["accepted"]) == (3, 3, 3, 0)
        assert "no step got an answer that could be used, which says nothing about the skill" in done.out
        assert "not the wanted JSON, twice" in done.out
        assert "| no result |" not in done.out
        assert "skip, 2 reflect without a result (malformed); val 0.0" in done.err
        assert done.err.count("no validation task scored anything with the skill as it is") == 1
        bought = len(server.calls)
        assert call(root, "train", "--generation", "1", env=ENV).code == 3
        assert len(server.calls) == bought


@pytest.mark.parametrize(("method", "asked"), [("skillopt", 12), ("one-shot", 2)])
def test_an_optimizer_without_json_is_asked_again_about_what_was_bought(
    tmp_path: Path, method: str, asked: int
) -> None:
    speaks: list[bool] = []
    value = {"reasoning": "", "edits": [], "body": "# Invoices"}

    def answer(made: Call) -> Reply:
        if "response_format" not in made.body:
            return chat_reply("no")
        return chat_reply(json.dumps(value) if speaks else "Here are my thoughts.")

    with Loopback(answer) as server:
        train = {"method": method, "epochs": 1, "batch_size": 4, "minibatch_size": 2}
        root = project(tmp_path / "p", server, sizes=(12, 10, 4), train=train)
        first, _ = call_json(root, "train", env=ENV)
        assert (first.code, "The next `train` asks again" in first.out.replace("\\", "")) == (3, True)
        for options in ((), ("--next",)):
            done, told = call_json(root, "train", *options, env=ENV)
            assert (done.code, told["skills"][0]["spend"]["paid"]["calls"]) == (3, asked)
            assert "this one asks the optimizer again" in done.err
        speaks.append(True)
        before = len(server.calls)
        done, told = call_json(root, "train", env=ENV)
        assert (done.code, told["skills"][0]["generation"]) == (0, 4)
        more = server.calls[before:]
        assert "response_format" in more[0].body
        assert method == "one-shot" or all("response_format" in c.body for c in more)  # nothing is proposed
        assert call(root, "train", "--generation", "4", env=ENV).code == 0
        assert len(server.calls) == before + len(more)
        done, told = call_json(root, "train", env=ENV)
        assert "this one buys new evidence" in done.err
        assert told["skills"][0]["spend"]["paid"]["calls"] > 10


@pytest.mark.parametrize("method", ["skillopt", "one-shot"])
def test_a_run_whose_gates_got_no_results_is_no_training_without_improvement(tmp_path: Path, method: str) -> None:
    edit = {"op": "add", "target": "", "content": "- Say Birch.", "rationale": "", "evidence": []}
    value = {"reasoning": "", "edits": [edit], "body": f"{SKILL.split('---')[2]}- Say Birch.\n"}
    longer: list[bool] = []  # what the server takes, later

    def answer(made: Call) -> Reply:
        if "response_format" in made.body:
            return chat_reply(json.dumps(value))
        tried = "Say Birch" in str(made.body["messages"][0])
        return error_reply(400, "too long") if tried and not longer else chat_reply("no")

    with Loopback(answer) as server:
        train = {"method": method, "epochs": 1, "batch_size": 8, "screen": {"runs": 0}}
        root = project(tmp_path / "p", server, sizes=(8, 10, 4), train=train)
        done, told = call_json(root, "train", "--junit", "out.xml", env=ENV)
        (entry,) = told["skills"]
        assert (done.code, entry["exit_code"], entry["accepted"]) == (3, 3, 0)
        assert "no candidate's validation could be measured, which says nothing about the skill" in entry["message"]
        assert "400: too long" in entry["message"]
        assert "the same command asks for that again" in entry["message"]
        assert "no candidate's validation could be measured" in done.out
        assert "target without a result (request)" in done.out
        assert "<error" in (root / "out.xml").read_text(encoding="utf-8")
        (step,) = json.loads((root / entry["run_dir"] / "history.json").read_bytes())
        assert {(f["stage"], f["kind"]) for f in step["failures"]} == {("target", "request")}
        longer.append(True)
        done, told = call_json(root, "train", env=ENV)
    (goes_on,) = told["skills"]
    assert (done.code, goes_on["run_id"], goes_on["generation"]) == (0, entry["run_id"], 1)
    assert goes_on["spend"]["paid"]["calls"] == 10  # the candidate's validation; the rest was bought


@pytest.mark.parametrize("method", ["skillopt", "one-shot"])
def test_a_run_whose_optimizer_is_down_goes_on_when_it_is_back(tmp_path: Path, method: str) -> None:
    down = error_reply(500, "the optimizer is down", headers={"retry-after": "0"})
    back: list[bool] = []
    value = {"reasoning": "", "edits": [], "body": "# Invoices"}

    def answer(made: Call) -> Reply:
        if "response_format" not in made.body:
            return chat_reply("no")
        return chat_reply(json.dumps(value)) if back else down

    with Loopback(answer) as server:
        train = {"method": method, "epochs": 2, "batch_size": 4}
        root = project(tmp_path / "p", server, sizes=(8, 10, 4), train=train)
        done, value_down = call_json(root, "train", env=ENV)
        (entry,) = value_down["skills"]
        assert (done.code, entry["exit_code"]) == (5, 5)
        assert "500: the optimizer is down (6 attempts)" in done.err
        assert "the same command goes on" in done.err
        assert "JSON" not in done.err + done.out
        back.append(True)
        asked = [c.body for c in server.calls if "response_format" not in c.body]
        done, again = call_json(root, "train", env=ENV)
        assert (done.code, again["skills"][0]["run_id"]) == (0, entry["run_id"])
        assert again["skills"][0]["spend"]["replayed"]["calls"] == len(asked)
        more = [c.body for c in server.calls if "response_format" not in c.body][len(asked) :]
        assert again["skills"][0]["spend"]["paid"]["calls"] >= len(more)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (chat_reply(""), "the answer is empty"),
        (chat_reply("Alder", finish="length"), "the answer was cut off at the output limit"),
    ],
)
def test_answers_that_are_no_answers_are_counted(tmp_path: Path, reply: Reply, why: str) -> None:
    with Loopback(scripted(reply)) as server:
        done = call(project(tmp_path / "p", server), "baseline", env=ENV)
    assert done.code == 0
    assert f"invoices: of 96 runs, these scored 0 without an answer to grade: 96 because {why}." in done.out


def test_a_score_of_nothing_at_all_says_where_to_look_first(tmp_path: Path) -> None:
    with Loopback(scripted(chat_reply("something else"))) as server:
        done = call(project(tmp_path / "p", server), "eval", env=ENV)
    assert "invoices: no run scored anything: look whether graders and expected answers fit" in done.out


@pytest.mark.parametrize("method", ["skillopt", "one-shot"])
def test_an_optimizer_that_echoes_its_key_brings_it_into_no_file_of_the_run(tmp_path: Path, method: str) -> None:
    edit = {"op": "add", "target": "", "content": f"Say {KEY}.", "rationale": KEY, "evidence": []}
    value = {"reasoning": KEY, "edits": [edit], "body": f"# Invoices\n\nSay {KEY}.\n"}

    def answer(made: Call) -> Reply:
        return chat_reply(json.dumps(value) if "response_format" in made.body else "no")

    with Loopback(answer) as server:
        train = {"method": method, "epochs": 1, "batch_size": 4, "screen": {"runs": 0}}
        root = project(tmp_path / "p", server, sizes=(8, 10, 4), train=train)
        call(root, "train", env=ENV)
    found = bytes_of(root)
    assert any(b"Say ***." in data for data in found.values())
    assert [name for name, data in found.items() if KEY.encode() in data] == []


@pytest.mark.parametrize("words", [["train"], ["eval", "--split", "train", "--html", "p.html", "--junit", "j.xml"]])
def test_no_part_of_a_key_that_a_target_echoes_is_in_any_file(tmp_path: Path, words: list[str]) -> None:
    """An answer is quoted in part: cut inside the key, what is left of it is not known as a key."""
    said = "word " * 37 + KEY
    value = json.dumps({"reasoning": "none", "edits": []})

    def answer(made: Call) -> Reply:
        return chat_reply(value if "response_format" in made.body else said)

    with Loopback(answer) as server:
        root = project(tmp_path / "p", server, sizes=(4, 4, 4), train={"epochs": 1, "batch_size": 4})
        done = call(root, *words, env=ENV)
    assert done.code == 0, done.err
    found = bytes_of(root)
    assert any(b" ***" in data for name, data in found.items() if "ledger.sqlite" not in name)
    assert [name for name, data in found.items() if KEY[:10].encode() in data] == []
