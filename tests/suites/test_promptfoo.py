"""promptfoo: prompts, variables, tables, assertions."""

import pytest

from skillopt_ci.graders.build import build
from skillopt_ci.suites.detect import detect
from skillopt_ci.suites.promptfoo_asserts import from_text
from tests.suites.samples import graders, lost, rules, said, sample, text


def config_of(*asserts: str, more: str = "") -> str:
    return "prompts: [p]\ntests:\n- vars: {a: 1}\n  assert:\n" + "".join(f"  - {a}\n" for a in asserts) + more


def test_the_sample() -> None:
    result = sample("promptfoo/promptfooconfig.yaml")
    prompts = {t.prompt: t for t in result.tasks}
    assert sorted(prompts) == [
        "Answer in English: Hello?",
        "Answer in English: How much?",
        "Answer in French: Hello?",
        "Answer in French: Why?",
        "Hello? in English",
        "Hello? in French",
        "How much? in English",
        "Reply to Hello? (English)",
        "Reply to Hello? (French)",
        "Reply to How much? (English)",
        "Reply to Why? (French)",
        "Why? in French",
    ]
    first = prompts["Answer in French: Hello?"]
    need = {"required": True}
    assert graders(first)["weighted"]["graders"] == [
        {"type": "rules", "checks": [{"op": "contains", "arg": "French", "ignore_case": True}], **need},
        {
            "type": "rules",
            "checks": [{"op": "not_contains", "arg": "sorry"}, {"op": "not_contains", "arg": "Hello?"}],
            "hard": True,
            **need,
        },
        {"type": "rules", "checks": [{"op": "regex", "arg": r"^[A-Za-z0-9_]+\Z", "flags": ""}], **need},
        {"type": "json", "whole": True, "schema": {"type": "object", "required": ["a"]}, "hard": True, **need},
        {"type": "rules", "checks": [{"op": "regex", "arg": r"\AHi\ \(", "flags": ""}], "weight": 2, **need},
        {"type": "json", "anywhere": True, **need},
        {"type": "json", "whole": True, "schema": {"const": {"a": 1}}, "hard": True, **need},
        {"type": "judge", "rubric": "Is polite in French", **need},
    ]
    price = prompts["Answer in English: How much?"]
    assert (price.id, price.source.file, price.source.line) == ("price", "promptfoo/tests.csv", 2)
    assert rules(price) == [("contains_any", ["five", "5"])]
    assert graders(prompts["Why? in French"])["exact"] == {"values": ["Because"], "strip": False}
    assert len({t.id for t in result.tasks}) == 12
    assert lost(result) == [
        (2, "", "providers"),
        (2, "price", ""),
        (2, "price", "assert[1]"),
        (3, "", ""),
        (4, "", "prompts"),
        (12, "", "defaultTest.assert[1]"),
        (15, "greeting", ""),
        (26, "greeting", "assert[3]"),
        (36, "greeting", "assert[8]"),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{type: contains, value: 5}", [("contains", "5")]),
        ("{type: not-icontains, value: x}", [("not_contains", "x", True)]),
        ('{type: contains-all, value: "a, b"}', [("contains", "a"), ("contains", "b")]),
        ("{type: icontains-any, value: [a, b]}", [("contains_any", ["a", "b"], True)]),
        ("{type: not-contains-all, value: [a]}", [("not_contains", "a")]),
        ("{type: not-regex, value: 'a.b'}", [("not_regex", r"a[^\n\r\u2028\u2029]b", "")]),
        ("{type: not-ends-with, value: '.'}", [("not_regex", r"\.\Z", "")]),
        ("{type: not-equals, value: yes}", [("not_regex", r"\Ayes\Z", "")]),
    ],
)
def test_deterministic_assertions(written: str, expected: list[object]) -> None:
    (task,) = text("promptfoo", config_of(written)).tasks
    assert rules(task) == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{type: python, value: x}", "code is never run on import"),
        ("{type: cost, threshold: 1}", "limits of time"),
        ("{type: skill-used, value: x}", "needs an agent harness"),
        ("{type: 'trajectory:tool-used', value: x}", "needs an agent harness"),
        ("{type: levenshtein, value: x, threshold: 3}", "a number of edits; `similarity` measures their share"),
        ("{type: rouge-n, value: x, threshold: 0.5}", "ROUGE-N; `similarity` has ROUGE-L, another measure"),
        ("{type: bleu, value: x}", "a measure of likeness that no grader here has"),
        ("{type: 'similar:dot', value: x}", "a likeness of embeddings"),
        ("{type: select-best, value: x}", "it compares the answers of several prompts"),
        ("{type: not-contains-all, value: [a, b]}", "the assertion not-contains-all has no equal grader here"),
        ("{type: contains-any, value: ' '}", "it names no texts"),
        ("{type: contains-any, value: ['', x]}", "one of its texts is empty, and so in nearly every answer"),
        ("{type: not-llm-rubric, value: x}", "the assertion not-llm-rubric has no equal grader here"),
        ("{type: llm-rubric}", "it has no rubric of its own"),
        ("{type: regex, value: '(?i)x'}", "a pattern that cannot be written"),
        ("{type: contains, value: '{{ a | upper }}'}", "a template with more than plain variables"),
        ("{type: contains, value: 'file://a.js'}", "code is never run on import"),
        ("{type: contains, value: x, weight: 0}", "its weight is 0"),
        ("{type: not-equals, value: {a: 1}}", "equality with nothing, or inequality with a structure"),
        ("{type: is-json, value: '['}", "its JSON Schema cannot be read"),
        ("{type: is-json, value: [1]}", "its JSON Schema cannot be read"),
        ("{type: equals, value: '3', transform: output.length}", "it looks at the answer as code has changed it"),
        ("{type: assert-set, assert: [{type: contains, value: x, transform: y}]}", "it looks at the answer as code"),
        ("{}", "the assertion (none) has no equal grader here"),
    ],
)
def test_what_is_lost_and_leaves_the_task_out(written: str, reason: str) -> None:
    result = text("promptfoo", config_of(written))
    assert result.tasks == ()
    assert result.losses[0].reason.startswith(reason)
    assert result.losses[0].line == 5


