"""`gate` in real repositories: every outcome of the table in docs/commands.md, and what each side may decide."""

import json
import re
import subprocess
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.cli.action_results import lines
from skillopt_ci.report.gate_result import read_gate_result, status_words
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, task, write
from tests.forge.repo import Repo
from tests.integration.process import KEY
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply, scripted

ENV = {"LOCAL_KEY": KEY}
QUIET = {"models": {"type": "simulated", "noise": 0}}
REWORDED = GOOD.replace("only the value", "just the value")


def remote(server: Loopback) -> dict[str, Any]:
    return {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}}


def judged(root: Path, *args: str) -> tuple[int, dict[str, Any], ET.Element]:
    """Run the gate: exit code, JSON, and the JUnit case `gate`."""
    place = root.parent / "gate.xml"
    done, value = call_json(root, "gate", *args, "--junit", str(place), env=ENV)
    case = next(c for c in ET.parse(place).getroot().iter("testcase") if c.get("name") == "gate")
    return done.code, value, case


def outcome(root: Path, *args: str) -> tuple[int, str | None, str, list[str]]:
    """Exit code, verdict, reason, and what the JUnit case holds."""
    code, value, case = judged(root, *args)
    return code, value["verdict"], value["reason"], [c.tag for c in case if c.tag in ("failure", "error", "skipped")]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill with 30 held-out tasks, on models without noise."""
    return repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[tuple[Repo, Loopback]]:
    """The same on models behind HTTP; whoever asks them anything is found out."""
    with Loopback(scripted(error_reply(401, "nobody should ask"))) as server:
        yield repository(tmp_path / "silent", skill=GOOD, sizes=(1, 1, 12), providers=remote(server)), server


# --- outcomes that were measured


def test_a_change_that_does_no_harm_passes(repo: Repo) -> None:
    write(repo.root, {PATH: REWORDED})
    assert outcome(repo.root) == (0, "pass", "loss-ruled-out", [])


def test_a_change_that_breaks_the_skill_is_a_regression(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    code, value, case = judged(repo.root)
    assert (code, value["verdict"], value["reason"]) == (1, "regression", "loss-shown")
    assert [child.tag for child in case] == ["failure"]
    (entry,) = value["skills"]
    assert (entry["base"]["mean"], entry["head"]["mean"] < 0.7) == (1.0, True)
    assert entry["effect"]["high"] < 0
    assert {t["outcome"] for t in entry["tasks"]} == {"same", "regressed"}
    text = call(repo.root, "gate").out
    assert "FAIL" in text
    assert "Simulated models" in text


def test_the_json_has_every_key_of_the_contract(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    _, value, _ = judged(repo.root)
    assert set(value) == {
        "schema", "verdict", "reason", "exit_code", "base", "head", "policy_changed", "skills", "spend", "simulated",
    }  # fmt: skip
    assert value["schema"] == "skillopt-ci/gate/1"
    assert value["base"] == {"ref": "main", "sha": repo("rev-parse", "HEAD"), "policy_sha": repo("rev-parse", "HEAD")}
    assert value["head"] == {"ref": "working tree", "sha": None}  # dirty
    (entry,) = value["skills"]
    assert set(entry) >= {
        "name", "path", "target", "harness", "verdict", "reason", "rounds", "base", "head", "effect", "suite_effect",
        "p", "minimum_detectable_effect", "n_tasks", "n_rollouts", "golden_failed", "golden_armed", "suspects", "tasks",
    }  # fmt: skip
    assert set(entry["base"]) == set(entry["head"]) == {"digest", "mean", "low", "high", "tokens"}
    assert set(entry["effect"]) == {"mean", "low", "high", "confidence"}
    assert set(entry["n_rollouts"]) == {"base", "head"}
    assert set(entry["tasks"][0]) == {"id", "base", "head", "outcome"}
    assert (entry["name"], entry["path"], entry["target"]) == ("invoices", PATH, "models/small")
    assert (entry["harness"], entry["n_tasks"]) == ("chat", 30)
    for kind in ("paid", "replayed"):
        assert set(value["spend"][kind]) == {"calls", "input_tokens", "output_tokens", "usd"}
    assert value["spend"]["paid"]["calls"] == sum(entry["n_rollouts"].values())


class Undecided:
    """Right and wrong in turn, each side as often as the other, task by task in the opposite order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[tuple[bool, str]] = Counter()

    def __call__(self, made: Call) -> Reply:
        number = made.user_text.partition("INV-")[2][:4]
        head = "just the value" in made.body["messages"][0]["content"]
        with self._lock:
            turn = self._asked[(head, number)]
            self._asked[(head, number)] += 1
        expected = str(task(int(number), "test")["expected"])
        return chat_reply(expected if (turn + int(number) + head) % 2 else "wrong")


