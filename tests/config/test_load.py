"""Loading: the contract's file, and many broken ones with their exact words and places."""

from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.config.load import load_config
from skillopt_ci.errors import ConfigError, Problem
from tests.config.samples import FULL, MINIMAL, SKILL, load
from tests.fakes import MemoryTree


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(p) for p in caught.value.problems]


def test_the_contracts_file() -> None:
    config = load(FULL)
    assert config.source.file == "skillopt.yml"
    assert config.budget.month_usd == Decimal("100.1")
    assert config.providers["priced"].price is not None
    assert config.providers["priced"].price.input == Decimal("0.25")
    assert config.skills[0].tasks[0].path == "evals/invoices/tasks.jsonl"
    assert config.skills[1].graders[0].as_spec().options == {"rubric": "good?"}
    assert config.skills[1].graders[0].hidden is True


def test_the_defaults_are_the_contracts() -> None:
    """What the contract's block writes out is what a file that writes nothing gets, but for the size of a batch.

    The block has the paper's 40; 20 was measured to be better (docs/training-figures.md).
    """
    full, minimal = load(FULL), load(MINIMAL)
    for section in ("harness", "sandbox", "split", "gate", "pr", "report"):
        assert getattr(minimal, section) == getattr(full, section), section
    assert (full.train.batch_size, minimal.train.batch_size) == (40, 20)
    assert minimal.train.model_copy(update={"batch_size": 40}) == full.train
    assert minimal.budget.model_dump() == {"usd": None, "calls": None, "minutes": None, "month_usd": None}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", "auto"),
        ("sandbox: auto", "auto"),
        ("sandbox: off", "off"),
        ("sandbox: 'off'", "off"),
        ("sandbox: false", "off"),
    ],
)
def test_the_sandbox_is_off_only_when_somebody_says_so(line: str, wanted: str) -> None:
    assert load(MINIMAL + line).sandbox == wanted


def test_a_harness_is_a_text_or_a_mapping() -> None:
    assert load(MINIMAL + "harness: {type: chat}").harness == load(MINIMAL + "harness: chat").harness


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError):
        load_config(MemoryTree(), "ci/skillopt.yml")


def test_problems_carry_the_given_path() -> None:
    with pytest.raises(ConfigError, match=r"^ci/other\.yml:1:10: version 2"):
        load_config(MemoryTree({"ci/other.yml": b"version: 2\n"}), "ci/other.yml")


def test_all_problems_at_once_in_the_order_of_the_file() -> None:
    text = """\
version: 1
target: {provider: opnai, model: 5.4}
providers:
  local: {type: openai, base_url: "ftp://x", api: chats}
concurrency: four
skills:
  - path: skills/invoices/SKILL.md
    tasks: ["evals/${NAME}/x.jsonl"]
    graders: [{type: exat}]
    train: {batchsize: 3, epochs: four}
    gate: {alpha: 0.9}
budget: {usd: -1}
budget: {}
trian: {}
report:
"""
    assert problems(text) == [
        "skillopt.yml:2:20: target.provider: there is no provider 'opnai'; perhaps you meant 'openai'?",
        "skillopt.yml:2:34: target.model: must be a text, not 5.4; put it in quotes",
        "skillopt.yml:4:35: providers.local.base_url: must be a URL that begins with http:// or https://",
        "skillopt.yml:4:51: providers.local.api: must be 'chat' or 'responses', not 'chats'",
        "skillopt.yml:5:14: concurrency: must be a whole number of at least 1 and at most 512, not 'four'",
        "skillopt.yml:8:13: skills[invoices].tasks[0]: ${NAME} is not expanded;"
        " name the environment variable in api_key_env, without '${}'",
        "skillopt.yml:9:22: skills[invoices].graders[0].type: unknown grader 'exat'; perhaps you meant 'exact'?",
        "skillopt.yml:10:13: skills[invoices].train: unknown key 'batchsize'; perhaps you meant 'batch_size'?",
        "skillopt.yml:10:35: skills[invoices].train.epochs: must be a whole number of at least 1, not 'four'",
        "skillopt.yml:11:19: skills[invoices].gate.alpha: must be a number above 0 and at most 0.5, not 0.9",
        "skillopt.yml:12:15: budget.usd: must be a number above 0, not -1",
        "skillopt.yml:13:1: the key 'budget' stands here a second time (first on line 12)",
        "skillopt.yml:14:1: unknown key 'trian'; perhaps you meant 'train'?",
        "skillopt.yml:15:8: report: must be a mapping of keys to values, not empty",
    ]