def test_values_from_files_sets_and_templates_of_assertions() -> None:
    content = config_of(
        "{type: llm-rubric, value: 'file://r.txt'}",
        "{type: is-json, value: 'file://s.json'}",
        "{type: contains-json, value: '{type: object}'}",
        "{type: assert-set, threshold: 0.5, assert: [{type: contains, value: x}]}",
        "{$ref: '#/assertionTemplates/polite'}",
        more="assertionTemplates: {polite: {type: contains, value: please}}\n",
    )
    result = text("promptfoo", content, **{"r.txt": "Is {{a}} kind?", "s.json": '{"type": "array"}'})
    (task,) = result.tasks
    assert rules(task) == [("contains", "x"), ("contains", "please")]
    assert graders(task)["judge"] == {"rubric": "Is 1 kind?"}
    assert graders(task)["json"] == {"anywhere": True, "schema": {"type": "object"}}
    assert result.losses == ()  # a threshold over one check that is met or not says nothing


@pytest.mark.parametrize(
    ("written", "op", "arg"),
    [
        # As promptfoo takes them apart: no space around a text, lines and quotation marks inside of one.
        (r'{type: contains-any, value: "foo , bar\nbaz,"}', "contains_any", ["foo", "bar\nbaz"]),
        (r'''{type: contains-any, value: '"a, \"b\"" , c,,"d ""e"""'}''', "contains_any", ['a, "b"', "c", 'd "e"']),
        ("{type: icontains-any, value: [3.50, 1.0, x]}", "contains_any", ["3.5", "1", "x"]),
        ("{type: contains-all, value: ['', x]}", "contains", "x"),
        ("{type: contains, value: 3.50}", "contains", "3.5"),
        (r'{type: not-contains, value: "\n"}', "not_regex", r"\x0a"),
        (r'{type: icontains, value: "\t "}', "regex", r"\x09\x20"),
    ],
)
def test_what_a_text_to_look_for_means(written: str, op: str, arg: object) -> None:
    (task,) = text("promptfoo", config_of(written)).tasks
    assert rules(task)[0][:2] == (op, arg)
    assert build(task.graders or (), None)


def test_a_long_list_in_broken_quotation_marks_is_read_at_once() -> None:
    (task,) = text("promptfoo", config_of("{type: contains-any, value: '\"" + "\\" * 5000 + "'}")).tasks
    assert rules(task) == [("contains_any", ['"' + "\\" * 5000])]
    (task,) = text("promptfoo", config_of("{type: contains-any, value: 'a" + "," * 100_000 + "'}")).tasks
    assert rules(task) == [("contains_any", ["a"])]