@pytest.mark.parametrize(("policy", "code", "child"), [("pass", 0, ["skipped"]), ("block", 3, ["failure"])])
def test_an_undecided_comparison_ends_as_the_policy_says(
    tmp_path: Path, policy: str, code: int, child: list[str]
) -> None:
    with Loopback(Undecided()) as server:
        made = repository(
            tmp_path / "repo",
            skill=GOOD,
            sizes=(1, 1, 8),
            providers=remote(server),
            gate={"on_inconclusive": policy},
            concurrency=1,
        )
        write(made.root, {PATH: REWORDED})
        assert outcome(made.root) == (code, "inconclusive", "undecided", child)


def test_a_policy_of_one_skill_does_not_block_another(tmp_path: Path) -> None:
    entry = json.loads(config())["skills"][0]
    strict = {**entry, "path": "skills/strict/SKILL.md", "gate": {"on_inconclusive": "block"}}
    with Loopback(Undecided()) as server:
        made = Repo(tmp_path / "repo")
        made.commit(
            {
                CONFIG: config(skills=[entry, strict], providers=remote(server), concurrency=1),
                PATH: GOOD,
                "skills/strict/SKILL.md": GOOD + "- Be strict.\n",
                TASKS: "".join(json.dumps(task(n, "test")) + "\n" for n in range(8)),
            }
        )
        write(made.root, {PATH: REWORDED})
        assert outcome(made.root)[:3] == (0, "inconclusive", "undecided")


def test_too_much_missing_is_infrastructure(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        broken = any(f"INV-00{n}" in made.user_text for n in ("02", "05", "07"))
        return error_reply(400, "no") if broken else chat_reply("x")

    with Loopback(answer) as server:
        made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 20), providers=remote(server))
        write(made.root, {PATH: REWORDED})
        code, value, case = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (3, "inconclusive", "infrastructure")
    assert [child.tag for child in case] == ["error"]
    missing = [t["id"] for t in value["skills"][0]["tasks"] if t["outcome"] == "not-measured"]
    assert missing == ["t002", "t005", "t007"]
    told = "15% of the runs gave no result, too many to decide; target: request (6); see skillopt-ci ledger failures"
    assert value["message"] == told
    assert value["message"].partition(";")[0] in status_words(read_gate_result(json.dumps(value).encode(), "x"))


def test_a_reached_budget_is_inconclusive_and_the_same_command_goes_on(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    code, value, case = judged(repo.root, "--max-calls", "7")
    assert (code, value["verdict"], value["reason"]) == (4, "inconclusive", "budget")
    assert [child.tag for child in case] == ["error"]
    assert value["spend"]["paid"]["calls"] == 7
    assert value["base"]["sha"] == repo("rev-parse", "HEAD")
    assert value["skills"][0]["base"]["mean"] is None  # what was not measured is null
    code, more, _ = judged(repo.root)
    assert code == 1
    assert more["spend"]["replayed"]["calls"] == 7


def test_a_refused_key_is_no_verdict(silent: tuple[Repo, Loopback]) -> None:
    made, server = silent
    write(made.root, {PATH: SKILL})
    code, value, case = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (5, None, "provider")
    assert [child.tag for child in case] == ["error"]
    assert 1 <= len(server.calls) <= 4
    assert KEY not in json.dumps(value)


def test_a_skill_too_large_to_be_one_is_refused_before_anything_is_bought(silent: tuple[Repo, Loopback]) -> None:
    made, server = silent
    write(made.root, {PATH: GOOD + "- Mind the gap.\n" * 70_000})
    code, value, case = judged(made.root)
    assert (code, value["verdict"], [child.tag for child in case]) == (2, None, ["error"])
    assert "a skill has at most 1,000,000" in value["message"]
    assert server.calls == []


def test_a_shown_loss_counts_also_when_the_budget_ends_the_next_skill(tmp_path: Path) -> None:
    entry = json.loads(config())["skills"][0]
    other = {**entry, "path": "skills/other/SKILL.md", "budget": {"calls": 3}}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET, skills=[other, entry])
    made.commit({"skills/other/SKILL.md": GOOD + "- Be nice.\n"})
    write(made.root, {PATH: SKILL, "skills/other/SKILL.md": SKILL + "- Be nice.\n"})
    code, value, _ = judged(made.root)
    assert (code, value["verdict"]) == (1, "regression")
    assert {(s["name"], s["reason"]) for s in value["skills"]} == {("other", "budget"), ("invoices", "loss-shown")}