# (a line added to the smallest file, the problem without its file)
ADDED = [
    ("targets: {}", "5:10: targets: must be a list, not a mapping"),
    ("targets: [{provider: openai, model: m}]", "5:10: targets: write either `target` or `targets`, not both"),
    ("sandbox: on", "5:10: sandbox: must be 'auto' or 'off', not true"),
    ("sandbox: docker", "5:10: sandbox: must be 'auto' or 'off', not 'docker'"),
    (
        "harness: {type: claude-code, tool: 1}",
        "5:10: harness: claude-code: unknown option 'tool'; perhaps you meant 'tools'?",
    ),
    ("harness: {type: chat, x: 1}", "5:10: harness: the harness 'chat' takes no options"),
    ("harness: []", "5:10: harness: must be a text or a mapping of keys to values, not an empty list"),
    ("harness: {x: 1}", "5:10: harness: the key 'type' is missing"),
    ("harness: {type: 1}", "5:17: harness.type: must be a text, not 1; put it in quotes"),
    ("harness: chatt", "5:10: harness: unknown harness 'chatt'; perhaps you meant 'chat'?"),
    ("train: {method: geppa}", "5:17: train.method: unknown method 'geppa'; perhaps you meant 'gepa'?"),
    (
        "train: {what: description}",
        "5:15: train.what: the harness 'chat' never shows the description to the target; choose an agent's",
    ),
    (
        "train: {what: description}\nharness: {type: command, run: [x], version: '1'}",
        "5:15: train.what: of the harness 'command' nobody sees which skill it opens; tell it where with `tools`",
    ),
    (
        "train: {what: description, method: gepa}\nharness: codex",
        "5:15: train.what: the method 'gepa' trains bodies only; descriptions need the method 'skillopt'",
    ),
    ("train: {gate: loose}", "5:15: train.gate: must be 'confirm', 'strict' or 'careful', not 'loose'"),
    ("train: {method: skilopt}", "5:17: train.method: unknown method 'skilopt'; perhaps you meant 'skillopt'?"),
    ("train: {epochs: 0}", "5:17: train.epochs: must be a whole number of at least 1, not 0"),
    ("train: {epochs: 1.5}", "5:17: train.epochs: must be a whole number of at least 1, not 1.5"),
    ("train: {epochs: true}", "5:17: train.epochs: must be a whole number of at least 1, not true"),
    ("train: {exact_stop: 1}", "5:21: train.exact_stop: must be true or false, not 1"),
    ("train: [1]", "5:8: train: must be a mapping of keys to values, not a list"),
    (
        "train: {policy: {allow_url: true}}",
        "5:18: train.policy: unknown key 'allow_url'; perhaps you meant 'allow_urls'?",
    ),
    ("gate: {pass_rule: loose}", "5:19: gate.pass_rule: must be 'usual' or 'strict', not 'loose'"),
    ("gate: {max_rounds: 17}", "5:20: gate.max_rounds: must be a whole number of at least 1 and at most 16, not 17"),
    ("gate: {alpha: 0}", "5:15: gate.alpha: must be a number above 0 and at most 0.5, not 0"),
    ("gate: {splits: []}", "5:16: gate.splits: must be a list with at least one item, not an empty list"),
    ("gate: {splits: [tset]}", "5:17: gate.splits[0]: must be 'train', 'val' or 'test', not 'tset'"),
    ("gate: {splits: [test, test]}", "5:16: gate.splits: names a split twice"),
    ("gate: {margin: 0}", "5:16: gate.margin: must be a number above 0 and at most 1, not 0"),
    ("gate: {margin: .nan}", "5:16: gate.margin: must be a number above 0 and at most 1, not nan"),
    ("split: {train: 0, val: 0, test: 0}", "5:8: split: at least one of train, val and test must be above 0"),
    ("split: {train: 0.5}", "5:16: split.train: must be a whole number of at least 0, not 0.5"),
    (
        f"pr: {{labels: [{'x' * 51}]}}",
        "5:15: pr.labels[0]: must be the name of a label: one line of at most 50 characters",
    ),
    (
        "pr: {reviewers: ['@me']}",
        "5:18: pr.reviewers[0]: must be the name of an account or a team, without '@' and without its organisation",
    ),
    ("pr: {max_open: 0}", "5:16: pr.max_open: must be a whole number of at least 1, not 0"),
    ("pr: {min_confidence: 1}", "5:22: pr.min_confidence: must be a number of at least 0.5 and below 1, not 1"),
    ("budget: {usd: '10'}", "5:15: budget.usd: must be a number above 0, not '10'"),
    ("budget: {usd: .inf}", "5:15: budget.usd: must be a number above 0, not inf"),
    ("budget: {minutes: 0}", "5:19: budget.minutes: must be a number above 0, not 0"),
    ("judge: {provider: openai}", "5:8: judge: the key 'model' is missing"),
    ("optimizer: {model: ''}", "5:20: optimizer.model: must not be empty"),
    (
        "providers: {local: {base_url: 'http://x'}}",
        "5:20: providers.local: the key 'type' is missing; such as `type: openai`",
    ),
    (
        "providers: {local: {type: opena}}",
        "5:27: providers.local.type: no provider kind 'opena'; perhaps you meant 'openai'?",
    ),
    (
        "providers: {openai: {noise: 0.1}}",
        "5:29: providers.openai.noise: a provider of type 'openai' has no such key; it is for simulated",
    ),
    ("providers: {openai: {price: {input: 1}}}", "5:29: providers.openai.price: the key 'output' is missing"),
    (
        "providers: {openai: {base_url: 'https://me:pw@x/v1'}}",
        "5:32: providers.openai.base_url: must not hold a user name or password;"
        " name the key's environment variable in api_key_env",
    ),
    ("1: x", "5:1: unknown key '1'; known: "),
    ("sk-abcdefgh1234: x", "5:1: unknown key; known: "),
]