@pytest.mark.parametrize(
    "place", ["defaultTest: {options: {transform: x}}\n", "defaultTest: {options: {postprocess: x}}\n"]
)
def test_nothing_is_checked_of_an_answer_that_code_changes_first(place: str) -> None:
    content = place + "prompts: [p]\ntests: [{assert: [{type: equals, value: '4'}, {type: llm-rubric, value: kind}]}]\n"
    result = text("promptfoo", content)
    assert result.tasks == ()
    assert [loss.reason for loss in result.losses if loss.field.startswith("assert")] == [
        "it looks at the answer as code has changed it (`transform`)"
    ] * 2


def test_prompts_in_their_forms() -> None:
    content = (
        "prompts:\n- {raw: '{{a}}', label: x}\n- {id: 'file://p.md'}\n- p.py\n- 'file://many.json'\n- 5\n"
        "tests: [{vars: {a: 1}, assert: [{type: contains, value: x}]}]\n"
    )
    many = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]'
    result = text("promptfoo", content, **{"p.md": "Text {{a}}", "many.json": many})
    assert [t.prompt for t in result.tasks] == ["1", "Text 1"]
    assert said(result) == ["f.yaml:1:1: 'prompts[4]' must be a text or a file"]
    assert [loss.reason for loss in result.losses] == ["code is never run on import", "a conversation of several turns"]


@pytest.mark.parametrize(
    ("name", "content", "wanted", "reasons"),
    [
        (
            "chat.yaml",
            "- role: system\n  content: Be terse.\n- {role: user, content: 'Ask {{a}}'}\n",
            ["Ask 1"],
            ["a system prompt of its own; the skill takes its place"],
        ),
        (
            "chat.yml",
            "- {role: user, content: a}\n- {role: user, content: b}\n",
            [],
            ["a conversation of several turns"],
        ),
        ("plain.yaml", "task: Ask {{a}}\n", ['{"task": "Ask 1"}'], []),
        (
            "lines.jsonl",
            '[{"role": "user", "content": "One {{a}}"}]\n[{"role": "user", "content": "Two"}]\n',
            ["One 1", "Two"],
            [],
        ),
        ("rows.csv", 'label,prompt\nx,"Say, {{a}}"\ny,Two\n', ["Say, 1", "Two"], []),
        ("rows.csv", "prompt\nSay {{a}}\nTwo\n", ["Say 1", "Two"], []),
        ("rows.csv", "Say {{a}}\nTwo\n", ["Say 1", "Two"], []),
        ("two.txt", "One {{a}}\r\n---\r\nTwo\n", ["One 1", "Two"], []),
    ],
)
def test_prompts_in_files_of_several_kinds(name: str, content: str, wanted: list[str], reasons: list[str]) -> None:
    config = f"prompts: ['file://p/{name[:3]}*']\ntests: [{{vars: {{a: 1}}}}]\n"
    result = text("promptfoo", config, **{f"p/{name}": content})
    assert [t.prompt for t in result.tasks] == wanted
    assert (said(result), [loss.reason for loss in result.losses]) == ([], reasons)


def test_tables_of_prompts_that_are_wrong() -> None:
    for content, wanted in (
        ("a,b\nc,d\n", "p.csv:1: the table has no column 'prompt'"),
        ('prompt,b\n"one,c\ntwo,d\n', "p.csv:2: not a valid table: unexpected end of data"),
        (f"prompt,b\n{'x' * 200_000},c\n", "p.csv:2: not a valid table: field larger than field limit (131072)"),
    ):
        result = text("promptfoo", "prompts: [file://p.csv]\ntests: [{vars: {a: 1}}]\n", **{"p.csv": content})
        assert (result.tasks, said(result)) == ((), [wanted])


def test_tests_in_their_forms() -> None:
    content = (
        "prompts: ['{{q}}']\ndefaultTest: 'file://default.yaml'\ntests:\n- 'file://t/*.yaml'\n- t.jsonl\n- gen.js\n"
        "- https://example.org/sheet\n- {path: 'file://gen.py:make'}\n- {vars: 'file://v.yaml', description: v}\n"
        "scenarios: [{config: []}]\n"
    )
    files = {
        "default.yaml": "assert: [{type: contains, value: '{{q}}'}]\nvars: {q: d}\noptions: {prefix: '> '}\n",
        "t/one.yaml": "- {vars: {q: 1}}\n",
        "t.jsonl": '{"vars": {"q": [2, 3]}, "options": {"disableVarExpansion": true, "transformVars": "x"}}\n',
        "gen.js": "code",
    }
    result = text("promptfoo", content, **files)
    assert [t.prompt for t in result.tasks] == ["> 1", "> [2, 3]", "> d"]
    assert said(result) == []
    lost_code = [loss.field for loss in result.losses if loss.reason == "code is never run on import"]
    assert sorted(lost_code) == ["options.transformVars", "tests", "tests[4].path"]
    assert {loss.field for loss in result.losses} == {
        "tests",
        "tests[4].path",
        "options.transformVars",
        "vars",
        "scenarios[0]",
    }


