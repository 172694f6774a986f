"""The page of a training, built from its run folder alone: what is there can always be shown again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from skillopt_ci.core.json_values import mapping, parsed_object, sequence, string
from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.core.spend import StageCost
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.suite_effect import run_variance
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import UsageError
from skillopt_ci.report.page.clean import clean_run
from skillopt_ci.report.page.earlier import earlier_runs
from skillopt_ci.report.page.model import GatePower, Report, Side, Subject, Talk, TargetRow, TaskRow, Tone, Values
from skillopt_ci.report.page.power import power_of
from skillopt_ci.report.parts import UNCONFINED_PLAIN, commit_words
from skillopt_ci.report.run_reader import MAX_BYTES, Run, read_json, read_run, read_spend, read_text
from skillopt_ci.report.training import outcome_words, unfinished_words, untrained_words
from skillopt_ci.report.triggering import read_triggers, trigger_notes

MAX_TALKS = 1500
MAX_TASKS = 20_000
MAX_TARGETS = 100
Json = Mapping[str, Any]


def read_page(folder: Path, scrub: Callable[[str], str]) -> Report:
    """The report of a run folder; `scrub` takes secrets out of every text.

    Raises:
        UsageError: it is no run folder, or a file in it is missing or damaged; says which.
    """
    report, config = read_json(folder, "report.json"), read_json(folder, "config.json")
    if not isinstance(report, dict) or not isinstance(config, dict):
        raise UsageError(f"{folder}: config.json or report.json is not what a run writes")
    skills = report.get("skills")
    entry: Json = skills[0] if isinstance(skills, list) and skills and isinstance(skills[0], dict) else {}
    name = scrub(string(config.get("name")))
    title = f"Training of {name}"
    spend = entry.get("spend")
    try:
        paid, replayed = (read_spend(spend.get(k)) if isinstance(spend, dict) else None for k in ("paid", "replayed"))
        costs = tuple(_cost(item) for item in sequence(entry.get("costs")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{folder / 'report.json'}: damaged: {error}") from error
    blank = Report(
        title=title,
        tone="bad",
        word="NOT FINISHED",
        sentence=unfinished_words(scrub(string(entry.get("message")))),
        simulated=report.get("simulated") is True,
        notes=(UNCONFINED_PLAIN,) if report.get("sandbox") == "off" else (),
        paid=paid,
        replayed=replayed,
        costs=costs,
        facts=_facts(config, entry),
        config=scrub(json.dumps(config.get("config"), indent=2, ensure_ascii=False)),
    )
    if entry.get("steps") is None:
        return blank
    return _finished(folder, read_run(folder), blank, (entry, config), scrub)


def _finished(folder: Path, run: Run, blank: Report, known: tuple[Json, Json], scrub: Callable[[str], str]) -> Report:
    entry, config = known
    test = mapping(entry.get("test"))
    effect = _effect(test.get("effect"))
    changed = run.best.text != run.start.text
    sentence = outcome_words(
        scrub(string(entry.get("stopped"))),
        changed=changed,
        confirmed=bool(test),
        proposal=entry.get("proposal") is True,
        effect=effect,
        against=scrub("; ".join(str(o) for o in sequence(entry.get("objections")))),
    )
    mean = _number(mapping(test.get("start")).get("mean"))
    untrained = bool(test) and not changed
    sentence = untrained_words(mean) if untrained else sentence
    tone, word = _word(proposal=entry.get("proposal") is True, changed=changed, confirmed=bool(test))
    tasks = _tasks(folder, scrub)
    selection = mapping(entry.get("selection"))
    opened = test.get("opened")
    notes = []
    if isinstance(opened, int) and opened > 1:
        notes.append(f"The test split of this suite was opened {opened} times: its scores are a little optimistic.")
    if (stopped := scrub(string(entry.get("stopped")))) and stopped not in sentence:
        notes.append(f"Ended: {stopped}.")
    sides = mapping(test.get("triggers"))
    notes += trigger_notes(*((name.title(), read_triggers(sides.get(name))) for name in ("start", "best")))
    target = mapping(mapping(config.get("config")).get("target"))
    talks, left_out = _talks(folder, scrub, {run.start.digest: "the start skill", run.best.digest: "the best skill"})
    run = clean_run(run, scrub)
    subject = Subject(
        name=scrub(string(config.get("name"))),
        target=scrub(f"{string(target.get('provider'))}/{string(target.get('model'))}"),
        tone=tone,
        word=word,
        sentence=sentence,
        old=_side("Start", test.get("start"), run.start.tokens, tasks, old=True),
        new=None if untrained else _side("Best", test.get("best"), run.best.tokens, tasks, old=False),
        effect=effect,
        effect_label=_label(test),
        texts=(run.start.text, run.best.text) if changed else None,
        targets=tuple(_target(item, scrub) for item in map(mapping, sequence(entry.get("targets"))[:MAX_TARGETS])),
        steps=run.steps,
        selection=(_number(selection.get("start")), _number(selection.get("best"))),
        tasks=tasks,
        power=_power(config, tasks),
        earlier=earlier_runs(_optional(folder, "skill_history.jsonl"), without=string(config.get("run_id"))),
        notes=tuple(notes),
        talks=talks,
        talks_left_out=left_out,
    )
    return replace(
        blank, tone=tone, word=word, sentence=sentence, subjects=(subject,), message=scrub(string(entry.get("message")))
    )


def _word(*, proposal: bool, changed: bool, confirmed: bool) -> tuple[Tone, str]:
    if proposal:
        return "good", "BETTER"
    if not changed:
        return "plain", "UNCHANGED"
    return ("unsure", "NOT SHOWN") if confirmed else ("unsure", "NOT CONFIRMED")


def _label(test: Json) -> str:
    n, runs = test.get("n_tasks"), test.get("runs")
    if not isinstance(n, int) or not isinstance(runs, int):
        return ""
    return f"on {n} held-out tasks, {plural(runs, 'run')} per task and skill"


def _side(label: str, value: object, tokens: int, tasks: tuple[TaskRow, ...], *, old: bool) -> Side:
    side = mapping(value)
    runs = sum(v is not None for row in tasks for v in (row.old if old else row.new))
    return Side(
        label=label,
        mean=_number(side.get("mean")),
        low=_number(side.get("low")),
        high=_number(side.get("high")),
        tokens=tokens,
        runs=runs or None,
    )


def _target(item: Json, scrub: Callable[[str], str]) -> TargetRow:
    test = mapping(item.get("test"))
    n = test.get("n_tasks")
    return TargetRow(
        target=scrub(string(item.get("target"))),
        trained=item.get("trained") is True,
        old=_number(mapping(test.get("start")).get("mean")),
        new=_number(mapping(test.get("best")).get("mean")),
        effect=_effect(test.get("effect")),
        n_tasks=n if isinstance(n, int) else 0,
    )


def _tasks(folder: Path, scrub: Callable[[str], str]) -> tuple[TaskRow, ...]:
    """Tasks of the closing comparison; a run that has none has no such file."""
    if not (folder / "test/verdict.json").exists():
        return ()
    value = mapping(read_json(folder, "test/verdict.json"))
    return tuple(
        TaskRow(
            id=scrub(string(item.get("id"))),
            old=_values(item.get("start")),
            new=_values(item.get("best")),
            cluster=string(item.get("cluster")) or None,
        )
        for item in map(mapping, sequence(value.get("tasks"))[:MAX_TASKS])
    )


def _power(config: Json, tasks: tuple[TaskRow, ...]) -> GatePower | None:
    gate, sizes = mapping(config.get("gate")), mapping(mapping(config.get("suite")).get("tasks"))
    n = sum(size for split in sequence(gate.get("splits")) if isinstance(size := sizes.get(string(split)), int))
    base_runs = gate.get("base_runs")
    if not gate or n < 1 or not isinstance(base_runs, int):
        return None
    try:
        rule = MergeRule(margin=gate["margin"], alpha=gate["alpha"], max_rounds=gate["max_rounds"])
        variance = run_variance([row.new or row.old for row in tasks])  # once merged, the best skill is the base
    except (KeyError, TypeError, ValueError):
        return None
    return power_of(rule, n_tasks=n, base_runs=base_runs, variance=variance)


def _talks(folder: Path, scrub: Callable[[str], str], known: Mapping[str, str]) -> tuple[tuple[Talk, ...], int]:
    """Trajectories that the run folder holds: of train tasks, and of held-out ones where it may hold them."""
    found: list[Talk] = []
    left_out = 0
    for place in sorted([*folder.glob("steps/*/rollouts.jsonl"), *folder.glob("*/epoch_*/rollouts.jsonl"),
                         *folder.glob("test/rollouts.jsonl")]):  # fmt: skip
        if place.is_symlink() or place.stat().st_size > MAX_BYTES:
            left_out += 1
            continue
        for line in read_text(folder, place.relative_to(folder).as_posix()).split("\n"):
            item = parsed_object(line) or {}
            if not item.get("messages"):
                continue
            if len(found) >= MAX_TALKS:
                left_out += 1
                continue
            found.append(_talk(place.parent.name.replace("_", " "), item, scrub, known))
    return tuple(found), left_out


def _talk(where: str, item: Json, scrub: Callable[[str], str], known: Mapping[str, str]) -> Talk:
    said: list[tuple[str, str]] = []
    skill = string(item.get("skill"))
    for message in map(mapping, sequence(item.get("messages"))):
        role, text = string(message.get("role")), string(message.get("content"))
        if role == "system" and skill in known:
            text = f"({known[skill]}, {skill[:12]})"
        said.append((role, scrub(text)))
    for call in map(mapping, sequence(item.get("tool_calls"))):
        said.append(("tool", scrub(" ".join(string(call.get(k)) for k in ("name", "arguments", "result")))))
    return Talk(
        where=scrub(f"{where}, {string(item.get('stream'))}"),
        task=scrub(string(item.get("task_id"))),
        score=_number(item.get("score")),
        why=scrub(string(item.get("why"))),
        messages=tuple(said),
    )


def _facts(config: Json, entry: Json) -> tuple[tuple[str, str], ...]:
    suite = mapping(config.get("suite"))
    commit = string(config.get("commit"))
    pairs = (
        ("Run", config.get("run_id")),
        ("Generation", config.get("generation")),
        ("Seed", config.get("seed")),
        ("Trained at commit", commit_words(commit, uncommitted=config.get("uncommitted") is True) if commit else None),
        ("Tasks", suite.get("digest")),
        ("Skill before", entry.get("start")),
        ("Skill after", entry.get("best")),
        ("Path", config.get("path")),
    )
    return tuple((name, str(value)) for name, value in pairs if isinstance(value, str | int))


def _cost(value: object) -> StageCost:
    item = mapping(value)
    return StageCost(stage=string(item.get("stage")), model=string(item.get("model")), spend=read_spend(item))


def _effect(value: object) -> Effect | None:
    item = mapping(value)
    mean, low, high = (_number(item.get(k)) for k in ("mean", "low", "high"))
    if mean is None or low is None or high is None:
        return None
    return Effect(mean=mean, low=low, high=high, confidence=_number(item.get("confidence")) or 0.95)


def _values(value: object) -> Values:
    return tuple(v if v is not None and 0 <= v <= 1 else None for v in map(_number, sequence(value)[:1000]))


def _optional(folder: Path, name: str) -> bytes:
    return read_text(folder, name).encode() if (folder / name).exists() else b""


def _number(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and -1e9 < value < 1e9 else None  # type: ignore[arg-type, operator]
