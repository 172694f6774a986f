"""skill-lens, skillgrade, decimal-labs, Tessl, upskill, Databricks, adewale, fastxyz and GitHub Models."""

from tests.suites.samples import graders, lost, rules, said, sample, text


def test_skill_lens() -> None:
    result = sample("skill-lens/refunds.eval.yaml")
    refuse, leave, exactly = result.tasks
    assert rules(refuse) == [
        ("contains", "1234"),
        ("not_contains", "sorry"),
        ("regex", r"\bwindow(?=\n?\Z)", ""),
    ]
    assert graders(refuse)["judge"]["reference"] == "A short refusal."
    assert (leave.should_trigger, leave.graders) == (False, ())
    assert graders(exactly) == {"exact": {"values": ["yes"]}}
    assert [field for _, _, field in lost(result)] == ["tools", "trajectory.called", "trajectory.max_calls", "budget"]


def test_skill_lens_refuses_placeholders_and_loses_the_unknown() -> None:
    result = text("skill-lens", "cases:\n- name: a\n  task: TODO(skill-eval)\n")
    assert said(result) == ["f.yaml:3: a field still holds the placeholder TODO(skill-eval); fill it in"]
    checks = "[{kind: odd, value: x}, {kind: regex, value: '('}, {kind: equals, value: ' x'}]"
    assert len(text("skill-lens", f"cases: [{{name: a, task: p, assertions: {checks}}}]\n").losses) == 4


def test_skillgrade() -> None:
    result = sample("skillgrade/eval.yaml")
    (task,) = result.tasks
    assert (task.prompt, [f.name for f in task.files]) == ("Fix app.js.\n", ["app.js"])
    assert graders(task) == {"judge": {"rubric": "Evaluate:\n- Was it fixed?"}}
    assert [field for _, _, field in lost(result)] == [
        "defaults",
        "workspace[1]",
        "workspace[1].chmod",
        "graders[0]",
    ]
    assert "no such file" in said(text("skillgrade", "tasks: [{name: a, instruction: x.md}]\n"))[0]


def test_the_rubrics_of_skillgrade_count_by_their_weights() -> None:
    listed = [("Kind?", "0.3"), ("Right?", "0.6"), ("Odd?", "0")]
    made = "".join(f"  - {{type: llm_rubric, rubric: '{text}', weight: {weight}}}\n" for text, weight in listed)
    result = text("skillgrade", f"tasks:\n- name: a\n  instruction: p\n  graders:\n{made}")
    assert graders(result.tasks[0])["judge"]["rubric"] == [
        {"criterion": "Kind?", "weight": 0.3},
        {"criterion": "Right?", "weight": 0.6},
    ]
    assert [(loss.field, loss.reason) for loss in result.losses] == [
        ("graders[2]", "its weight is 0: it only informs"),
    ]


def test_decimal_labs() -> None:
    result = sample("decimal-labs/eval.yaml")
    (task,) = result.tasks
    assert (task.id, task.should_trigger) == ("plain", False)
    assert graders(task) == {"judge": {"rubric": ["Says not found", "Is plain prose"]}}
    assert [field for _, _, field in lost(result)] == ["", "setup.commands", "validators[0]", "max_turns"]
    content = (
        "cases: [{name: a, prompt: p, expectations: [x], setup: {files: [{path: a.txt, content: b}, {src: s.txt}]}}]\n"
    )
    (task,) = text("decimal-labs", content, **{"s.txt": "s"}).tasks
    assert [(f.name, f.data) for f in task.files] == [("a.txt", b"b"), ("s.txt", b"s")]
    assert lost(text("decimal-labs", "cases: [{name: a, prompt: p, expectations: [x], setup: [make]}]\n")) == [
        (1, "a", "setup")
    ]


def test_tessl() -> None:
    result = sample("tessl/evals/late-refund/task.md")
    (task,) = result.tasks
    assert (task.id, task.prompt) == ("late-refund", "May order 1234 be refunded?")
    assert graders(task)["judge"] == {
        "rubric": [
            {"criterion": "Refuses: The refund is refused.", "weight": 30},
            {"criterion": "Polite: The tone is polite.", "weight": 10},
        ],
        "reference": "The window is 30 days.",
    }
    assert not result.losses
    odd = '{"checklist": [{"name": "x", "max_score": "high"}, {"name": "y", "max_score": 0.5}]}'
    result = text("tessl", "p", "a/task.md", **{"a/criteria.json": odd})
    assert [loss.field for loss in result.losses] == ["checklist[0].max_score"]
    assert said(text("tessl", "p", "a/task.md")) == ["a/task.md: cannot be read: a/criteria.json: no such file"]
    files = {"a/criteria.json": '{"type": "odd", "checklist": [{"name": "x"}]}', "a/setup.sh": "x"}
    assert [loss.field for loss in text("tessl", "p", "a/task.md", **files).losses] == ["type", "task"]


def test_upskill() -> None:
    result = sample("upskill/tests.json")
    (task,) = result.tasks
    assert rules(task) == [("contains", "feat", True), ("contains", "login", True)]
    assert [(f.name, f.data) for f in task.files] == [("a.py", b"x")]
    assert {field for _, _, field in lost(result)} == {"", "validator", "output_file", "expected.contains"}
    content = '{"metadata": {}, "tests": [{"input": "p", "expected": {"contains": "x"}}]}'
    assert [t.prompt for t in text("upskill", content, "skill_meta.json").tasks] == ["p"]