def test_judging_the_same_head_again_buys_nothing(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    _, first, _ = judged(repo.root)
    _, again, _ = judged(repo.root, "--replay-only")
    assert again["spend"]["paid"]["calls"] == 0
    assert again["skills"] == first["skills"]


# --- outcomes without a single call


def test_nothing_changed(silent: tuple[Repo, Loopback]) -> None:
    made, server = silent
    code, value, case = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (0, "not-applicable", "unchanged")
    assert [child.tag for child in case] == ["skipped"]
    assert value["head"]["sha"] == made("rev-parse", "HEAD")  # clean
    assert (value["skills"], server.calls) == ([], [])


def test_first_adoption(tmp_path: Path) -> None:
    made = Repo(tmp_path / "repo")
    made.commit({"README.md": "no skills yet\n"})
    made("switch", "-q", "-c", "adopt")
    made.commit({CONFIG: config(), PATH: GOOD, TASKS: json.dumps(task(1, "test")) + "\n"})
    assert outcome(made.root, "--base", "main") == (0, "not-applicable", "first-adoption", ["skipped"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("skillopt.yaml", "is not read: rename it to skillopt.yml, or name it with --config"),
        ("tools/.github/skillopt.yaml", "is not read: rename it to skillopt.yml, or name it with --config"),
        ("ai/skillopt.yml", "is not read from here: run this in its folder, or name it with --config"),
        ("ai/.github/skillopt.yml", "is not read from here: run this in its folder, or name it with --config"),
        ("ai/skillopt.yaml", "is not read: rename it to skillopt.yml, or name it with --config"),
        ("ai/.github/skillopt.yaml", "is not read: rename it to skillopt.yml, or name it with --config"),
    ],
)
def test_a_configuration_that_nobody_reads_is_told_where_nothing_is_judged(
    tmp_path: Path, wrong: str, said: str
) -> None:
    made = Repo(tmp_path / "repo")
    made.commit({wrong: config(), "tools/x": ""})
    done, value = call_json(made.root / "tools", "gate", "--base", "main")
    assert (done.code, value["verdict"], value["reason"]) == (0, "not-applicable", "first-adoption")
    assert f"{wrong}: warning: {said}" in done.lines
    assert f"{wrong} {said}; the base has no configuration yet" in done.out
    assert lines(value, "gate", 0, "", str) == [f"::warning file={wrong}::{said}"]
    assert read_gate_result(json.dumps(value).encode(), "x").value["problems"] == value["problems"]
    made("mv", wrong, "skillopt.yml")  # the change that mends it is not told to
    _, mended = call_json(made.root / "tools", "gate", "--base", "main")
    assert (mended["reason"], "problems" in mended, "not read" in mended["message"]) == ("first-adoption", False, False)


def test_a_new_skill(silent: tuple[Repo, Loopback]) -> None:
    made, server = silent
    value = json.loads((made.root / CONFIG).read_text(encoding="utf-8"))
    value["skills"].append({**value["skills"][0], "path": "skills/new/SKILL.md"})
    write(made.root, {CONFIG: json.dumps(value), "skills/new/SKILL.md": "# New\n"})
    code, value, case = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (0, "not-applicable", "new-skill")
    assert [(s["name"], s["reason"], s["base"]["digest"]) for s in value["skills"]] == [("new", "new-skill", None)]
    assert [child.tag for child in case] == ["skipped"]
    assert value["policy_changed"] == [CONFIG]
    write(made.root, {PATH: GOOD.replace("Reads one field", "Reads a field")})
    code, value, _ = judged(made.root)
    assert (code, value["verdict"], {s["reason"] for s in value["skills"]}) == (
        0,
        "not-applicable",
        {"new-skill", "body-unchanged"},
    )
    assert value["message"].startswith("only frontmatter or bundled files changed")  # and not that nothing did
    assert value["message"].endswith("; the base has no such skill yet: nothing to compare with")
    assert server.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {PATH: GOOD.replace("Reads one field", "Reads a field")},
        {"skills/invoices/references/more.md": "more\n"},
    ],
)
def test_frontmatter_and_bundled_files_mean_nothing_to_direct_chat(
    silent: tuple[Repo, Loopback], changes: dict[str, str]
) -> None:
    made, server = silent
    write(made.root, changes)  # type: ignore[arg-type]
    assert outcome(made.root) == (0, "not-applicable", "body-unchanged", ["skipped"])
    assert server.calls == []