def test_variables_from_files_and_of_each_other_and_without_tests() -> None:
    variables = "{prompt: '{{ b }}!', b: 'file://b.txt', c: 'file://c.bin'}"
    content = f"tests: [{{vars: {variables}, assert: [{{type: equals, value: true}}]}}]\n"
    result = text("promptfoo", content, **{"b.txt": "Hi", "c.bin": "\x00"})
    (task,) = result.tasks
    assert task.prompt == "Hi!"
    assert graders(task)["exact"]["values"] == ["true"]
    (task,) = text("promptfoo", "prompts: [p]\ndefaultTest: {assert: [{type: contains, value: x}]}\n").tasks
    assert task.prompt == "p"


def test_the_content_of_files_stands_for_variables_wherever_they_are_named() -> None:
    content = (
        "prompts: ['{{doc}} {{q}}']\ndefaultTest: {vars: {doc: 'file://docs/a.txt'}}\ntests:\n- {vars: {q: 1}}\n"
        "- {vars: {q: 2, doc: ['file://docs/a.txt', 'file://docs/b.txt']}}\n- {vars: {q: 3, doc: 'file://docs/*.txt'}}\n"
        "- {vars: {q: 4, doc: 'file://y.yaml'}}\n- file://t/more.yaml\n"
    )
    files = {
        "docs/a.txt": "Alpha\n",
        "docs/b.txt": "Beta\n",
        "y.yaml": "k: 1\nl: [a]\n",
        # Of a list of tests in a folder: paths start at the configuration, or at the list where it has the file.
        "t/more.yaml": "- {vars: {q: 5, doc: 'file://docs/b.txt'}}\n- {vars: {q: 6, doc: 'file://own.txt'}}\n",
        "t/own.txt": "Own",
    }
    result = text("promptfoo", content, **files)
    prompts = [t.prompt for t in result.tasks]
    assert prompts[:5] == ["Alpha 1", "Alpha 2", "Beta 2", "Alpha 3", "Beta 3"]
    assert prompts[5:] == ['{"k":1,"l":["a"]} 4', "Beta 5", "Own 6"]
    assert (said(result), result.losses) == ([], ())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("code.py", "code is never run on import"), ("scan.png", "a file that is no text")],
)
def test_a_prompt_that_shows_what_cannot_be_read_is_no_task(name: str, reason: str) -> None:
    content = (
        f"prompts: ['Describe {{{{ doc }}}}']\ntests: [{{vars: {{doc: 'file://{name}'}}}}, {{vars: {{doc: here}}}}]\n"
    )
    result = text("promptfoo", content, **{"code.py": "def get_var(): ...", "scan.png": "\x89PNG\x00"})
    assert [t.prompt for t in result.tasks] == ["Describe here"]
    assert [(loss.field, loss.reason) for loss in result.losses] == [("vars", reason), ("", reason)]


def test_a_prompt_that_shows_the_answer_to_another_test_is_no_task() -> None:
    content = (
        "prompts: ['Say: {{m}}']\ntests:\n- {vars: {m: A fruit?}, options: {storeOutputAs: fruit}}\n"
        "- {vars: {m: 'Why {{fruit}}?'}}\n- {vars: {m: fruit}}\n"
    )
    result = text("promptfoo", content)
    assert [t.prompt for t in result.tasks] == ["Say: A fruit?", "Say: fruit"]
    assert [(loss.line, loss.field, loss.reason) for loss in result.losses] == [
        (3, "options.storeOutputAs", "a conversation of several turns"),
        (4, "", "a conversation of several turns"),
    ]


def test_variables_are_shown_as_javascript_shows_them() -> None:
    content = (
        "prompts: ['{{a}} {{b}} {{c}} {{d}} {{e}}!']\n"
        'tests: [{vars: {a: 10.50, b: 1.0, c: 1e3, d: 0.00005, e: "x\\n"}}, {vars: {a: [1, 2]}}]\n'
    )
    # A list makes a matrix only when it begins with a text.
    assert [t.prompt for t in text("promptfoo", content).tasks] == ["10.5 1 1000 0.00005 x!", "[1, 2]    !"]