def test_databricks() -> None:
    result = sample("databricks/ground_truth.yaml")
    (task,) = result.tasks
    assert rules(task) == [
        ("contains", "create_genie", True),
        ("regex", r"create_\w+", "i"),
        ("regex", r"genie(?=\n?\Z)", "i"),
    ]
    assert dict(task.metadata) == {"category": "happy_path"}
    assert [field for _, _, field in lost(result)] == [
        "expectations.expected_patterns[1]",
        "expectations.trace_expectations",
    ]
    content = (
        "test_cases: [{id: a, inputs: {prompt: p}, outputs: {response: r}, "
        "expectations: {expected_patterns: ['(', {pattern: x, min_count: 0, max_count: 0}]}}]\n"
    )
    result = text("databricks", content)
    assert rules(result.tasks[0]) == [("not_regex", "x", "i")]
    assert [field for _, _, field in lost(result)] == ["expectations.expected_patterns", "outputs.response"]
    (task,) = text("databricks", "test_cases: [{id: a, inputs: {prompt: p}, outputs: {response: r}}]\n").tasks
    assert graders(task) == {
        "judge": {"rubric": "The answer agrees in substance with the reference.", "reference": "r"}
    }
    routing = "test_cases: [{id: a, inputs: {prompt: p}, expectations: {expected_skills: [x]}}]\n"
    assert text("databricks", routing).tasks == ()  # about which skill is chosen, and nothing else


def test_adewale() -> None:
    result = sample("adewale/shared-benchmark.json")
    late, negative, positive = result.tasks
    assert (late.split, negative.split) == ("test", None)
    assert rules(late) == [
        ("contains_any", ["no", "not"], True),
        ("not_contains", "Sorry"),
        ("regex", r"\bwindow", "i"),
    ]
    assert [(t.should_trigger, t.graders) for t in (negative, positive)] == [(False, ()), (True, ())]
    assert [field for _, _, field in lost(result)] == [
        "variants",
        "assertions[1].severity",
        "assertions[3]",
        "ablations",
    ]
    content = (
        '{"variants": [], "cases": [{"id": "a", "prompt_ref": "p.md", "files": ["p.md"], "assertions": ['
        '{"type": "contains", "value": "x"}, {"type": "judge", "rubric": "Is it?"}, '
        '{"type": "regex", "value": "("}, {"type": "odd"}]}]}'
    )
    result = text("adewale", content, "b.json", **{"p.md": "Question"})
    (task,) = result.tasks
    assert (task.prompt, [f.name for f in task.files]) == ("Question", ["p.md"])
    assert graders(task)["judge"] == {"rubric": "Is it?"}
    assert [field for _, _, field in lost(result)] == ["assertions[2]", "assertions[3]"]


def test_fastxyz_is_a_loss_report_alone() -> None:
    result = sample("fastxyz/suite.yml")
    assert result.tasks == ()
    assert [field for _, _, field in lost(result)] == ["references", "models", "timeoutSeconds", "", "graders[0]"]


def test_prompt_yml() -> None:
    result = sample("prompt-yml/greet.prompt.yml")
    hello, bye = result.tasks
    assert (hello.prompt, dict(hello.metadata)) == ("Reply to hello", {"input": "hello", "string": "Hello"})
    assert rules(bye) == [("contains", "Bye", True), ("regex", r"\AHe\ \(", "i")]
    assert graders(bye)["exact"] == {"values": ["Bye"], "strip": False}
    assert graders(bye)["judge"] == {"rubric": "Is the answer kind? The right verdict is one of: yes."}
    assert [(line, field) for line, _, field in lost(result)] == [
        (2, "model"),
        (4, "messages[0]"),
        (13, "evaluators[3]"),
        (15, "evaluators[4].llm.modelId"),
    ]


def test_prompt_yml_with_a_schema_conversations_and_odd_evaluators() -> None:
    start = "messages: [{role: user, content: '{{a}}'}]\ntestData: [{a: x}]\n"
    schema = start + 'responseFormat: json_schema\njsonSchema: \'{"name": "n", "schema": {"type": "object"}}\'\n'
    assert graders(text("prompt-yml", schema).tasks[0])["json"] == {"whole": True, "schema": {"type": "object"}}
    plain = start + "responseFormat: json_object\n"
    assert graders(text("prompt-yml", plain).tasks[0])["json"] == {"whole": True}
    assert "'jsonSchema' is not valid JSON" in said(text("prompt-yml", schema.replace('{"name"', "{name")))[0]
    odd = start + "evaluators: [{string: {}}, {llm: {prompt: '{% x %}'}}, {name: x}, {string: {endsWith: '.'}}]\n"
    result = text("prompt-yml", odd)
    assert rules(result.tasks[0]) == [("regex", r"\.\Z", "i")]
    assert [loss.field for loss in result.losses] == ["evaluators[0]", "evaluators[1]", "evaluators[2]"]
    two = "messages: [{role: user, content: a}, {role: user, content: c}]\ntestData: [{a: x}]\n"
    assert text("prompt-yml", two).tasks == ()
    assert text("prompt-yml", start.replace("{{a}}", "{% if a %}")).tasks == ()
