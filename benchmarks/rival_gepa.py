"""gepa in the world of `training_world.py`: reads the job as JSON, writes the final text and its claim as JSON.

Runs in the benchmark's own environment, never in the product's: it imports nothing of the project.
"""

import json
import re
import sys
import urllib.request
from typing import Any

import gepa
from gepa.adapters.default_adapter.default_adapter import DefaultAdapter, EvaluationResult

job = json.load(sys.stdin)


def complete(messages: list[dict[str, str]]) -> str:
    value = {"model": job["model"], "messages": messages, "temperature": 1.0}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{job['url']}/v1/chat/completions", json.dumps(value).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["choices"][0]["message"]["content"])


def reflect(prompt: Any) -> str:
    return complete(prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}])


def judge(_data: Any, response: str) -> EvaluationResult:
    done, parts = bool(re.search("was done", response)), re.findall(r"Part \d+ is (complete|open)", response)
    score = parts.count("complete") / len(parts) if parts else float(done)
    return EvaluationResult(score=score, feedback="Right." if done else "The order was not carried out.")


def orders(split: str, count: int) -> list[dict[str, Any]]:
    return [
        {"input": f"Please carry out order {split}-{n}.", "answer": "was done", "additional_context": {}}
        for n in range(count)
    ]


class Quiet:
    def log(self, message: str) -> None: ...


found = gepa.optimize(
    seed_candidate={"instructions": job["start"]},
    trainset=orders("train", job["train"]),
    valset=orders("val", job["val"]),
    adapter=DefaultAdapter(model=complete, evaluator=judge),
    reflection_lm=reflect,
    max_metric_calls=job["budget"],
    logger=Quiet(),
    seed=job["seed"],
)
scores = found.val_aggregate_scores
claim = scores[found.best_idx] - scores[0] if found.best_idx else None
print(json.dumps({"skill": found.best_candidate["instructions"], "claim": claim}))
