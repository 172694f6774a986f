"""Configurations for the tests."""

from skillopt_ci.config.load import load_config
from skillopt_ci.config.schema import Config
from tests.fakes import MemoryTree

SKILL = "- {path: skills/invoices/SKILL.md, tasks: [evals/t.jsonl]}"
MINIMAL = f"version: 1\ntarget: {{provider: simulated, model: m}}\nskills:\n  {SKILL}\n"

# The block of the contracts without what is not built.
FULL = """\
version: 1
providers:
  local: {type: openai, base_url: "http://127.0.0.1:8000/v1", api_key_env: LOCAL_API_KEY, api: chat}
  priced: {type: anthropic, price_as: claude-opus-5, price: {input: 0.25, cached_input: 0.025, output: 2}}
  azure-openai: {api_version: "2026-01-01", timeout_seconds: 30}
  simulated: {noise: 0.1, latency_ms: 5}
target:    {provider: openai, model: gpt-5.4-mini, temperature: 1.0, max_output_tokens: 2048}
optimizer: {provider: anthropic, model: claude-opus-5, max_output_tokens: 8192}
judge:     {provider: openai, model: gpt-5.4-mini, temperature: 0}
harness:   chat
concurrency: 8
split:     {train: 4, val: 3, test: 3, seed: 42}
skills:
  - path: skills/invoices/SKILL.md
    tasks: [evals/invoices/tasks.jsonl]
    graders: [{type: exact}]
  - path: "skills/*/SKILL.md"
    tasks: ["evals/{name}/*.jsonl", {path: evals/more.jsonl, format: native}]
    graders: [{type: judge, rubric: "good?", hidden: true}]
    target: {provider: local, model: qwen}
    train: {epochs: 2, edit_budget: {end: 1}}
    budget: {calls: 10}
train:
  method: skillopt
  what: body
  epochs: 4
  batch_size: 40
  minibatch_size: 8
  edit_budget: {start: 4, end: 2, schedule: cosine}
  gate: confirm
  exact_stop: true
  slow_update: true
  meta_notes: true
  seed: 42
  policy:
    {max_edit_chars: 1200, max_growth_chars: 4000, max_skill_tokens: 5000, allow_urls: false, allow_commands: false}
gate:
  splits: [test]
  margin: 0.05
  min_effect: 0.0
  alpha: 0.05
  max_rounds: 4
  base_runs: 8
  base_ttl_hours: 168
  on_inconclusive: pass
  pass_rule: usual
budget: {usd: 10, calls: 5000, minutes: 60, month_usd: 100.10}
pr: {min_confidence: 0.9}
report: {show_heldout: false}
"""


def load(text: str | bytes) -> Config:
    """Load a configuration from its text."""
    return load_config(MemoryTree({"skillopt.yml": text}), "skillopt.yml")
