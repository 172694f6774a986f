"""What holds for each skill."""

import json
from decimal import Decimal

import pytest

from skillopt_ci.config.access import identity
from skillopt_ci.config.overrides import merged
from skillopt_ci.config.resolve import ResolvedSkill, model_ref, provider_entry, resolve
from skillopt_ci.config.schema import TargetModel
from skillopt_ci.core.digest import digest
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import ConfigError
from tests.config.samples import FULL, MINIMAL, SKILL, load
from tests.fakes import MemoryTree

TREE = MemoryTree({f"skills/{name}/SKILL.md": b"x" for name in ("invoices", "a", "b")})
MANY = """\
version: 1
providers:
  local: {type: openai, base_url: "http://127.0.0.1:8000/v1"}
target: {provider: simulated, model: m, temperature: 0.5}
judge: {provider: openai, model: j, temperature: 0.2}
harness: {type: codex, distractors: [skills/a/SKILL.md]}
budget: {usd: 10, calls: 100}
train: {epochs: 3, edit_budget: {start: 6, end: 3}}
skills:
  - path: "skills/*/SKILL.md"
    tasks: ["evals/{name}/*.jsonl", {path: evals/more.jsonl, format: native}]
    graders: [{type: contains, values: [x], hidden: true}]
    target: {provider: local, max_output_tokens: 9}
    optimizer: {provider: openai, model: o}
    judge: {model: k}
    harness: {type: claude-code, seconds: 5}
    split: {test: 0}
    train: {batch_size: 5, edit_budget: {end: 1}, policy: {allow_urls: true}}
    gate: {margin: 0.1}
    budget: {usd: 2.5}
"""


def one(text: str = MINIMAL) -> ResolvedSkill:
    return resolve(load(text), TREE)[0]


def test_a_pattern_is_expanded() -> None:
    skills = resolve(load(MANY), TREE)
    assert [s.name for s in skills] == ["a", "b", "invoices"]
    assert skills[0].path == "skills/a/SKILL.md"
    assert [(t.path, t.format) for t in skills[0].tasks] == [("evals/a/*.jsonl", None), ("evals/more.jsonl", "native")]
    assert skills[0].graders == (GraderSpec(type="contains", options={"values": ["x"]}, hidden=True),)


def test_only_what_a_skill_sets_overrides() -> None:
    skill = one(MANY)
    assert (skill.target.label, skill.target.temperature, skill.target.max_output_tokens) == ("local/m", 0.5, 9)
    assert skill.target.entry.base_url == "http://127.0.0.1:8000/v1"
    assert skill.optimizer is not None
    assert (skill.optimizer.label, skill.optimizer.max_output_tokens) == ("openai/o", 8192)
    assert skill.judge is not None
    assert (skill.judge.label, skill.judge.temperature) == ("openai/k", 0.2)
    assert (skill.harness, skill.harness_options, skill.distractor_paths) == ("claude-code", {"seconds": 5}, ())
    assert (skill.split.train, skill.split.test, skill.split.seed) == (4, 0, 42)
    assert (skill.train.epochs, skill.train.batch_size, skill.train.minibatch_size) == (3, 5, 8)
    assert (skill.train.edit_budget.start, skill.train.edit_budget.end) == (6, 1)
    assert skill.train.policy.as_edit_policy() == EditPolicy(allow_urls=True)
    assert skill.gate.margin == 0.1
    assert skill.budget == Limits(usd=Decimal("2.5"), calls=100)
    assert skill.own_budget


def test_the_smallest_file() -> None:
    skill = one()
    assert (skill.name, skill.harness, skill.graders, skill.optimizer) == ("invoices", "chat", (), None)
    assert skill.judge is None
    assert skill.budget == Limits()
    assert not skill.own_budget
    assert skill.train.policy.as_edit_policy() == EditPolicy()


def test_a_skill_has_the_targets_of_the_top_level_or_its_own() -> None:
    text = """\
version: 1
targets: [{provider: simulated, model: one}, {provider: simulated, model: two}]
skills:
  - {path: skills/a/SKILL.md, tasks: [t]}
  - {path: skills/b/SKILL.md, tasks: [t], target: {provider: simulated, model: own}}
  - {path: skills/invoices/SKILL.md, tasks: [t], targets: [{provider: simulated, model: x}]}
"""
    found = [[target.model for target in skill.targets] for skill in resolve(load(text), TREE)]
    assert found == [["one", "two"], ["own"], ["x"]]


def test_merged_with_one_side_only() -> None:
    own = TargetModel(model="m")
    assert merged(None, own) is own
    assert merged(own, None) is own
    assert merged(None, None) is None


