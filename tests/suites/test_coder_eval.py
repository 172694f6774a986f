"""coder_eval."""

from tests.suites.samples import graders, lost, said, sample, text


def test_rows_become_tasks() -> None:
    result = sample("coder-eval/task.yaml")
    late, weather = result.tasks
    assert (late.id, late.prompt, late.split, late.should_trigger) == (
        "refunds/late",
        "Use refunds. May 1234 be refunded?",
        "test",
        True,
    )
    assert (weather.id, weather.split, weather.should_trigger) == ("refunds/weather", None, False)
    assert graders(late) == {"judge": {"rubric": "Does it answer May 1234 be refunded?"}}
    assert [field for _, _, field in lost(result)] == [
        "agent",
        "sandbox",
        "run_limits",
        "success_criteria[0].weight",
        "success_criteria[2]",
        "success_criteria[3]",
    ]


def test_a_task_without_rows_a_skipped_one_and_one_without_checks() -> None:
    result = text("coder-eval", "task_id: a\ninitial_prompt: p\nsuccess_criteria: [{type: llm_judge, prompt: x}]\n")
    assert [t.id for t in result.tasks] == ["a"]
    result = text("coder-eval", "task_id: a\nskip: true\ninitial_prompt: p\n")
    assert (result.tasks, lost(result)) == ((), [(1, "a", "")])
    result = text("coder-eval", "task_id: a\ninitial_prompt: p\nsuccess_criteria: [{type: file_exists, weight: 0}]\n")
    assert (result.tasks, len(result.losses)) == ((), 2)
    assert said(text("coder-eval", "task_id: a\ninitial_prompt: p\ndataset: {paths: [none.jsonl]}\n")) == [
        "f.yaml:3: cannot be read: none.jsonl: no such file"
    ]


def test_a_prompt_in_a_file_of_its_own() -> None:
    judge = "success_criteria: [{type: llm_judge, prompt: 'Is it ${row.a}?'}]\n"
    content = "task_id: t\ninitial_prompt_file: prompts/p.md\n" + judge + "dataset: {rows: [{id: 1, a: x}]}\n"
    result = text("coder-eval", content, **{"prompts/p.md": "Do ${row.a}.\n"})
    assert [t.prompt for t in result.tasks] == ["Do x.\n"]
    assert not result.losses
    missing = text("coder-eval", content)
    assert missing.tasks == ()
    assert said(missing) == ["f.yaml:2: cannot be read: prompts/p.md: no such file"]


def test_rows_that_are_about_several_skills_are_left_out_and_those_about_none_should_not_trigger() -> None:
    criteria = "".join(
        f"  - {{type: skill_triggered, skill_name: {name}, expected_skill: '${{row.skill}}'}}\n" for name in ("a", "b")
    )
    rows = "dataset: {rows: [{id: one, skill: a}, {id: two, skill: b}, {id: none, skill: ''}]}\n"
    result = text("coder-eval", f"task_id: t\ninitial_prompt: p ${{row.id}}\nsuccess_criteria:\n{criteria}{rows}")
    assert [(t.id, t.should_trigger) for t in result.tasks] == [("t/none", False)]
    assert lost(result) == [
        (1, "t/one", ""),
        (1, "t/two", ""),
        (3, "t/one", "success_criteria"),
        (3, "t/two", "success_criteria"),
    ]
