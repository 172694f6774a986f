"""Simulated training runs judged by the project's training gate."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from gate_worlds import TRAIN_BETA, TRAIN_START, Rng, bootstrap, mcnemar, propose, runs, suite

from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.training_gate import CAREFUL, CONFIRM, STRICT, TrainingRule, next_move

CANDIDATES = 30
PLAIN = TrainingRule(max_rounds=1, min_evidence=0.0, min_accept_round=1, incumbent_runs=1, exact_stop=False)
GREEDY = TrainingRule(max_rounds=2, min_evidence=0.0)
RULES = {"strict, all tasks": PLAIN, "strict": STRICT, "confirm": CONFIRM, "careful": CAREFUL, "greedy": GREEDY}
PEERS = ("McNemar .05", "bootstrap 95%")


@dataclass
class Tally:
    counts: Counter[str] = field(default_factory=Counter)
    quality: float = 0.0
    optimism: float = 0.0

    def add(self, other: "Tally") -> None:
        self.counts.update(other.counts)
        self.quality += other.quality
        self.optimism += other.optimism


class Bench:
    """Hands out the runs of a skill one by one; the n-th run of a task is the same whoever asks, and when."""

    def __init__(self, rng: Rng, p: "np.ndarray", world: str, most: int = 8) -> None:
        self.outcomes = runs(rng, p, most, world)
        self.rows: list[list[float]] = [[] for _ in self.outcomes]

    def run(self, tasks: "tuple[int, ...]") -> int:
        for i in tasks:
            self.rows[i].append(self.outcomes[i][len(self.rows[i])])
        return len(tasks)

    def evaluation(self, name: str, ids: tuple[str, ...]) -> Evaluation:
        return Evaluation(skill=name, task_ids=ids, values=tuple(map(tuple, self.rows)))

    @property
    def mean(self) -> float:
        return float(np.mean([np.mean(row) for row in self.rows]))


def decide(incumbent: Bench, candidate: Bench, rule: TrainingRule, ids: tuple[str, ...], name: str) -> tuple[bool, int]:
    """Drive `next_move` to its decision; the answer, and the rollouts bought."""
    bought = 0
    while True:
        move = next_move(incumbent.evaluation("incumbent", ids), candidate.evaluation(name, ids), rule)
        if move.action != "measure":
            return move.action == "accept", bought
        bought += candidate.run(move.candidate) + incumbent.run(move.incumbent)


def peer(rng: Rng, incumbent: Bench, candidate: Bench, name: str) -> tuple[bool, int]:
    """One run of every task, then the peer's test against the incumbent's stored run."""
    bought = candidate.run(tuple(range(len(candidate.rows))))
    before, after = (np.array([row[0] for row in bench.rows]) for bench in (incumbent, candidate))
    if name == PEERS[0]:
        return mcnemar(after, before), bought  # "the incumbent is worse"
    return bootstrap(rng, after - before)[0] > 0, bought


def trajectory(rng: Rng, rule_name: str, world: str, n_tasks: int) -> Tally:
    tally = Tally()
    ids = tuple(str(i) for i in range(n_tasks))
    p, mean = suite(rng, world, n_tasks, TRAIN_BETA), TRAIN_START
    incumbent = Bench(rng, p, world)
    for _ in range(RULES[rule_name].incumbent_runs if rule_name in RULES else 1):  # the baseline is no decision's cost
        incumbent.run(tuple(range(n_tasks)))
    score = incumbent.mean
    for number in range(CANDIDATES):
        offer = propose(rng, p, mean, world)
        candidate = Bench(rng, offer.p, world)
        if rule_name in RULES:
            accept, bought = decide(incumbent, candidate, RULES[rule_name], ids, str(number))
        else:
            accept, bought = peer(rng, incumbent, candidate, rule_name)
        tally.counts.update({"decisions": 1, "rollouts": bought, offer.kind: 1, f"{offer.kind} accepted": int(accept)})
        if offer.effect < 0:
            tally.counts.update({"worse": 1, "worse accepted": int(accept)})
        if offer.effect >= 0.01:
            tally.counts.update({"good": 1, "good accepted": int(accept)})
        if accept:
            tally.counts.update({"accepted": 1, "false": int(offer.effect <= 0)})
            p, mean, incumbent = offer.p, offer.mean, candidate
            score = candidate.mean
    tally.quality = mean
    tally.optimism = score - mean
    return tally


def training_cell(rule_name: str, world: str, n_tasks: int, repeats: int, seed: tuple[int, ...]) -> Tally:
    rng = np.random.default_rng(seed)
    total = Tally()
    for _ in range(repeats):
        total.add(trajectory(rng, rule_name, world, n_tasks))
    return total


def parity_cell(world: str, n_tasks: int, repeats: int, seed: tuple[int, ...]) -> Counter[str]:
    """Strict with and without the exact stop on the same outcomes: decisions that agree, and rollouts of each."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    ids = tuple(str(i) for i in range(n_tasks))
    for _ in range(repeats):
        p, mean = suite(rng, world, n_tasks, TRAIN_BETA), TRAIN_START
        incumbent = Bench(rng, p, world)
        incumbent.run(tuple(range(n_tasks)))
        for number in range(CANDIDATES):
            offer = propose(rng, p, mean, world)
            stopped, full = Bench(rng, offer.p, world), Bench(rng, offer.p, world)
            full.outcomes = stopped.outcomes
            accept, bought = decide(incumbent, stopped, STRICT, ids, str(number))
            plain, whole = decide(incumbent, full, PLAIN, ids, str(number))
            counts.update({"decisions": 1, "same": int(accept == plain), "stopped": bought, "full": whole})
            if plain:
                p, mean, incumbent = offer.p, offer.mean, full
    return counts