def test_a_skill_at_the_root() -> None:
    text = MINIMAL.replace("skills/invoices/SKILL.md", "SKILL.md")
    assert resolve(load(text), MemoryTree({"SKILL.md": b""}))[0].name == "skill"


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([SKILL.replace("invoices", "gone")], "4:12: skills: there is no file 'skills/gone/SKILL.md'"),
        (
            [SKILL.replace("skills/invoices", "'none/*").replace(".md", ".md'")],
            "4:12: skills: no file matches 'none/*/",
        ),
        ([SKILL, SKILL], "5:12: skills[invoices]: 'skills/invoices/SKILL.md' is configured twice"),
        (
            [SKILL, SKILL.replace("skills/", "other/")],
            "5:12: skills[invoices]: two skills have the directory name 'invoices': 'skills/",
        ),
    ],
)
def test_paths_that_do_not_fit_the_tree(entries: list[str], problem: str) -> None:
    tree = MemoryTree({"skills/invoices/SKILL.md": b"", "other/invoices/SKILL.md": b""})
    text = MINIMAL.replace(f"  {SKILL}\n", "".join(f"  {e}\n" for e in entries))
    with pytest.raises(ConfigError) as caught:
        resolve(load(text), tree)
    [found] = caught.value.problems
    assert str(found).startswith(f"skillopt.yml:{problem}")


def test_a_configuration_without_target_that_was_never_checked() -> None:
    config = load(MINIMAL).model_copy(update={"target": None})
    with pytest.raises(ConfigError, match=r"skills\[invoices\]: no target"):
        resolve(config, TREE)
    assert model_ref(config, TargetModel(provider="openai")) is None


def test_what_of_a_provider_is_in_the_keys_of_a_ledger_stays() -> None:
    """With other words there everything that was bought would be bought again."""
    other = one(MINIMAL.replace("simulated", "anthropic"))
    assert (identity(other.target), identity(one(MANY).target)) == (
        "anthropic/anthropic",
        "openai/local@http://127.0.0.1:8000/v1",
    )


def test_built_in_providers_need_no_entry() -> None:
    config = load(MINIMAL + "providers: {openai: {api: responses}, own: {type: openai}}\n")
    assert provider_entry(config, "anthropic").type == "anthropic"
    assert (provider_entry(config, "openai").type, provider_entry(config, "openai").api) == ("openai", "responses")
    assert provider_entry(config, "own").type == "openai"


FULL_ONE = FULL.replace('"skills/*/SKILL.md"', "skills/a/SKILL.md")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("concurrency: 8", "concurrency: 2"),
        ("budget: {usd: 10", "budget: {usd: 11"),
        ("min_confidence: 0.9", "min_confidence: 0.8"),
        ("show_heldout: false", "show_heldout: true"),
        ("margin: 0.05", "margin: 0.1"),
        ("skills/invoices/SKILL.md", "elsewhere/other/SKILL.md"),
        ("evals/invoices/tasks.jsonl", "evals/tasks.jsonl"),
        ("train: 4, val: 3, test: 3, seed: 42", "seed: 42, val: 3"),
        (
            "providers:\n",
            "providers:\n  openai: {api_key_env: OTHER, timeout_seconds: 5, price: {input: 1, output: 1}}\n",
        ),
    ],
)
def test_what_cannot_change_a_result_is_not_in_the_fingerprint(old: str, new: str) -> None:
    assert old in FULL_ONE
    tree = MemoryTree({"elsewhere/other/SKILL.md": b"", **TREE.files})
    changed = resolve(load(FULL_ONE.replace(old, new)), tree)[0]
    assert changed.fingerprint() == one(FULL_ONE).fingerprint()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model: gpt-5.4-mini, temperature: 1.0", "model: gpt-5.4, temperature: 1.0"),
        ("temperature: 1.0", "temperature: 0.9"),
        ("provider: anthropic", "provider: openai"),
        ("temperature: 0}", "temperature: 1}"),
        ("seed: 42}", "seed: 43}"),
        ("epochs: 4", "epochs: 5"),
        ("max_growth_chars: 4000", "max_growth_chars: 40"),
        ("type: exact", "type: contains"),
        ("concurrency: 8", "sandbox: off"),
        ("providers:\n", "providers:\n  openai: {base_url: 'http://x/v1'}\n"),
        ("providers:\n", "providers:\n  openai: {api: responses}\n"),
    ],
)
def test_what_can_change_a_result_is_in_the_fingerprint(old: str, new: str) -> None:
    assert old in FULL_ONE
    assert digest(one(FULL_ONE.replace(old, new)).fingerprint()) != digest(one(FULL_ONE).fingerprint())


MODEL = "{provider: simulated, model: m}"
SEVERAL = MINIMAL.replace(f"target: {MODEL}", f"targets: [{MODEL}, {MODEL.replace('model: m', 'model: n')}]")


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MINIMAL + "harness: {type: claude-code, seconds: 5}\n", "seconds: 5", "seconds: 6"),
        (SEVERAL, "model: n", "model: o"),
    ],
)
def test_an_agents_options_and_other_targets_are_in_the_fingerprint(text: str, old: str, new: str) -> None:
    assert digest(one(text.replace(old, new)).fingerprint()) != digest(one(text).fingerprint())


def test_the_fingerprint_knows_the_noise_and_api_version_and_is_json() -> None:
    noisy = one(MINIMAL + "providers: {simulated: {noise: 0.2, latency_ms: 4}}\n").fingerprint()
    assert json.loads(json.dumps(noisy))["target"]["entry"] == {
        "type": "simulated",
        "base_url": None,
        "api": "chat",
        "noise": 0.2,
    }
    azure = MINIMAL.replace("simulated", "azure-openai") + "providers: {azure-openai: {api_version: v1}}\n"
    assert json.loads(json.dumps(one(azure).fingerprint()))["target"]["entry"]["api_version"] == "v1"
