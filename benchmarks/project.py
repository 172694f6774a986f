"""A project in a temporary folder: one skill and as many tasks as wanted."""

import json
from pathlib import Path

CONFIG = """\
version: 1
providers:
  local: {{type: openai, base_url: "{url}"}}
target: {{provider: {provider}, model: bench, temperature: 1.0}}
optimizer: {{provider: {provider}, model: bench}}
concurrency: {concurrency}
skills:
  - path: skills/sum/SKILL.md
    tasks: [evals/sum.jsonl]
    graders: [{{type: contains}}]
"""
SKILL = "---\nname: sum\ndescription: Adds numbers.\n---\n\n# Sum\n\n- Answer in one word.\n"


def write_project(folder: Path, tasks: int, *, url: str = "http://127.0.0.1:9/v1", concurrency: int = 32) -> None:
    """A project whose val split has `tasks` tasks; without a URL of a server the provider is simulated."""
    provider = "simulated" if url.endswith(":9/v1") else "local"
    (folder / "skills/sum").mkdir(parents=True)
    (folder / "evals").mkdir()
    (folder / "skillopt.yml").write_text(CONFIG.format(url=url, provider=provider, concurrency=concurrency))
    (folder / "skills/sum/SKILL.md").write_text(SKILL)
    rows = [
        {
            "id": f"t{n}",
            "prompt": f"What is {n} + {n}? Think of the number {n} and say it.",
            "expected": "four",
            "split": "val",
        }
        for n in range(tasks)
    ]
    rows += [
        {"id": f"other-{split}", "prompt": f"One for {split}", "expected": "one", "split": split}
        for split in ("train", "test")
    ]
    (folder / "evals/sum.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
