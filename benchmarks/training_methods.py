"""The product's other methods in the world of `training.py`: does the gate help a search that is not ours?

Same server, tasks and number of target rollouts as `training.py`; what gepa and skillopt do without our gate is there.

Run: python benchmarks/training_methods.py [--seeds 1-20] [--worlds latent-0.1,...] [--methods one-shot,gepa]
"""

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from training import BUDGET, CONFIDENCE, DEFAULT, START, TEST, TRAIN, VAL, WORLDS, Silence, ask, orders
from training_world import running

from skillopt_ci import plugins
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.engine.confirm import confirm
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.method import Method
from skillopt_ci.engine.ration import Ration
from skillopt_ci.engine.state import Workbench
from skillopt_ci.graders.build import build
from skillopt_ci.harnesses.chat import Chat
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, ProviderOptions
from skillopt_ci.providers.openai import make


def trained(url: str, model: str, name: str) -> tuple[TrainResult, int]:
    """The result with its confirmation, and the rollouts of the search."""
    provider = make(ProviderOptions(name="world", type="openai", api_key="none", base_url=f"{url}/v1"))
    target = Model(provider=provider, model=model, temperature=1.0, max_output_tokens=4096)
    grader = build([GraderSpec(type="regex", options={"pattern": "was done"})], None)
    pool, ration = Pool(1), Ration(BUDGET)
    lab = Lab(Chat(target), lambda _task: grader, pool, Silence(), DEFAULT.replica)
    bench = Workbench(
        lab=lab.rationed(ration),
        train=orders("train", TRAIN),
        val=orders("val", VAL),
        settings=DEFAULT,
        spent=Spend,
        checkpoint=lambda: None,
        keep_back=ration.keep_back,
        rollouts=BUDGET,
    )
    method: Method = plugins.load("methods", name)(lambda: target, pool)
    steps = method(bench, Skill(name="orders", frontmatter="", body=START), ())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: TrainResult = end.value
            break
    if result.changed():
        result = replace(result, confirmation=confirm(lab, result.start, result.best, orders("test", TEST)))
    return result, ration.used


def row(url: str, model: str, name: str) -> dict[str, float]:
    """One run, judged by the server."""
    ask(url, "start")
    result, rollouts = trained(url, model, name)
    best, start = (ask(url, "truth", model=model, skill=s.body) for s in (result.best, result.start))
    effect = result.confirmation.comparison.effect if result.confirmation else None
    found = {
        "truth": best["truth"],
        "gain": best["truth"] - start["truth"],
        "harmful": best["named"][1],
        "useless": best["named"][2],
        "rollouts": rollouts,
        "proposal": float(result.proposal(CONFIDENCE)),
        "optimizer": ask(url, "spent", model=model)["optimizer_tokens"],
    }
    return found if effect is None else {**found, "claim": effect.mean}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--worlds", default=",".join(WORLDS))
    parser.add_argument("--methods", default="one-shot,gepa")
    chosen = parser.parse_args()
    first, last = map(int, chosen.seeds.split("-"))
    for world in chosen.worlds.split(","):
        for name in chosen.methods.split(","):
            with running() as url:
                rows = [row(url, f"{world}-{seed}", name) for seed in range(first, last + 1)]
            mean = {key: statistics.fmean(r[key] for r in rows) for key in rows[0] if key != "claim"}
            error = statistics.stdev(r["truth"] for r in rows) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
            over = [r["claim"] - r["gain"] for r in rows if "claim" in r]
            print(
                f"{world:12} {name:10} {100 * mean['truth']:5.1f} +- {100 * error:3.1f} | harmful "
                f"{mean['harmful']:.2f} useless {mean['useless']:.2f} | claim - truth "
                f"{f'{100 * statistics.fmean(over):+.1f}' if over else 'none'} | proposals "
                f"{sum(r['proposal'] for r in rows):.0f} of {len(rows)} | rollouts {mean['rollouts']:.0f}, optimizer "
                f"{mean['optimizer'] / 1000:.0f}k tokens",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
