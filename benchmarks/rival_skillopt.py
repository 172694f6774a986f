"""skillopt in the world of `training_world.py`: reads the job as JSON, writes the final text and its claim as JSON.

Runs in the benchmark's own environment, never in the product's: it imports nothing of the project. The package ships
none of the prompt files that it loads; those in `rival_prompts` are ours, in the shapes that its code reads. All else
is the paper's: batches of 40, minibatches of 8, 4 edits a step falling to 2, strict gate, slow update, meta notes. The
number of epochs is what fits the budget of rollouts; a rollout too many ends the run with its best skill so far.
"""

import contextlib
import json
import re
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

job = json.load(sys.stdin)
METRIC = (
    "soft" if job["model"].startswith(("graded", "rubric")) else "hard"
)  # parts of an order count where it has some

import skillopt.prompts  # noqa: E402
from skillopt.datasets.base import BatchSpec, SplitDataLoader  # noqa: E402
from skillopt.engine.trainer import ReflACTTrainer  # noqa: E402
from skillopt.envs.base import EnvAdapter  # noqa: E402

skillopt.prompts._PROMPTS_DIR = str(Path(__file__).parent / "rival_prompts")


class SpentError(BaseException):
    """The budget of rollouts is spent. Not an `Exception`: the trainer goes on after those."""


def complete(system: str, user: str) -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    value = {"model": job["model"], "messages": messages, "temperature": 1.0}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{job['url']}/v1/chat/completions", json.dumps(value).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["choices"][0]["message"]["content"])


def orders(split: str, count: int) -> list[dict[str, Any]]:
    return [{"id": f"{split}-{n}", "prompt": f"Please carry out order {split}-{n}."} for n in range(count)]


class Orders(SplitDataLoader):
    """The world's orders instead of files."""

    def setup(self, cfg: dict[str, Any]) -> None:
        del cfg
        self._splits = {"train": orders("train", job["train"]), "val": orders("val", job["val"]), "test": []}


class World(EnvAdapter):
    """Carries out orders and keeps what the analysts read."""

    analyst_workers = 1
    failure_only = False
    minibatch_size = 8
    edit_budget = 4

    def __init__(self) -> None:
        self.loader = Orders()
        self.rollouts = 0
        self.start_score: float | None = None

    def setup(self, cfg: dict[str, Any]) -> None:
        super().setup(cfg)
        self.loader.setup(cfg)

    def get_dataloader(self) -> Orders:
        return self.loader

    def build_env_from_batch(self, batch: BatchSpec, **_: Any) -> list[dict[str, Any]]:
        return list(batch.payload or [])

    def build_train_env(self, batch_size: int, seed: int, **more: Any) -> list[dict[str, Any]]:
        return self.build_env_from_batch(self.loader.build_train_batch(batch_size=batch_size, seed=seed, **more))

    def build_eval_env(self, env_num: int, split: str, seed: int, **more: Any) -> list[dict[str, Any]]:
        return self.build_env_from_batch(self.loader.build_eval_batch(env_num=env_num, split=split, seed=seed, **more))

    def rollout(
        self, env_manager: list[dict[str, Any]], skill_content: str, out_dir: str, **_: Any
    ) -> list[dict[str, Any]]:
        results = [self._one(item, skill_content, Path(out_dir)) for item in env_manager]
        if self.start_score is None:  # the first thing that the trainer asks for: the start skill on validation
            self.start_score = sum(r[METRIC] for r in results) / len(results)
        return results

    def get_task_types(self) -> list[str]:
        return ["order"]

    def _one(self, item: dict[str, Any], skill: str, folder: Path) -> dict[str, Any]:
        if self.rollouts >= job["budget"]:
            raise SpentError
        self.rollouts += 1
        answer = complete(skill, item["prompt"])
        done, parts = bool(re.search("was done", answer)), re.findall(r"Part \d+ is (complete|open)", answer)
        said = [{"role": "user", "content": item["prompt"]}, {"role": "assistant", "content": answer}]
        kept = folder / "predictions" / item["id"]
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "conversation.json").write_text(json.dumps(said))
        (kept / "target_system_prompt.txt").write_text(skill)
        return {
            "id": item["id"],
            "hard": int(done),
            "soft": parts.count("complete") / len(parts) if parts else float(done),
            "n_turns": 1,
            "task_description": item["prompt"],
            "task_type": "order",
            "fail_reason": "" if done else "The order was not carried out.",
        }


def settings(folder: Path) -> dict[str, Any]:
    (folder / "start.md").write_text(job["start"])
    steps = -(-job["train"] // 40)
    epoch = job["train"] + steps * job["val"] + 40  # train, validation of each step, slow update
    return {
        "env": "orders",
        "out_root": str(folder / "run"),
        "skill_init": str(folder / "start.md"),
        "optimizer_model": job["model"],
        "target_model": job["model"],
        "optimizer_backend": "openai_chat",
        "target_backend": "openai_chat",
        "azure_openai_endpoint": f"{job['url']}/v1",
        "azure_openai_api_key": "none",
        "azure_openai_auth_mode": "openai_compatible",
        "num_epochs": max(1, round((job["budget"] - job["val"]) / epoch)),
        "batch_size": 40,
        "accumulation": 1,
        "seed": job["seed"],
        "minibatch_size": 8,
        "merge_batch_size": 8,
        "analyst_workers": 1,
        "edit_budget": 4,
        "min_edit_budget": 2,
        "lr_scheduler": "cosine",
        "use_slow_update": True,
        "slow_update_samples": 20,
        "use_meta_skill": True,
        "gate_metric": METRIC,
        "use_gate": True,
        "sel_env_num": job["val"],
        "test_env_num": 0,
        "eval_test": False,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(sys.stderr):
        cfg, world = settings(Path(name)), World()
        with contextlib.suppress(SpentError):
            ReflACTTrainer(cfg, world).train()
        best = Path(cfg["out_root"]) / "best_skill.md"
        skill = best.read_text() if best.is_file() else job["start"]
        state = json.loads((Path(cfg["out_root"]) / "runtime_state.json").read_text())
    changed = skill.strip() != job["start"].strip()
    claim = state["best_score"] - world.start_score if changed and world.start_score is not None else None
    print(json.dumps({"skill": skill, "claim": claim, "rollouts": world.rollouts}))


if __name__ == "__main__":
    main()