@pytest.mark.parametrize("what", ["the skill", "its entry", "the configuration", "beyond recognition"])
def test_taking_a_skill_out_of_the_gate_needs_a_maintainer(silent: tuple[Repo, Loopback], what: str) -> None:
    made, server = silent
    if what == "the skill":
        (made.root / PATH).unlink()
    elif what == "its entry":
        value = json.loads((made.root / CONFIG).read_text(encoding="utf-8"))
        value["skills"][0]["path"] = "skills/other/SKILL.md"
        write(made.root, {CONFIG: json.dumps(value), "skills/other/SKILL.md": "# Something else\n"})
    elif what == "the configuration":
        (made.root / CONFIG).unlink()
    else:
        (made.root / PATH).unlink()
        write(made.root, {"skills/bills/SKILL.md": "# Bills\n\n- Tell a joke.\n"})
    code, value, case = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (1, None, "policy-changed")
    assert [child.tag for child in case] == ["failure"]
    assert server.calls == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (GOOD, "not-applicable"),
        (SKILL, "regression"),  # by its name in the frontmatter
        (GOOD.replace("name: invoices", "name: bills"), "not-applicable"),  # by its likeness
    ],
)
def test_a_renamed_skill_is_paired_with_what_it_was(tmp_path: Path, text: str, verdict: str) -> None:
    skill = {**json.loads(config())["skills"][0], "path": "skills/*/SKILL.md"}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET, skills=[skill])
    made.commit({"skills/x/SKILL.md": "---\nname: x\n---\n# X\n"})
    made("switch", "-q", "-c", "rename")
    (made.root / PATH).unlink()
    made.commit({"skills/bills/SKILL.md": text})
    code, value, _ = judged(made.root, "--base", "main")
    assert (value["verdict"], code) == (verdict, 1 if verdict == "regression" else 0)
    assert [s["name"] for s in value["skills"]] in (["invoices"], [])


def test_a_deleted_skill_is_not_paired_with_another_one_that_moved(tmp_path: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "path": "skills/*/SKILL.md"}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET, skills=[skill])
    other = GOOD.replace("name: invoices", "name: bills")  # made from the same template
    made.commit({"skills/bills/SKILL.md": other})
    made("switch", "-q", "-c", "change")
    (made.root / PATH).unlink()
    (made.root / "skills/bills/SKILL.md").unlink()
    made.commit({"skills/moved/SKILL.md": other})
    code, value, _ = judged(made.root, "--base", "main")
    assert (code, value["verdict"], value["reason"]) == (1, None, "policy-changed")


def test_a_branch_that_began_before_the_skill_did_is_not_to_blame(tmp_path: Path) -> None:
    made = Repo(tmp_path / "repo")
    made.commit({"README.md": "hello\n"})
    made("switch", "-q", "-c", "early")
    made.commit({"README.md": "hello there\n"})
    made("switch", "-q", "main")
    made.commit({CONFIG: config(), PATH: GOOD, TASKS: json.dumps(task(1, "test")) + "\n"})
    made("switch", "-q", "early")
    code, value, _ = judged(made.root)
    assert (code, value["verdict"], value["reason"]) == (0, "not-applicable", "unchanged")


