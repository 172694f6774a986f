"""Rollouts of an agent from end to end: workspace, gateway, ledger, money, and what is no result."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError, CallFailedError, LedgerError, LedgerMissError, ProviderDownError
from skillopt_ci.harnesses.command import make
from skillopt_ci.harnesses.recorded import Recorded, ReplayedRollouts, StoredRollouts
from skillopt_ci.harnesses.rollout_key import bench_identity, rollout_key
from skillopt_ci.harnesses.stored_rollout import as_value, trajectory_of
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.stored import Replays
from tests.harnesses.agent_world import KEY, SAMPLE, SKILL, TASK, World, agents, options, stored
from tests.loopback import Reply, error_reply, messages_reply, scripted
from tests.sandbox.places import alive, gone, mark

KINDS = ["bubblewrap", "unconfined"]
WORK = """
skill = sys.argv[2]
assert os.access(skill + "/scripts/add.sh", os.X_OK)
assert open(skill + "/references/a.md").read() == "about\\n"
assert "total.txt" in open(skill + "/SKILL.md").read()
assert open("setup.txt").read() == "made\\n"
os.remove("in.txt")
open("total.txt", "w").write(ask(sys.stdin.read()) + "\\n")
print(" the total is 3 ")
"""
PROBE = """
import glob
words = [str(dict(os.environ))]
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try: words.append(open(name, "rb").read().decode("utf-8", "replace"))
    except OSError: pass
open("probe.txt", "w").write("\\n".join(words))
open(os.environ["TOKEN"] + ".txt", "w").write("x")
os.symlink("/etc", os.environ["TOKEN"] + ".link")
print(ask("hi"), os.environ["TOKEN"])
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout(kind: str) -> None:
    with agents(kind, lambda _: messages_reply("3", tokens=(100, 0, 7))) as w:
        found = w.run(WORK)
        assert w.server.calls[0].body["messages"][0]["content"] == "What is the total?"
        assert w.server.calls[0].headers["x-api-key"] == KEY
    assert (found.answer, found.stop_reason, found.served_model) == ("the total is 3", "stop", "served-model")
    assert [(a.name, a.data) for a in found.artifacts] == [("total.txt", b"3\n")]
    assert (found.removed, found.omitted, found.tool_version) == (("in.txt",), (), "1.0")
    assert "+++ b/total.txt\n@@ -0,0 +1 @@\n+3\n" in found.diff
    assert found.usage == Usage(input_tokens=100, output_tokens=7)
    assert w.meter.paid == Spend(calls=1, usage=found.usage, usd=Decimal(100 + 70) / 1_000_000)
    assert (found.calls, found.usd) == (1, w.meter.paid.usd)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_is_bought_once(kind: str) -> None:
    with agents(kind, lambda _: messages_reply("3", tokens=(100, 0, 7))) as w:
        first = w.run("ask('a'); ask('b'); print(1)")
        again = w.run("ask('a'); ask('b'); print(1)")
        assert again == first
        assert len(w.server.calls) == 2
        assert w.meter.paid.calls == w.meter.total.calls == 2
        assert w.meter.replayed.calls == 0
        later = Meter(Limits(), ["r"])
        w.harness(options("ask('a'); ask('b'); print(1)"), later).run(SKILL, TASK, SAMPLE)
        assert (later.paid.calls, later.replayed) == (0, w.meter.paid)
        assert w.ledger.spend_by_stream("r") == {"val": w.meter.paid}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_the_server_echoes_is_kept_nowhere(kind: str, tmp_path: Path) -> None:
    program = (
        "said = ask('x'); open(said, 'w').write(said); open('b', 'wb').write(b'\\xff' + said.encode()); print(said)"
    )
    with Ledger(tmp_path / "l.sqlite") as ledger, agents(kind, lambda _: messages_reply(KEY), ledger=ledger) as w:
        w.clean = lambda text: text.replace(KEY, "***")
        found = w.run(program)
        assert found.answer == "***"
        assert {a.name: a.data for a in found.artifacts} == {"***": b"***", "b": b"\xff***"}
        assert w.run(program) == found
        assert KEY not in stored(found) + str(ledger.export())


