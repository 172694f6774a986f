"""How good training is: true quality of the final skill for the same number of target rollouts, ours and rivals'.

Every run talks to the same kind of server over loopback (`training_world.py`), which knows nothing of who asks and
tells in the end, exactly, what a skill is worth. All arms get the same tasks and the same budget of target rollouts;
the closing comparison on the test split is ours alone and is counted apart. Rivals run in an environment of their own:
    python -m venv build/rivals && build/rivals/bin/pip install gepa==0.1.4 skillopt==0.2.0

Run: python benchmarks/training.py [--seeds 10501-10520] [--worlds latent-0.1,...] [--arms default,gepa,...]
Seeds up to 260, 501 to 624, 5001 to 5240 and 8501 to 9000 were used while the method was developed; 1001 to 1024, 2001
to 2024, 3001 to 3024, 6001 to 6060, 7001 to 7126, 9101 to 9340, 9501 to 9530, 9701 to 9708, 10201 to 10208 and 10301 to
10320 to measure it on the way; 9401 to 9460, 10001 to 10040, 10101 to 10160 and 10401 to 10460, too. The tables of
docs/training-figures.md are from 10501 to 10560 and 10601 to 10620, and from 10101 to 10120 and 10001 to 10040 where
mechanisms are left out.
10701 to 10740 were used to measure small suites, 10801 to 10860 to measure all again. They are no evidence any more.
10501 to 10560 were measured anew when factorial trials came in, four times; what was chosen there was chosen on 8501 to
8600, but for the one run of 10516 in `latent-0` that gave up too soon.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from graded_world import DONE, PARTS
from training_world import running

from skillopt_ci.cli.training import train_settings
from skillopt_ci.config.schema import Train
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import GraderSpec, Source, Split, Task
from skillopt_ci.core.training_gate import STRICT
from skillopt_ci.engine.confirm import confirm
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.state import Bench, TrainSettings
from skillopt_ci.engine.train import train
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.graders.build import build
from skillopt_ci.harnesses.chat import Chat
from skillopt_ci.optimizers.skillopt import SkillOpt
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Completion, Model, ProviderOptions, Request
from skillopt_ci.providers.openai import make

BUDGET, TRAIN, VAL, TEST = 800, 80, 40, 100
START = "# Orders\n\nCarry out every order with care.\n"
CONFIDENCE = 0.9
WORLDS = (
    "latent-0.1", "drawn-0", "soft-0.1", "latent-0", "additive-0.1", "mixed-0.1", "graded-0.1", "rubric-0.1",
    "placebo-0.2",
)  # fmt: skip
DEFAULT = train_settings(Train(), "1/1")
NO_SCREEN = ScreenRule(runs=0)
ARMS: Mapping[str, TrainSettings] = {
    "default": DEFAULT,
    "no screening": replace(DEFAULT, screen=NO_SCREEN),
    "never gives up": replace(DEFAULT, screen=replace(DEFAULT.screen, gives_up=False)),
    "no waiting": replace(DEFAULT, screen=replace(DEFAULT.screen, company=1)),
    "no better half": replace(DEFAULT, retry=False),
    "strict gate": replace(DEFAULT, rule=STRICT),
    "no slow update": replace(DEFAULT, slow_update=False),
    "no notes": replace(DEFAULT, meta_notes=False),
    "pruned": replace(DEFAULT, prune=True),
    "the paper's": replace(DEFAULT, screen=NO_SCREEN, rule=STRICT),
}
RIVALS = {name: Path(__file__).parent / f"rival_{name}.py" for name in ("gepa", "skillopt")}
RIVAL_PYTHON = Path(__file__).parents[1] / "build/rivals/bin/python"


@dataclass(frozen=True)
class Found:
    """What a run left: its skill, the gain it claims (None for no claim), whether it proposes, its closing rollouts."""

    skill: str
    claim: float | None
    proposal: bool
    closing: int = 0


class Counted:
    """A provider that stops at the budget of target rollouts, as the product's meter does at its limits."""

    def __init__(self, url: str) -> None:
        self._inner = make(ProviderOptions(name="world", type="openai", api_key="none", base_url=f"{url}/v1"))
        self.rollouts = 0
        self.kept_back = 0

    def complete(self, request: Request, /) -> Completion:
        """Answer, or say that the budget is spent; the closing comparison is free."""
        if request.schema is None and request.stream not in ("base", "test"):
            if self.rollouts >= BUDGET - self.kept_back:
                raise BudgetReachedError("the budget of rollouts is spent", limit="calls")
            self.rollouts += 1
        return self._inner.complete(request)

    def keep_back(self, rollouts: int) -> None:
        self.kept_back = rollouts


class Silence:
    """Shows nothing."""

    def begin(self, what: str, count: int, /) -> None: ...

    def advance(self, rollout: Rollout, /) -> None: ...


def orders(split: Split, count: int) -> tuple[Task, ...]:
    return tuple(
        Task(
            id=f"{split}-{n}",
            prompt=f"Please carry out order {split}-{n}.",
            split=split,
            source=Source(file="orders", line=n + 1),
        )
        for n in range(count)
    )