@pytest.mark.parametrize("also", ["", "moves", "conflicts"])
def test_an_edit_of_a_skill_that_was_moved_meanwhile_is_judged(tmp_path: Path, also: str) -> None:
    """git brings it to where the skill is now, though the head has no such file."""
    skill = {**json.loads(config())["skills"][0], "path": "skills/*/SKILL.md"}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET, skills=[skill])
    made.commit({"README.md": "one\n"})
    made("switch", "-q", "-c", "stale")
    if also == "moves":
        made("mv", "skills/invoices", "skills/bills")
    readme = "two\n" if also == "conflicts" else "one\n"
    made.commit({"skills/bills/SKILL.md" if also == "moves" else PATH: SKILL, "README.md": readme})
    made("switch", "-q", "main")
    made("mv", "skills/invoices", "skills/bills")
    made.commit({"README.md": "three\n"})
    made("switch", "-q", "stale")
    code, value, _ = judged(made.root)
    assert (code, value["verdict"]) == (1, "regression")
    assert [s["name"] for s in value["skills"] if s["verdict"] == "regression"] == ["bills"]


def test_a_skill_that_only_moves_on_a_stale_branch_is_unchanged(tmp_path: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "path": "skills/*/SKILL.md"}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 30), providers=QUIET, skills=[skill])
    made("switch", "-q", "-c", "stale")
    made("mv", "skills/invoices", "skills/bills")
    made.commit({})
    made("switch", "-q", "main")
    made.commit({"other.md": "one\n"})
    made("switch", "-q", "stale")
    code, value, _ = judged(made.root)
    assert (code, value["reason"]) == (0, "unchanged")


# --- refs, trees, repositories


def test_the_base_is_where_the_default_branch_parts_and_its_tip_has_the_rules(repo: Repo) -> None:
    fork = repo("rev-parse", "HEAD")
    repo("switch", "-q", "-c", "change")
    head = repo.commit({PATH: SKILL})
    repo("switch", "-q", "main")
    tip = repo.commit({PATH: GOOD + "- Be kind.\n"})
    repo("switch", "-q", "change")
    code, value, _ = judged(repo.root)
    assert code == 1
    assert value["base"] == {"ref": "main", "sha": fork, "policy_sha": tip}
    assert value["head"] == {"ref": "working tree", "sha": head}
    code, value, _ = judged(repo.root, "--base", "change", "--head", "main")  # backwards it is an improvement
    assert (code, value["base"]["sha"], value["head"]) == (0, head, {"ref": "main", "sha": tip})


def test_a_pull_request_that_edits_its_own_exam_is_judged_by_the_bases(repo: Repo) -> None:
    repo("switch", "-q", "-c", "cheat")
    easy = {**task(1, "test"), "graders": [{"type": "contains"}]}
    value = json.loads((repo.root / CONFIG).read_text(encoding="utf-8"))
    value["gate"] = {"margin": 1.0}
    repo.commit({PATH: SKILL, TASKS: json.dumps(easy) + "\n", CONFIG: json.dumps(value), "evals/invoices/more.md": "x"})
    code, found, _ = judged(repo.root, "--base", "main")
    assert (code, found["verdict"], found["skills"][0]["n_tasks"]) == (1, "regression", 30)
    assert found["policy_changed"] == [TASKS, CONFIG]
    assert "not yet in force" in call(repo.root, "gate", "--base", "main").out


def test_a_configuration_that_cannot_be_read_at_the_head_leaves_the_bases_in_force(repo: Repo) -> None:
    repo("switch", "-q", "-c", "broken")
    repo.commit({PATH: SKILL, CONFIG: "version: 1\nskils: []\n"})
    done, value = call_json(repo.root, "gate", "--base", "main")
    assert (done.code, value["verdict"], value["policy_changed"]) == (1, "regression", [CONFIG])
    said = "the head's configuration cannot be used, the base's holds; merging it breaks later gates: skillopt.yml"
    assert said in done.err
    assert said in value["message"]