@pytest.mark.parametrize("kind", KINDS)
def test_no_part_of_a_key_is_in_the_words_of_an_agent_that_failed(kind: str) -> None:
    told = "sys.stderr.write(ask('x') + ' ' + os.environ['TOKEN'] + '.' * 240); sys.exit(3)"
    with agents(kind, lambda _: messages_reply(KEY)) as w:
        w.clean = lambda text: text.replace(KEY, "***")
        with pytest.raises(CallFailedError, match=r"ended with code 3: \*{3} \S*\*{3}\.{240}$") as caught:
            w.run(told)
        assert caught.value.message in str(w.ledger.failures(9))


@pytest.mark.parametrize("kind", KINDS)
def test_the_real_key_is_nowhere(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with Ledger(tmp_path / "l.sqlite") as ledger, agents(kind, lambda _: messages_reply("3"), ledger=ledger) as w:
        found = w.run(PROBE)
        token = found.answer
    assert token.endswith("***")
    if kind == "bubblewrap":  # unconfined, an agent can look at every other process of its user
        assert KEY not in stored(found)
        assert "rollout-" not in stored(found) + str([a.name for a in found.artifacts])
        assert found.omitted == ("***.link: a symbolic link",)
        assert KEY.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("program", "changes", "stop"),
    [
        ("print(ask('x')); import time; time.sleep(100)", {"seconds": 3}, "timeout"),
        ("[ask('x') for _ in range(9)]", {"turns": 3}, "turns"),
        ("[ask('x') for _ in range(9)]", {"tokens": 20}, "tokens"),
        ("ask('x'); b = b'x' * 300_000_000; import time; time.sleep(20)", {"memory_mb": 100}, "resources"),
    ],
)
def test_limits_are_the_skills_own_result(program: str, changes: dict[str, object], stop: str) -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        assert w.run(program, **changes).stop_reason == stop
        assert w.run(program, **changes).stop_reason == stop
        assert w.ledger.failures(9) == []


@pytest.mark.parametrize(("asks", "chooses", "logged"), [(True, True, 1), (None, True, 0), (True, False, 0)])
def test_a_choice_that_a_limit_leaves_open_is_logged_once(asks: bool | None, chooses: bool, logged: int) -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        asked = replace(TASK, should_trigger=asks)
        for _ in range(2):  # the second is a replay
            harness = w.harness(options("[ask('x') for _ in range(9)]", tokens=20), chooses=chooses)
            assert harness.run(SKILL, asked, SAMPLE).stop_reason == "tokens"
        said = (
            "task t1, val, run 0",
            "tokens",
            "the run ended (tokens) before it was known whether the skill is chosen",
        )
        assert w.ledger.failures(9) == [said] * logged


def test_a_context_that_is_too_long_is_the_skills_own_result() -> None:
    with agents("bubblewrap", scripted(error_reply(400, "prompt is too long: 9 tokens > 8 maximum"))) as w:
        assert w.run("ask('x')").stop_reason == "context_overflow"


def lost(w: World) -> int:
    return sum(row["kind"].startswith("lost") for row in w.ledger.export())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("program", "kind", "words"),
    [
        ("ask('x'); sys.exit(3)", "agent", "ended with code 3"),
        ("ask('x'); ask('y')", "server", "529: busy"),
        ("ask('x')\ntry: ask('y')\nexcept SystemExit: print('Sorry, no answer came.')", "server", "529: busy"),
        ("ask('x'); os.kill(os.getpid(), 9)", "agent", "ended with code -9"),
    ],
)
def test_what_measured_nothing_is_a_failure_whose_cost_counts(program: str, kind: str, words: str) -> None:
    replies = [messages_reply("3", tokens=(100, 0, 7)), error_reply(529, "busy")]
    with agents("bubblewrap", scripted(*replies)) as w:
        with pytest.raises(CallFailedError, match=words) as caught:
            w.run(program)
        assert caught.value.kind == kind
        assert [f[1] for f in w.ledger.failures(9)] == [kind]
        assert lost(w) == 1
        assert w.ledger.spend_by_stream("r")["val"] == w.meter.paid
        assert w.meter.paid.calls == 1
        with pytest.raises(CallFailedError):  # never replayed as a result
            w.run(program)
        assert len(w.server.calls) >= 2