def test_a_matrix_that_is_too_large_is_refused() -> None:
    numbers = ", ".join(f"'{n}'" for n in range(400))
    content = f"prompts: [p]\ntests: [{{vars: {{a: [{numbers}], b: [{numbers}]}}}}]\n"
    assert "more than 20000 tasks in the file" in said(text("promptfoo", content))[0]


def test_prompts_and_tests_that_multiply_to_too_many_are_refused_once() -> None:
    prompts = "".join(f"  - 'p{n} {{{{a}}}}'\n" for n in range(400))
    tests = "".join(f"  - vars: {{a: x{n}}}\n" for n in range(400))
    [problem] = said(text("promptfoo", f"prompts:\n{prompts}tests:\n{tests}"))
    assert "more than 20000 tasks in the file" in problem
    lost = "".join(f"  - 'p{n} {{% if a %}}'\n" for n in range(400))  # of which no task is made
    assert len(said(text("promptfoo", f"prompts:\n{lost}tests:\n{tests}"))) == 1


def test_tables_that_are_broken() -> None:
    content = "prompts: [p]\ntests: t.csv\n"
    result = text("promptfoo", content, **{"t.csv": "a,__threshold,__prefix,__odd\n" + "x" * 200_000 + "\n"})
    assert said(result) == ["t.csv:2: not a valid table: field larger than field limit (131072)"]
    result = text("promptfoo", content, **{"t.csv": 'a,__expected\n1,x, y\n2,"z\n3,z\n'})
    assert said(result) == [
        "t.csv:2: 3 cells for 2 columns; put texts with ',' in quotes",
        "t.csv:3: not a valid table: unexpected end of data",
    ]
    result = text("promptfoo", content, **{"t.csv": "a,__threshold,__prefix,__odd\n1,0.5,> ,z\n\n"})
    assert [t.prompt for t in result.tasks] == ["> p"]
    assert [loss.field for loss in result.losses] == ["__odd"]
    result = text("promptfoo", content, **{"t.csv": "a,__threshold\n1,half\n\n"})
    assert [loss.field for loss in result.losses] == ["threshold"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("note: this", {"type": "equals", "value": "note: this"}),
        ("is-json", {"type": "is-json", "value": ""}),
        ("icontains:a", {"type": "icontains", "value": "a"}),
        ("contains-any: a, b", {"type": "contains-any", "value": ["a", "b"]}),
        ("similar(0.9):x", {"type": "similar", "value": "x", "threshold": 0.9}),
        ("grade: kind", {"type": "llm-rubric", "value": " kind"}),
        ("fn: x", {"type": "javascript", "value": " x"}),
        ("python: x", {"type": "python", "value": " x"}),
        ("equals: 30", {"type": "equals", "value": "30"}),
        ("not-icontains : x", {"type": "equals", "value": "not-icontains : x"}),
        ("contains:  two words ", {"type": "contains", "value": "two words"}),
        ("file://a.py", {"type": "python", "value": "file://a.py"}),
        ("file://a.js", {"type": "javascript", "value": "file://a.js"}),
    ],
)
def test_assertions_in_cells(written: str, expected: dict[str, object]) -> None:
    assert from_text(written) == expected


def test_a_list_of_tests_without_its_configuration() -> None:
    content = (
        "- {description: a, vars: {message: Hello}, assert: [{type: contains, value: x}]}\n"
        "- {vars: {message: Bye}, assert: [{type: contains, value: y}]}\n"
    )
    assert detect("evals/tests.yaml", content.encode()) == "promptfoo"
    result = text("promptfoo", content)
    assert [t.prompt for t in result.tasks] == ["Hello", "Bye"]
    assert rules(result.tasks[1]) == [("contains", "y")]
    assert lost(result) == [(1, "", "vars")]
    two = text("promptfoo", content.replace("message: Bye", "message: Bye, tone: kind"))
    assert two.tasks == ()
    assert said(two) == [
        "f.yaml:1: a list of tests whose prompts are in another file; name the promptfooconfig.yaml that uses it"
    ]


def test_a_configuration_is_known_by_its_name() -> None:
    assert detect("evals/promptfooconfig.yaml", b"description: made by a script") == "promptfoo"