@pytest.mark.parametrize(("line", "problem"), ADDED)
def test_one_wrong_line(line: str, problem: str) -> None:
    found = problems(MINIMAL + line + "\n")
    assert len(found) == 1
    said = found[0].removeprefix("skillopt.yml:")
    assert said.startswith(problem) if problem.endswith(": ") else said == problem


def test_nothing_is_said_to_be_missing_for_a_key_that_is_misspelt() -> None:
    text = """\
version: 1
taget: {provider: local, model: m}
provders: {local: {type: openai, base_url: "http://h/v1"}}
juge: {provider: local, model: m}
skills:
  - {path: a/SKILL.md, tasks: [t], graders: [{type: judge}]}
  - {pth: b/SKILL.md, taks: [t], train: {target: 3}}
"""
    *told, last = problems(text)
    assert told == [
        "skillopt.yml:2:1: unknown key 'taget'; perhaps you meant 'target'?",
        "skillopt.yml:3:1: unknown key 'provders'; perhaps you meant 'providers'?",
        "skillopt.yml:4:1: unknown key 'juge'; perhaps you meant 'judge'?",
        "skillopt.yml:7:6: skills[b]: unknown key 'pth'; perhaps you meant 'path'?",
        "skillopt.yml:7:23: skills[b]: unknown key 'taks'; perhaps you meant 'tasks'?",
    ]
    assert last.startswith("skillopt.yml:7:42: skills[b].train: unknown key 'target'; known: ")
    own = "{path: a/SKILL.md, tasks: [t], targts: [{provider: openai, model: m}]}"
    assert problems(f"version: 1\nskills:\n  - {own}\n") == [
        "skillopt.yml:3:36: skills[a]: unknown key 'targts'; perhaps you meant 'targets'?"
    ]


@pytest.mark.parametrize("written", ["openai", "{provider: {a: 1}, model: m}"])
def test_a_target_that_is_wrong_is_not_missing(written: str) -> None:
    (found,) = problems(f"version: 1\ntarget: {written}\nskills:\n  - {{path: a/SKILL.md, tasks: [t]}}\n")
    assert found.startswith("skillopt.yml:2:")


def test_a_provider_that_is_wrong_is_there() -> None:
    assert problems(MINIMAL.replace("simulated", "local") + "providers: {local: 3}\n") == [
        "skillopt.yml:5:20: providers.local: must be a mapping of keys to values, not 3"
    ]


def test_a_key_that_is_there_under_both_names_is_checked() -> None:
    text = MINIMAL.replace("model: ", "modl: x, model: [1], was: ")
    assert problems(text)[0].startswith("skillopt.yml:2:31: target: unknown key 'modl'; perhaps you meant 'model'")
    assert any("target.model: must be a text" in p for p in problems(text))