def test_a_set_up_that_fails_is_a_failure() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        with pytest.raises(CallFailedError, match="'echo no >&2; exit 4' ended with code 4: no") as caught:
            w.run("print(1)", replace(TASK, setup=("true", "echo no >&2; exit 4")))
        assert caught.value.kind == "setup"
        assert w.server.calls == []
        assert lost(w) == 0


def test_a_set_up_that_takes_the_workspace_away_is_a_failure(tmp_path: Path) -> None:
    setup = (f"cd / && mv /rollout/work /rollout/away && ln -s {tmp_path} /rollout/work",)
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        with pytest.raises(CallFailedError, match="took the workspace away") as caught:
            w.run("print(1)", replace(TASK, setup=setup))
        assert caught.value.kind == "setup"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["/proc/self", "outside"])
def test_an_agent_cannot_make_the_host_read_its_own_files(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "id_rsa").write_text(KEY)
    program = f"""
os.chdir("/")
os.rename("/rollout/work", "/rollout/away")
os.symlink({str(tmp_path / target)!r}, "/rollout/work")
print(ask('x'))
"""
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        done = w.run(program)
    assert (done.answer, done.artifacts) == ("3", ())
    assert set(done.removed) == {"in.txt", "setup.txt"}
    assert KEY not in stored(done)


def test_a_hostile_file_name_is_a_failure_before_anything_runs() -> None:
    task = replace(TASK, files=(replace(TASK.files[0], name="../../x"),))
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        with pytest.raises(CallFailedError) as caught:
            w.run("print(1)", task)
        assert caught.value.kind == "attachment"


def test_a_dead_provider_stops_the_run() -> None:
    with (
        agents("bubblewrap", scripted(error_reply(401, "no"))) as w,
        pytest.raises(ProviderDownError, match="key is refused"),
    ):
        w.run("ask('x')")


def test_a_budget_stops_the_run_and_what_was_spent_is_kept() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3"), Limits(calls=2)) as w:
        with pytest.raises(BudgetReachedError):
            w.run("[ask('x') for _ in range(5)]")
        assert w.ledger.spend_by_stream("r")["val"].calls == 2
        assert len(w.server.calls) == 2


def test_a_provider_that_hangs_is_no_time_out_of_the_skill() -> None:
    def late(_: object) -> Reply:
        return Reply(hang=True)

    with agents("bubblewrap", late) as w:
        found: object = None
        try:
            found = w.run("ask('x')", seconds=2).stop_reason
        except CallFailedError as error:
            found = error.kind
        assert found == "timeout"


def test_a_run_that_is_stopped_leaves_no_record() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        w.stop.set()
        with pytest.raises(CallFailedError) as caught:
            w.run("print(1)")
        assert caught.value.kind == "interrupted"
        assert w.ledger.failures(9) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_rollout(kind: str) -> None:
    word = mark()
    program = f"import subprocess; subprocess.Popen(['sleep', '{word}'], start_new_session=True); print(ask('x'))"
    with agents(kind, lambda _: messages_reply("3")) as w:
        before = set(Path("/tmp").glob("skillopt-*"))
        assert w.run(program).answer == "3"
        left = [p for p in set(Path("/tmp").glob("skillopt-*")) - before if (p / "work").exists()]
    assert gone(word)
    assert alive(word) == []
    assert left == []


def test_other_models_are_not_asked() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        with pytest.raises(CallFailedError, match="may only ask: m"):
            w.run("ask('x', model='expensive')")
        assert w.server.calls == []


def test_a_model_without_a_skill() -> None:
    empty = replace(SKILL, frontmatter="", body="")
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run("print(os.path.exists(sys.argv[2]), os.listdir(os.environ['HOME']))", skill=empty)
    assert found.answer == "False ['agent.py']"


