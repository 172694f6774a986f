"""claude plugin eval."""

import pytest

from tests.suites.samples import graders, lost, said, sample, text

MADE = [
    {"type": "rules", "checks": [{"op": "regex", "arg": "window", "flags": "i"}], "required": True},
    {"type": "rules", "checks": [{"op": "not_regex", "arg": "sorry", "flags": ""}], "required": True},
    {
        "type": "judge",
        "rubric": "Is it polite?",
        "reference": "A polite refusal",
        "votes": 3,
        "weight": 2,
        "required": True,
    },
]


@pytest.mark.parametrize("name", ["prompt.md", "case.yaml"])
def test_a_case_whichever_of_its_files_is_named(name: str) -> None:
    result = sample(f"plugin-eval/evals/refund/{name}")
    (task,) = result.tasks
    assert (task.id, task.prompt, task.tags) == ("refund", "May order 1234 be refunded?", ("smoke",))
    made = graders(task)["weighted"]["graders"]
    assert sorted(made, key=str) == sorted(MADE, key=str)
    assert [(line, field) for line, _, field in lost(result)] == [
        (1, ""),
        (3, "context.scaffold_script"),
        (5, "runs"),
        (6, "max_turns"),
        (7, "graders[2]"),
        (8, "graders[3]"),
        (9, "graders[4]"),
    ]


def test_a_case_of_yaml_alone() -> None:
    checks = "[{type: llm, criteria: c}, {type: baseline}, {type: odd}]"
    content = f"execution: {{prompt: p, model: m, append_system_prompt: s}}\ngraders: {checks}\n"
    result = text("plugin-eval", content, "case.yaml")
    (task,) = result.tasks
    assert (task.id, task.prompt) == ("case", "p")
    assert [field for _, _, field in lost(result)] == [
        "execution.append_system_prompt",
        "execution.model",
        "graders[1]",
        "graders[2]",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("---\na: 1\n", "c/prompt.md:1: the frontmatter has no end ('---')"),
        ("---\n- a\n---\nx", "c/prompt.md:1: the frontmatter must be a mapping"),
        ("---\na: [\n---\nx", "c/prompt.md:3:1: not valid YAML"),
        ("---\na: 1\n---\n", "c/prompt.md:1: the prompt is missing or empty"),
    ],
)
def test_broken_frontmatter(content: str, expected: str) -> None:
    result = text("plugin-eval", content, "c/prompt.md")
    assert result.tasks == ()
    assert said(result)[0].startswith(expected[:30])


def test_a_prompt_without_frontmatter_and_graders_that_do_not_fit() -> None:
    files = {"c/graders/r.md": "---\ntype: regex\npattern: '(?i)x'\n---\n", "c/case.yaml": "[1]"}
    result = text("plugin-eval", "Do it", "c/prompt.md", **files)
    assert said(result) == ["c/case.yaml:1: must be a mapping"]
    del files["c/case.yaml"]
    result = text("plugin-eval", "Do it", "c/prompt.md", **files)
    assert result.tasks == ()
    assert [loss.reason[:10] for loss in result.losses] == ["a pattern ", "the task i"]
