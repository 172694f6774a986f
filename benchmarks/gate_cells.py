"""Simulated pull requests judged by the project's merge gate, golden rule and intervals."""

from collections import Counter
from dataclasses import replace

import numpy as np
from gate_worlds import (
    MERGE_BETA,
    Array,
    Rng,
    bootstrap,
    changed,
    mcnemar,
    naive,
    population_change,
    runs,
    suite,
)

from skillopt_ci.core.compare import interval_runs
from skillopt_ci.core.drift import drift
from skillopt_ci.core.golden import armed, golden_state
from skillopt_ci.core.merge_gate import Look, MergeRule, look
from skillopt_ci.core.stats import Effect, plus_two
from skillopt_ci.core.suite_effect import suite_effect

BASE_RUNS = 8
CHURN = 0.06  # share of tasks that an edit which changes something makes better
Runs = list[list[float]]


def judge(base: Runs, head: Runs, rule: MergeRule) -> Look:
    """Look after look, as `gate` does; base rounds come along where fewer are stored."""
    stored = min(len(row) for row in base) if len(base[0]) == BASE_RUNS else 0
    for k in range(1, rule.max_rounds + 1):
        now = look([row[: max(stored, k)] for row in base], head, k, rule)
        if now.decision != "continue":
            return now
    raise AssertionError("the last look decides")


def edit(rng: Rng, p: Array, effect: float | None) -> Array:
    """None is an unchanged skill, 0 gains and losses that cancel."""
    return p if effect is None else changed(rng, p, effect, CHURN)


def merge_cell(
    world: str, n_tasks: int, effect: float | None, repeats: int, seed: tuple[int, ...], pairs: int = 1
) -> Counter[str]:
    rng, rule = np.random.default_rng(seed), MergeRule(pairs=pairs)
    counts: Counter[str] = Counter()
    for _ in range(repeats):
        p = suite(rng, world, n_tasks, MERGE_BETA)
        q = edit(rng, p, effect)
        base, head = runs(rng, p, BASE_RUNS, world), runs(rng, q, rule.max_rounds, world)
        final = judge(base, head, rule)
        b, h = np.array(base)[:, 0], np.array(head)[:, 0]
        counts.update({final.decision: 1, "rounds": final.round, "n": 1})
        counts.update({"naive": naive(b, h), "McNemar": mcnemar(b, h), "bootstrap": bootstrap(rng, h - b)[1] < 0})
    return counts


def strict_pass_cell(n_tasks: int, effect: float, repeats: int, seed: tuple[int, ...]) -> Counter[str]:
    """PASS at a true loss of the margin, by either rule."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(repeats):
        p = suite(rng, "ushape", n_tasks, MERGE_BETA)
        base, head = runs(rng, p, BASE_RUNS, "ushape"), runs(rng, edit(rng, p, effect), 4, "ushape")
        for name in ("usual", "strict"):
            counts[name] += judge(base, head, replace(MergeRule(), pass_rule=name)).decision == "pass"
        counts["n"] += 1
    return counts


def golden_cell(p_golden: float, n_tasks: int, repeats: int, seed: tuple[int, ...], gate: bool) -> Counter[str]:
    """Ten golden tasks of an unchanged skill, alone or with the gate that judges the whole suite, them included.

    `broken` counts pull requests that one of the armed golden tasks blocks; `caught` one golden task, armed, that the
    head passes with probability .1.
    """
    rng, rule = np.random.default_rng(seed), MergeRule()
    counts: Counter[str] = Counter()
    for _ in range(repeats):
        p = np.concatenate([np.full(10, p_golden), suite(rng, "ushape", n_tasks, MERGE_BETA)])
        base, head = runs(rng, p, BASE_RUNS, "ushape"), runs(rng, p, 4, "ushape")
        ready = [i for i in range(10) if armed([v == 1 for v in base[i]])]
        broken = any(_broken([v == 1 for v in head[i]]) for i in ready)
        counts.update({"n": 1, "broken": broken, "single": any(head[i][0] == 0 for i in ready)})
        counts["caught"] += _broken((rng.random(4) < 0.1).tolist())
        if gate:
            worse = judge(base, head, rule).decision == "regression"
            b, h = np.array(base)[:, 0], np.array(head)[:, 0]
            single = any(head[i][0] == 0 for i in ready)
            peers = {"naive": naive(b, h), "McNemar": mcnemar(b, h), "bootstrap": bootstrap(rng, h - b)[1] < 0}
            counts.update({"gate": worse, "combined": worse or broken})
            counts.update({name: blocked or single for name, blocked in peers.items()})
    return counts


def _broken(runs_of_head: list[bool]) -> bool:
    state = golden_state(runs_of_head[:1])
    return (golden_state(runs_of_head) if state == "rerun" else state) == "broken"


def coverage_cell(
    world: str, effect: float, n_tasks: int, n_runs: tuple[int, int], repeats: int, seed: tuple[int, ...]
) -> Counter[str]:
    """Population intervals at a fixed number of runs of base and head. Shares of tasks are exact: so is the truth."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    a, b = MERGE_BETA.get(world, MERGE_BETA["ushape"])
    for number in range(repeats):
        p = suite(rng, world, n_tasks, MERGE_BETA)
        q = p if effect == 0 else population_change(rng, p, a / (a + b), effect, CHURN)
        base, head = runs(rng, p, n_runs[0], world), runs(rng, q, n_runs[1], world)
        difference = np.array(head).mean(axis=1) - np.array(base).mean(axis=1)
        interval = plus_two(difference.tolist(), runs=interval_runs(base, head))
        counts.update({"n": 1, "covered": _covers(interval, effect)})
        truth = float((q - p).mean())
        counts["suite"] += _covers(suite_effect(base, head), truth)
        if number < repeats // 5:
            low, high = bootstrap(rng, difference)
            counts.update({"n bootstrap": 1, "bootstrap": low - 1e-9 <= effect <= high + 1e-9})
    return counts


def stopping_cell(world: str, effect: float, n_tasks: int, repeats: int, seed: tuple[int, ...]) -> Counter[str]:
    """The same intervals where the gate stopped."""
    rng, rule = np.random.default_rng(seed), MergeRule()
    counts: Counter[str] = Counter()
    a, b = MERGE_BETA[world]
    for _ in range(repeats):
        p = suite(rng, world, n_tasks, MERGE_BETA)
        q = p if effect == 0 else population_change(rng, p, a / (a + b), effect, CHURN)
        base, head = runs(rng, p, BASE_RUNS, world), runs(rng, q, rule.max_rounds, world)
        k = judge(base, head, rule).round
        head = [row[:k] for row in head]
        difference = (np.array(head).mean(axis=1) - np.array(base).mean(axis=1)).tolist()
        population = plus_two(difference, runs=interval_runs(base, head))
        counts.update({"n": 1, "covered": _covers(population, effect)})
        counts["suite"] += _covers(suite_effect(base, head), float((q - p).mean()))
    return counts


def _covers(interval: Effect | None, truth: float) -> bool:
    return interval is not None and interval.low - 1e-9 <= truth <= interval.high + 1e-9


def drift_cell(n_tasks: int, moved: float | None, repeats: int, seed: tuple[int, ...]) -> Counter[str]:
    """How often one fresh round of the base voids its stored runs."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(repeats):
        p = suite(rng, "ushape", n_tasks, MERGE_BETA)
        fresh = runs(rng, edit(rng, p, moved), 1, "ushape")
        counts.update({"n": 1, "drifted": drift(runs(rng, p, BASE_RUNS, "ushape"), fresh).drifted})
    return counts
