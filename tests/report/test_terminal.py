from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.report.escape import visible
from skillopt_ci.report.page.from_results import eval_page, gate_page
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.page.model import Report, Side, Subject
from skillopt_ci.report.terminal import columns, sparkline, terminal
from tests.report.page.pages import write_run
from tests.report.samples import HOSTILE, evaluation, gate, record, result, scored, step, verdict


@given(st.lists(st.floats(0, 1), max_size=80), st.integers(2, 40))
def test_a_sparkline_has_a_bar_a_value_until_there_is_no_room(values: list[float], width: int) -> None:
    made = sparkline(values, width)
    assert len(made) == min(len(values), width)
    assert set(made) <= set("▁▂▃▄▅▆▇█")
    if values:
        assert made[-1] == sparkline(values[-1:], width)


def test_bars_stand_for_points() -> None:
    assert sparkline([0, 0.5, 1, 1.2, -3], 10) == "▁▅██▁"


def test_numbers_stand_under_each_other_and_the_last_column_gives_way() -> None:
    lines = columns(("n", "word"), [("1", "a long word"), ("10", "b")], (0,), 14)
    assert lines == [" n  word      ", " 1  a long wo…", "10  b         "]


def test_a_training(tmp_path: Path) -> None:
    shown = terminal(read_page(write_run(tmp_path / "run"), str), 100)
    assert shown.startswith("Simulated models: these figures")
    assert "Training of invoices: BETTER\nImprovement shown on the test split, one-sided only" in shown
    assert "validation by step (selection estimate): ▅▆▆▆▆ 50.0 -> 75.0" in shown
    assert "   1  edit         accepted  50.0 -> 75.0" in shown
    assert "50.0, at most 40.0" in shown
    assert "tasks: 3 won, 1 lost; 2 flaky" in shown
    assert "lost  100.0  50.0  t3" in shown
    assert shown.endswith("paid 3 calls, $0.42; replayed 1 call, price unknown")
    assert visible(shown) == shown
    assert max(map(len, shown.splitlines())) <= 110


def test_the_scores_of_a_training_end_with_the_one_that_was_used_for_selection(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path / "run", result=result(best_val_mean=0.7)), str)
    assert "50.0 -> 70.0\n" in terminal(page, 100)


def test_a_run_without_steps_and_one_without_a_result(tmp_path: Path) -> None:
    assert "validation by step" not in terminal(read_page(write_run(tmp_path / "a", result=result(steps=())), str), 80)
    lost = terminal(read_page(write_run(tmp_path / "b", result=None, message=HOSTILE), str), 80)
    assert "NOT FINISHED" in lost
    assert visible(lost) == lost


def test_other_reports_are_lines_too() -> None:
    shown = terminal(gate_page(gate(verdict(), verdict(name=HOSTILE)), {}, simulated=False), 80)
    assert "invoices on openai/gpt-5.4-mini: FAIL" in shown
    assert visible(shown) == shown
    assert "75.0 [" in terminal(eval_page(scored(), title="Scores", simulated=False), 80)


def test_scores_say_which_tasks_fail_and_why_a_run_scored_nothing() -> None:
    shown = terminal(eval_page(scored(), title="Scores", simulated=False), 80)
    assert "1 task below 100: t2|<b>\n" in shown
    assert "2 tasks not measured: t3, t4; `skillopt-ci ledger failures` says why." in shown
    nothing = replace(scored().entries[0], evaluation=evaluation((0.0,), (0.0,)), rollouts=())
    two = replace(scored(), entries=(nothing, nothing))
    shown = terminal(eval_page(two, title="Scores", simulated=False), 80)
    assert "\ninvoices on simulated/reader\nScore on test 0.0 [" in shown
    assert shown.count("No run scored anything: look whether graders and expected answers fit") == 2


def test_an_edit_that_waits_is_not_lost() -> None:
    steps = (step(1, "skip", None, (record("waiting"), record("unmatched", "delete"))),)
    subject = Subject(name="a", old=Side(label="Start"), steps=steps)
    page = Report(title="a", tone="plain", word="", sentence="", simulated=False, subjects=(subject,))
    assert "1 not kept, 1 waiting" in terminal(page, 200)