def test_a_broken_configuration_of_the_base_names_the_commit(repo: Repo) -> None:
    text = (repo.root / CONFIG).read_text(encoding="utf-8").replace('"concurrency"', '"concurency"')
    sha = repo.commit({CONFIG: text})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["verdict"], value["reason"]) == (2, None, "config")
    assert re.match(r"skillopt\.yml:\d+:\d+: .*perhaps you meant 'concurrency'\?.* \(at [0-9a-f]{12}\)$", done.lines[0])
    assert sha[:12] in done.lines[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--base", "nowhere"], "no commit 'nowhere' in this repository"),
        (["--head", "nowhere"], "no commit 'nowhere' in this repository"),
        (["--base", "--upload-pack=x"], "is not a name of a commit"),
    ],
)
def test_a_ref_that_is_none_is_one_line_and_exit_5(repo: Repo, args: list[str], words: str) -> None:
    done, value = call_json(repo.root, "gate", *args)
    assert (done.code, len(done.lines), value["reason"]) == (5, 1, "git")
    assert words in done.lines[0]


def test_a_shallow_clone_says_what_to_fetch(repo: Repo, tmp_path: Path) -> None:
    repo("switch", "-q", "-c", "change")
    repo.commit({PATH: SKILL})
    repo("switch", "-q", "main")
    repo.commit({"README.md": "more\n"})
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", "--no-single-branch", "-b", "change", f"file://{repo.root}", clone],
        check=True,
    )
    done = call(clone, "gate")
    assert done.code == 5
    assert "fetch-depth: 0" in done.lines[0]
    assert len(done.lines) == 1


def test_without_a_repository_it_says_so(tmp_path: Path) -> None:
    write(tmp_path / "plain", {CONFIG: config(), PATH: GOOD})
    done = call(tmp_path / "plain", "gate")
    assert (done.code, done.lines) == (
        2,
        ["error: gate compares commits, and this is no git repository; run it inside one"],
    )


def test_without_a_commit_it_says_so(tmp_path: Path) -> None:
    done = call(Repo(tmp_path / "empty").root, "gate")
    assert (done.code, done.lines) == (5, ["error: the repository has no commit yet; commit something first"])


def test_a_configuration_outside_of_the_repository_is_refused(repo: Repo, tmp_path: Path) -> None:
    write(tmp_path / "far", {CONFIG: config()})
    done = call(repo.root, "gate", "--config", str(tmp_path / "far" / CONFIG))
    assert done.code == 2
    assert "the configuration is outside of the repository" in done.lines[0]


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    made = Repo(tmp_path / "mono")
    made.commit(
        {
            f"tools/ai/{CONFIG}": config(providers=QUIET),
            f"tools/ai/{PATH}": GOOD,
            f"tools/ai/{TASKS}": "".join(json.dumps(task(n, "test")) + "\n" for n in range(20)),
        }
    )
    place = made.root / "tools/ai"
    write(place, {PATH: SKILL})
    assert outcome(place)[:2] == (1, "regression")
    assert outcome(place / "skills")[:2] == (1, "regression")  # from a folder below
    assert outcome(made.root, "--config", f"tools/ai/{CONFIG}")[:2] == (1, "regression")


def test_a_checkout_with_other_line_ends_is_unchanged(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 4), providers=QUIET)
    made("config", "core.autocrlf", "true")
    (made.root / PATH).unlink()
    made("checkout", "-q", "--", PATH)
    assert b"\r\n" in (made.root / PATH).read_bytes()
    code, value, _ = judged(made.root)
    assert (code, value["reason"], value["policy_changed"]) == (0, "unchanged", [])


def test_a_named_skill_alone_is_judged(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    assert outcome(repo.root, "--skill", "invoices")[1] == "regression"
    done = call(repo.root, "gate", "--skill", "invoice")
    assert done.code == 2
    assert "perhaps you meant 'invoices'?" in done.lines[0]


def test_an_error_leaves_no_older_result_to_be_believed(repo: Repo) -> None:
    write(repo.root, {PATH: REWORDED})
    assert outcome(repo.root)[1] == "pass"
    write(repo.root, {PATH: b"\xff"})
    code, value, case = judged(repo.root)
    assert (code, value["verdict"], value["reason"]) == (2, None, "config")
    assert [child.tag for child in case] == ["error"]