def test_the_key_of_a_rollout_holds_what_can_change_it() -> None:
    base = bench_identity("anthropic/p", "m", confined=True)
    agent = make(options("print(1)"))
    first = rollout_key(agent, base, SKILL, TASK, SAMPLE)
    assert first == rollout_key(make(options("print(1)")), base, SKILL, replace(TASK, expected=("x",), id="t1"), SAMPLE)
    assert first == rollout_key(make(options("print(1)", concurrency=9, readable=["/opt"])), base, SKILL, TASK, SAMPLE)
    others = [
        rollout_key(make(options("print(2)")), base, SKILL, TASK, SAMPLE),
        rollout_key(make(options("print(1)", version="2")), base, SKILL, TASK, SAMPLE),
        rollout_key(make(options("print(1)", turns=9)), base, SKILL, TASK, SAMPLE),
        rollout_key(make(options("print(1)", seconds=9)), base, SKILL, TASK, SAMPLE),
        rollout_key(agent, bench_identity("anthropic/q", "m", confined=True), SKILL, TASK, SAMPLE),
        rollout_key(agent, bench_identity("anthropic/p", "n", confined=True), SKILL, TASK, SAMPLE),
        rollout_key(agent, bench_identity("anthropic/p", "m", confined=False), SKILL, TASK, SAMPLE),
        rollout_key(agent, base, replace(SKILL, name="other"), TASK, SAMPLE),
        rollout_key(agent, base, SKILL.with_body("other"), TASK, SAMPLE),
        rollout_key(agent, base, replace(SKILL, resources={"scripts/add.sh": "0"}), TASK, SAMPLE),
        rollout_key(agent, base, SKILL, replace(TASK, prompt="other"), SAMPLE),
        rollout_key(agent, base, SKILL, replace(TASK, setup=()), SAMPLE),
        rollout_key(agent, base, SKILL, replace(TASK, files=()), SAMPLE),
        rollout_key(agent, base, SKILL, TASK, replace(SAMPLE, n=1)),
    ]
    assert len({first, *others}) == 15


def test_stored_rollouts_are_replayed_and_nothing_is_bought() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run(WORK)
        surroundings = bench_identity("anthropic/p", "m", confined=True)
        replays = Replays()
        stored_ones = StoredRollouts(make(options(WORK)), surroundings, w.ledger, 9e12, replays)
        assert stored_ones.run(SKILL, TASK, SAMPLE) == found
        assert replays.oldest < 9e12
        for until, sample in ((9e12, replace(SAMPLE, n=1)), (0.0, SAMPLE)):
            with pytest.raises(CallFailedError) as caught:
                StoredRollouts(make(options(WORK)), surroundings, w.ledger, until, replays).run(SKILL, TASK, sample)
            assert caught.value.kind == "not-stored"
        assert len(w.server.calls) == 1


def test_replay_only_buys_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", replay_only=True) as ledger, agents("bubblewrap", scripted(), ledger=ledger) as w:
        with pytest.raises(LedgerMissError, match="task t1, val, run 0"):
            w.run(WORK)
        assert w.server.calls == []


def test_a_replay_finds_what_was_bought_and_counts_it_without_anything_to_run_it() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3"), Limits(calls=9)) as w:
        found = w.run(WORK)
        meter = Meter(Limits(), ["r"])
        recorded = Recorded(
            agent=make(options(WORK)), surroundings=bench_identity("anthropic/p", "m", confined=True), ledger=w.ledger,
            meters=[meter], model="m", run="r", chooses=False,
        )  # fmt: skip
        replay = ReplayedRollouts(recorded)
        assert replay.run(SKILL, TASK, SAMPLE) == found
        assert (meter.replayed.calls, meter.paid.calls) == (1, 0)
        with pytest.raises(CallFailedError, match="task t1, val, run 1: this is a replay, which asks nobody"):
            replay.run(SKILL, TASK, replace(SAMPLE, n=1))
        w.ledger.replay_only = True
        with pytest.raises(LedgerMissError, match="task t1, val, run 1"):
            replay.run(SKILL, TASK, replace(SAMPLE, n=1))
        assert (len(w.server.calls), w.ledger.failures(9)) == (1, [])


def test_a_damaged_record_is_named() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run(WORK)
    value = as_value(found)
    whole = Purchase(value=value, usage=found.usage, usd=found.usd, served_model=found.served_model)
    assert trajectory_of(whole, "x") == found
    for key, wrong in (
        ("stop", "no"),
        ("messages", 3),
        ("artifacts", [["a", "%"]]),
        ("seconds", "x"),
        ("tools", [[1]]),
    ):
        with pytest.raises(LedgerError, match="the ledger's record of x is damaged"):
            trajectory_of(replace(whole, value={**value, key: wrong}), "x")