def test_what_all_tests_share_is_no_loss_where_there_are_none() -> None:
    shared = "defaultTest: {vars: {b: 2}, assert: [{type: contains, value: x}], threshold: 0.5, odd: 1}\n"
    result = text("promptfoo", f"prompts: [p]\ntests: t.py\n{shared}")
    assert [loss.field for loss in result.losses] == ["tests", "defaultTest.odd"]


@pytest.mark.parametrize("name", ["promptfooconfig.js", "evals/promptfooconfig.ts"])
def test_a_configuration_that_is_a_program_is_named_as_one(name: str) -> None:
    content = "// made by hand\nmodule.exports = {prompts: ['p'], tests: []};\n"
    assert detect(name, content.encode()) == "promptfoo"
    (message,) = said(text("promptfoo", content, path=name))
    assert message == (
        f"{name}: code is never run on import; save the configuration that it makes as promptfooconfig.yaml"
    )


@pytest.mark.parametrize("function", ["make", "Made.by_class"])
def test_functions_of_programs_are_lost_and_no_missing_files(function: str) -> None:
    result = text("promptfoo", f"prompts: [p, 'file://a.py:{function}']\ntests: ['file://b.py:{function}']\n")
    assert said(result) == []
    assert [(loss.field, loss.reason) for loss in result.losses] == [
        ("tests", "code is never run on import"),
        ("prompts", "code is never run on import"),
    ]


def test_attacks_that_promptfoo_makes_up_are_lost_with_advice() -> None:
    result = text("promptfoo", "targets: [x]\nredteam: {purpose: p, plugins: [pii]}\n")
    assert (result.tasks, said(result)) == ((), [])
    assert "name the file of them" in next(loss.reason for loss in result.losses if loss.field == "redteam")


def test_prompts_may_be_keys_with_their_labels() -> None:
    files = {"a.txt": "Say {{x}}"}
    content = "prompts: {a.txt: first, 'Sing {{x}}': second}\ntests: [{vars: {x: y}}]\n"
    assert [t.prompt for t in text("promptfoo", content, **files).tasks] == ["Say y", "Sing y"]
    one = text("promptfoo", "prompts: {raw: 'Say {{x}}', label: l}\ntests: [{vars: {x: y}}]\n")
    assert [t.prompt for t in one.tasks] == ["Say y"]


def test_a_broken_table_of_prompts_has_its_line() -> None:
    files = {"p.csv": 'prompt,label\np,one\n"q","two" # three\n'}
    result = text("promptfoo", "prompts: p.csv\ntests: [{vars: {x: y}}]\n", **files)
    assert said(result) == ["p.csv:3: not a valid table: ',' expected after '\"'"]


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ("providers: [{id: https}]\ntests: [{vars: {query: Hi?}}, {vars: {query: Who?}}]\n", ["Hi?", "Who?"]),
        ("providers: [x]\ntests: [{vars: {prompt: Hi?, tone: dry}}]\n", ["Hi?"]),
        ("providers: [x]\ndefaultTest: {vars: {prompt: Hi?}}\ntests: [{vars: {tone: dry}}]\n", ["Hi?"]),
    ],
)
def test_without_prompts_the_only_variable_is_asked(config: str, asked: list[str]) -> None:
    """An endpoint of one's own takes a variable, and every such test was an error: a prompt is missing."""
    result = text("promptfoo", config)
    assert (said(result), [t.prompt for t in result.tasks]) == ([], asked)
    told = [loss.field for loss in result.losses if "what the endpoint is sent" in loss.reason]
    assert told == ([] if "prompt:" in config else ["tests"])


@pytest.mark.parametrize(
    "config",
    [
        "description: see evals/README.md\n",
        "providers: [x]\ntests: [{vars: {query: Hi?, user: me}}, {vars: {query: Who?, user: me}}]\n",
        "providers: [x]\ndefaultTest: {vars: {user: me}}\ntests: [{vars: {query: Hi?}}]\n",
    ],
)
def test_what_asks_nothing_is_one_error_that_says_what_to_do(config: str) -> None:
    result = text("promptfoo", config)
    assert result.tasks == ()
    assert [message.partition(": ")[2].partition(", and")[0] for message in said(result)] == ["no 'prompts'"]


def test_a_test_with_an_empty_input_does_not_stop_the_others() -> None:
    result = text("promptfoo", "prompts: ['{{q}}']\ntests: [{vars: {q: ''}}, {vars: {q: Hi?}}]\n")
    assert (said(result), [t.prompt for t in result.tasks]) == ([], ["Hi?"])
    assert [loss.reason for loss in result.losses] == ["an empty prompt, which is no question for a model"]