# (the skill's entry, the problem without its file)
ENTRIES = [
    ("{tasks: [t.jsonl]}", "4:5: skills[0]: the key 'path' is missing"),
    ("{path: 5, tasks: [t.jsonl]}", "4:12: skills[0].path: must be a text, not 5; put it in quotes"),
    ("{path: skills/a/SKILL.md}", "4:5: skills[a]: the key 'tasks' is missing"),
    ("{path: skills/a, tasks: [t]}", "4:12: skills[skills].path: must name a SKILL.md file, such as"),
    ("{path: 'skills/{name}/SKILL.md', tasks: [t]}", "4:12: skills[{name}].path: must not hold a placeholder"),
    ("{path: ../a/SKILL.md, tasks: [t]}", "4:12: skills[a].path: must not leave the repository"),
    ("{path: /a/SKILL.md, tasks: [t]}", "4:12: skills[a].path: must be a path relative to the repository's root"),
    ("{path: 'C:/a/SKILL.md', tasks: [t]}", "4:12: skills[a].path: must be a path relative to the repository's root"),
    ("{path: SKILL.md, tasks: ['../t']}", "4:30: skills[SKILL.md].tasks[0].path: must not leave the repository"),
    (
        "{path: 'a/*/SKILL.md', tasks: ['{nam}/t']}",
        "4:36: skills[a/*/SKILL.md].tasks[0].path: may hold one placeholder",
    ),
    (
        "{path: a/SKILL.md, tasks: []}",
        "4:31: skills[a].tasks: must be a list with at least one item, not an empty list",
    ),
    (
        "{path: a/SKILL.md, tasks: [5]}",
        "4:32: skills[a].tasks[0]: must be a text or a mapping of keys to values, not 5",
    ),
    (
        "{path: a/SKILL.md, tasks: [{path: t, format: nativ}]}",
        "4:50: skills[a].tasks[0].format: unknown task format 'nativ'; perhaps you meant 'native'?",
    ),
    (
        "{path: a/SKILL.md, tasks: [t], graders: [exact]}",
        "4:46: skills[a].graders[0]: must be a mapping of keys to values",
    ),
    ("{path: a/SKILL.md, tasks: [t], graders: [{}]}", "4:46: skills[a].graders[0]: the key 'type' is missing"),
    (
        "{path: a/SKILL.md, tasks: [t], graders: [{type: judge}]}",
        "4:53: skills[a].graders[0].type: asks a model; name it",
    ),
    (
        "{path: a/SKILL.md, tasks: [t], harness: command}",
        "4:45: skills[a].harness: the harness 'command' needs `run`: the command and its arguments",
    ),
    ("{path: a/SKILL.md, tasks: [t], harness: x}", "4:45: skills[a].harness: unknown harness 'x'; known: chat"),
    (
        "{path: a/SKILL.md, tasks: [t], targets: [1]}",
        "4:46: skills[a].targets[0]: must be a mapping of keys to values, not 1",
    ),
    ("{path: a/SKILL.md, tasks: [t], train: {method: x}}", "4:52: skills[a].train.method: unknown method 'x'; known:"),
    ("{path: a/SKILL.md, tasks: [t], gate: {splits: [val, val]}}", "4:51: skills[a].gate.splits: names a split twice"),
    (
        "{path: a/SKILL.md, tasks: [t], split: {train: 0, val: 0, test: 0}}",
        "4:43: skills[a].split: at least one of train, val and test must be above 0",
    ),
    ("{path: a/SKILL.md, tasks: [t], pr: {}}", "4:36: skills[a]: unknown key 'pr'; known: path,"),
    (
        "{path: a/SKILL.md, tasks: [t], optimizer: {model: m}}",
        "4:47: skills[a].optimizer: the key 'provider' is missing",
    ),
    (
        "{path: a/SKILL.md, tasks: [t], judge: {provider: n, model: m}}",
        "4:54: skills[a].judge.provider: there is no provider",
    ),
    ("{path: ghp_abcdefghij/SKILL.md, tasks: []}", "4:44: skills[0].tasks: must be a list"),
    ("5", "4:5: skills[0]: must be a mapping of keys to values, not 5"),
]


@pytest.mark.parametrize(("entry", "problem"), ENTRIES)
def test_one_wrong_skill(entry: str, problem: str) -> None:
    found = problems(MINIMAL.replace(SKILL, f"- {entry}"))
    assert len(found) == 1
    assert found[0].removeprefix("skillopt.yml:").startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "1:1: the key 'version' is missing"),
        ("version: 2\nnonsense: 1", "1:10: version 2 is not one that this skillopt-ci reads; it reads `version: 1`"),
        ("version: '1'", "1:10: version '1' is not one"),
        ("version: true", "1:10: version true is not one"),
        ("version: 1.0", "1:10: version 1.0 is not one"),
        ("- a", "1:1: must be a mapping of keys to values, not a list; it begins with `version: 1`"),
        ("version: 1\nskills: []", "2:9: skills: must be a list with at least one item, not an empty list"),
        (f"version: 1\nskills:\n  {SKILL}", "3:5: skills[invoices]: no target; write at the top level:"),
    ],
)
def test_the_file_as_a_whole(text: str, problem: str) -> None:
    assert any(found.removeprefix("skillopt.yml:").startswith(problem) for found in problems(text))