def grading(model: str) -> GraderSpec:
    """How the orders of a world are graded: done or not, or the share of their parts."""
    kind = model.split("-", maxsplit=1)[0]
    if kind in PARTS:
        checks = [{"op": "contains", "arg": DONE.format(n)} for n in range(1, PARTS[kind] + 1)]
        return GraderSpec(type="rules", options={"checks": checks})
    return GraderSpec(type="regex", options={"pattern": "was done"})


def ours(url: str, model: str, settings: TrainSettings) -> Found:
    provider = Counted(url)
    target = Model(provider=provider, model=model, temperature=1.0, max_output_tokens=4096)
    grader = build([grading(model)], None)
    # One at a time: the n-th answer to a prompt is then the same in every run of the benchmark.
    pool = Pool(1)
    lab = Lab(Chat(target), lambda _task: grader, pool, Silence(), settings.replica)
    bench = Bench(
        lab=lab,
        optimizer=SkillOpt(target, pool),
        train=orders("train", TRAIN),
        val=orders("val", VAL),
        settings=settings,
        spent=Spend,
        checkpoint=lambda: None,  # as the meter of the product: a limit of calls refuses the call that passes it
        keep_back=provider.keep_back,
    )
    result = _finished(bench, Skill(name="orders", frontmatter="", body=START))
    if not result.changed():
        return Found(result.best.body, None, proposal=False)
    closing = replace(result, confirmation=confirm(lab, result.start, result.best, orders("test", TEST)))
    last = closing.confirmation
    effect = last.comparison.effect if last else None
    runs = last.start.n_runs + last.best.n_runs if last else 0
    return Found(result.best.body, effect.mean if effect else None, closing.proposal(CONFIDENCE), runs)


def _finished(bench: Bench, start: Skill) -> TrainResult:
    steps = train(bench, start)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: TrainResult = end.value
            return result


def rival(url: str, model: str, script: Path) -> Found:
    """A rival in its own environment: its final text, and the gain that its own validation claims."""
    told = {"url": url, "model": model, "budget": BUDGET, "train": TRAIN, "val": VAL, "start": START, "seed": 1}
    done = subprocess.run(
        [RIVAL_PYTHON, script], input=json.dumps(told), capture_output=True, text=True, check=True, timeout=600
    )
    value = json.loads(done.stdout.splitlines()[-1])
    return Found(value["skill"], value["claim"], proposal=value["skill"].strip() != START.strip())


def ask(url: str, path: str, **value: object) -> dict[str, Any]:
    request = urllib.request.Request(f"{url}/{path}", json.dumps(value).encode())
    with urllib.request.urlopen(request) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def measured(url: str, arm: str, model: str) -> dict[str, float]:
    """One run of an arm in one world, judged by the server."""
    ask(url, "start")
    began = time.perf_counter()
    run: Callable[[], Found] = (
        (lambda: rival(url, model, RIVALS[arm])) if arm in RIVALS else (lambda: ours(url, model, ARMS[arm]))
    )
    found = run()
    spent = ask(url, "spent", model=model)
    best, start = (ask(url, "truth", model=model, skill=text) for text in (found.skill, START))
    right, harmful, useless = best["named"]
    row = {
        "truth": best["truth"],
        "ceiling": best["best"],
        "gain": best["truth"] - start["truth"],
        "right": right,
        "harmful": harmful,
        "useless": useless,
        "rollouts": spent["rollouts"] - found.closing,
        "optimizer_tokens": spent["optimizer_tokens"],
        "proposal": float(found.proposal),
        "seconds": time.perf_counter() - began,
    }
    return row if found.claim is None else {**row, "claim": found.claim}


def table(url: str, arm: str, world: str, seeds: range) -> None:
    rows = [measured(url, arm, f"{world}-{seed}") for seed in seeds]
    mean = {key: statistics.fmean(row[key] for row in rows) for key in rows[0] if key != "claim"}
    error = statistics.stdev(row["truth"] for row in rows) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    claims = [row["claim"] - row["gain"] for row in rows if "claim" in row]
    over = f"{100 * statistics.fmean(claims):+.1f}" if claims else "none"
    print(
        f"{world:12} {arm:17} {100 * mean['truth']:5.1f} +- {100 * error:3.1f} of {100 * mean['ceiling']:3.0f} | right "
        f"{mean['right']:4.1f} harmful {mean['harmful']:.2f} useless {mean['useless']:.2f} | claim - truth {over} | "
        f"proposals {sum(r['proposal'] for r in rows):.0f} of {len(rows)} | rollouts {mean['rollouts']:.0f}, optimizer "
        f"{mean['optimizer_tokens'] / 1000:.0f}k tokens, {mean['seconds']:.0f} s",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="10501-10520")
    parser.add_argument("--worlds", default=",".join(WORLDS))
    parser.add_argument("--arms", default=",".join([*ARMS, *RIVALS]))
    parser.add_argument("--jobs", type=int, default=1, help="tables at once, each with a server of its own")
    chosen = parser.parse_args()
    first, last = chosen.seeds.split("-")
    seeds = range(int(first), int(last) + 1)

    def one(job: tuple[str, str]) -> None:
        world, arm = job
        with running() as url:
            table(url, arm, world, seeds)

    jobs = [(world, arm) for world in chosen.worlds.split(",") for arm in chosen.arms.split(",")]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        list(pool.map(one, jobs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
