"""The body of a pull request."""

import re
import shlex
from dataclasses import replace

from markdown_it import MarkdownIt

from skillopt_ci.core.history import OtherTarget
from skillopt_ci.report.parts import PULL_REQUEST_LIMIT, SIMULATED, UNCOMMITTED
from skillopt_ci.report.pull_request import Provenance, pull_request_body
from skillopt_ci.report.training import MAX_CHART_STEPS, train_summary
from tests.report.samples import HIDDEN, HOSTILE, MISSING, STEPS, compared, record, result, training

MADE_BY = Provenance(target="openai/m", optimizer="anthropic/o", judge="", seed=42, suite="s" * 64, commit="c" * 40)


def body(**changes: object) -> str:
    return pull_request_body(training(**changes), MADE_BY, simulated=False)  # type: ignore[arg-type]


def test_what_a_reviewer_needs() -> None:
    text = body()
    places = [
        text.index(words)
        for words in (
            "Improvement shown on the test split",
            "| openai/m | 37.5 | 87.5 | +50.0 [",
            '```mermaid\nxychart-beta\n    title "Validation score after each step (selection estimate)"',
            "**What changed.** passages: 1 added, 1 replaced.",
            "**To reject it**",
            "`skillopt-ci train --skill invoices --seed 42 --generation 1`",
            f"| Trained at commit | {'c' * 40} |",
            "### Tasks of the test split that changed",
            "### Accepted edits",
            "### Edits that were not kept",
        )
    ]
    assert places == sorted(places)
    assert "| Judge |" not in text
    assert 'x-axis "step" ["0", "1", "2", "3", "4"]' in text
    assert "line [50.0, 75.0, 75.0, 75.0, 75.0]" in text


def test_the_chart_ends_with_the_score_that_was_used_for_selection() -> None:
    text = body(result=result(best_val_mean=0.7))
    assert "line [50.0, 75.0, 75.0, 75.0, 70.0]" in text
    assert "Validation score 70.0 was used for selection" in text


def test_a_run_without_a_commit_of_its_own_is_not_said_to_be_repeatable() -> None:
    told = f"| Trained at commit | {'c' * 40}, {UNCOMMITTED} |"
    for made_by in (replace(MADE_BY, uncommitted=True), replace(MADE_BY, commit="")):
        text = pull_request_body(training(), made_by, simulated=False)
        assert ("To repeat it" in text, "**It cannot be repeated**" in text) == (False, True)
        assert (told in text, "Trained at commit" in text) == (made_by.uncommitted, made_by.uncommitted)


def test_the_command_that_repeats_a_run_names_the_skill_as_one_word() -> None:
    for name in ("shelf labels", "$(id)", "it's"):
        found = re.search(r"`(skillopt-ci train [^`]*)`", body(name=name))
        assert found is not None
        assert shlex.split(found[1])[3] == name


def test_the_command_that_repeats_a_run_names_the_configuration_where_it_is_another() -> None:
    for config in ("ai/skillopt.yml", "my $(x)/it's.yml"):
        text = pull_request_body(training(), replace(MADE_BY, config=config), simulated=False)
        found = re.search(r"`(skillopt-ci train [^`]*)` at the commit below, at the repository's top;", text)
        assert found is not None
        assert shlex.split(found[1])[2:6] == ["--config", config, "--skill", "invoices"]
    assert "--config" not in body()


def test_no_text_of_a_model_or_a_task_is_loose() -> None:
    text = pull_request_body(training(name=HOSTILE), replace(MADE_BY, target=HOSTILE, judge=HOSTILE), simulated=True)
    assert text.startswith(SIMULATED)
    assert HIDDEN not in text
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = {inner.type for token in tokens for inner in (token, *(token.children or ()))}
    assert not kinds & {"html_inline", "image", "link_open"}
    raw = {token.content.strip() for token in tokens if token.type == "html_block"}
    assert raw == {"<details><summary>Models and hashes</summary>", "</details>"}
    assert [token.info for token in tokens if token.info == "mermaid"] == ["mermaid"]


def test_a_target_has_the_tasks_that_were_measured_on_both_sides() -> None:
    turned = replace(MISSING, comparison=compared(MISSING.best, MISSING.start))
    others = tuple(OtherTarget(target=f"o/{n}", confirmation=c) for n, c in enumerate((MISSING, turned, None)))
    text = body(result=result(others=others))
    assert "| openai/m (trained on) | 37.5 | 87.5 |" in text
    rows = [line.split(" | ")[1:5] for line in text.splitlines() if line.startswith("| o/")]
    assert [row[3] for row in rows] == ["3", "3", "0"]
    assert rows[2][:3] == ["not measured"] * 3


def test_without_a_closing_comparison_there_is_no_table() -> None:
    assert "| openai/m | " not in body(result=result(confirmation=None), proposal=False).split("<details>")[0]


def test_a_long_run_has_no_chart_and_a_short_one_neither() -> None:
    many = tuple(replace(STEPS[0], number=n) for n in range(MAX_CHART_STEPS + 1))
    assert "mermaid" not in body(result=result(steps=many))
    assert "mermaid" not in body(result=result(steps=()))
    assert "mermaid" in body(result=result(steps=STEPS[:1]))


def test_a_jobs_summary_draws_it_and_a_terminal_does_not() -> None:
    assert "```mermaid" in train_summary([training()], simulated=False, charts=True)
    assert "mermaid" not in train_summary([training()], simulated=False)
    unfinished = replace(training(), result=None, message="no money")
    assert "mermaid" not in train_summary([unfinished], simulated=False, charts=True)


def test_a_slow_update_is_named() -> None:
    steps = (replace(STEPS[0], kind="slow_update"), STEPS[1])
    assert "**What changed.** slow update: 1." in body(result=result(steps=steps))
    assert "**What changed.** see the diff." in body(result=result(steps=()))


def test_a_training_that_did_not_finish() -> None:
    text = pull_request_body(replace(training(), result=None, message="no money"), MADE_BY, simulated=False)
    assert "Training did not finish: no money" in text
    assert "mermaid" not in text


def test_it_fits() -> None:
    steps = tuple(replace(STEPS[0], number=n, edits=(record("kept"),) * 40) for n in range(1, 40))
    text = body(result=result(steps=steps))
    assert len(text.encode("utf-16-le")) // 2 <= PULL_REQUEST_LIMIT
    assert "Left out because of the size limit" in text
    assert "**To undo it**" in text