@pytest.mark.parametrize(
    "value", ["sk-abcdefgh12345678", "ghp_abcdefABCDEF1234567890", "3f9a8c1de07b42569a0cbb27d1e84f60", "a b"]
)
def test_a_key_in_place_of_a_variables_name_is_not_repeated(value: str) -> None:
    [problem] = problems(MINIMAL + f"providers: {{openai: {{api_key_env: {value}}}}}\n")
    assert "must be the name of an environment variable, such as OPENAI_API_KEY" in problem
    assert value not in problem


@pytest.mark.parametrize(
    "line",
    [
        "providers: {openai: {api_key: %s}}",
        "harness: %s",
        "concurrency: %s",
        "target: {provider: %s, model: m}",
        "optimizer: {provider: openai, model: m, temperature: %s}",
        "%s: 1",
        "train: {method: %s}",
        "judge: {provider: '${%s}', model: m}",
    ],
)
def test_secrets_are_never_repeated(line: str) -> None:
    secret = "ghp_Zq8vR2mK5tW9xB3nL7cJ1dF4hG6sP0aY"
    for found in problems(MINIMAL.replace("target: {provider: simulated, model: m}\n", "") + line % secret + "\n"):
        assert secret not in found


def test_an_inherited_problem_is_told_once() -> None:
    text = MINIMAL.replace(", model: m", "") + f"  {SKILL}\n"
    assert problems(text) == ["skillopt.yml:2:9: target: the key 'model' is missing"]


def test_one_mistake_hides_no_other() -> None:
    """What cannot be left out (a skill without path, half a price) does not keep other checks from running."""
    text = (
        MINIMAL.replace("simulated", "simulatd")
        + """\
  - {tasks: [t]}
  - {path: skills/b/SKILL.md, tasks: [t, 5], graders: [{type: exact}, exact]}
  - {path: skills/c/SKILL.md, tasks: [t], harness: chatt}
providers: {p: {type: openai, price: {input: 1}}, q: {type: opnai}}
"""
    )
    assert [p.split(": ")[1] for p in problems(text)] == [
        "target.provider",
        "skills[1]",
        "skills[b].tasks[1]",
        "skills[b].graders[1]",
        "skills[c].harness",
        "providers.p.price",
        "providers.q.type",
    ]


def test_a_variable_in_a_key_name_place() -> None:
    [problem] = problems(MINIMAL + "providers: {openai: {api_key_env: '${OPENAI_API_KEY}'}}\n")
    assert problem.endswith(
        "${OPENAI_API_KEY} is not expanded; name the environment variable in api_key_env, without '${}'"
    )


def test_merge_keys_and_null_overrides() -> None:
    config = load(MINIMAL + "optimizer: &o {provider: openai, model: m}\njudge: {<<: *o, temperature: null}\n")
    assert config.judge is not None
    assert (config.judge.model, config.judge.temperature) == ("m", None)


def taken(data: bytes) -> tuple[Problem, ...]:
    """The problems of a file, none when it loads; any other exception is a traceback that a person would see."""
    try:
        return load(data).source.problems
    except ConfigError as error:
        return error.problems or (Problem("", 0, 0, ""),)


_WRONG = st.sampled_from([None, True, -1, 0, 1.5, 10**30, "", "x", "${X}", [], [1], {}, {"a": 1}, {"type": "script"}])


@given(st.data())
def test_any_value_anywhere_is_taken_or_refused_with_a_place(data: st.DataObject) -> None:
    tree = yaml.safe_load(FULL)
    at = tree
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(_WRONG)
        break
    if data.draw(st.booleans()) and isinstance(at, dict):
        at["unheard_of"] = 1
    found = taken(yaml.safe_dump(tree, sort_keys=False).encode())
    assert all(p.line > 0 and "\n" not in p.message for p in found)


@given(st.data())
def test_a_damaged_file_is_taken_or_refused(data: st.DataObject) -> None:
    raw = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(
            st.sampled_from([b"", b"{", b"]", b"\n", b"\xff", b"- ", b": "])
        )
    assert all(p.message for p in taken(bytes(raw)))
