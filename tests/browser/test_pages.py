"""Pages of a real demo run, in headless Chromium: what a reader meets at the width of a phone and of a desk."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.report.page.document import document, error_page
from skillopt_ci.report.page.from_results import eval_page, gate_page
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.run_folder import RunFolder
from tests.browser.chromium import here, look
from tests.report.page.pages import CONFIG
from tests.report.samples import BETTER, STEPS, gate, result, rollout, scored, training, verdict
from tests.report.samples import SCORE as A_SCORE

ROOT = Path(__file__).parents[2]
SMALLEST_TEXT = 11  # pixels
# Every way in which a page could be made to run something, to ask for something, or to be read otherwise.
EVIL = (
    '</style><script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload=window.ran=1></svg>'
    "</title></textarea></summary></details>--><script src='http://127.0.0.1:9/x.js'></script>"
    '<a href="javascript:window.ran=1">x</a> [l](javascript:window.ran=1) ![i](http://127.0.0.1:9/i.png)'
    "<iframe src='http://127.0.0.1:9/'></iframe><meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>"
    "<link rel=stylesheet href='http://127.0.0.1:9/s.css'><style>*{display:none}</style><base href='http://127.0.0.1:9'>"
    "\u202eevil\u2066 \x1b[31m\x1b]0;t\x07 ::error::x {{7*7}} ${7*7} &lt;script&gt; \ud800"
)
LONG = "W" * 100_000


def _demo(folder: Path) -> list[Path]:
    """The pages of the demo: its training, the gate that blocks its broken skill, scores of its train tasks."""
    project, pages = folder / "project", folder / "pages"
    pages.mkdir()
    _run([sys.executable, str(ROOT / "examples/demo/run.py"), str(project)], ROOT, 0)
    ours = [sys.executable, "-m", "skillopt_ci"]
    _run([*ours, "gate", "--base", "main", "--html", str(pages / "gate.html")], project, 1)
    _run([*ours, "eval", "--split", "train", "--html", str(pages / "eval.html")], project, 0)
    _run([*ours, "baseline", "--html", str(pages / "baseline.html")], project, 0)
    (run,) = (project / ".skillopt/runs").glob("*/report.html")
    # As from an artifact zip: the file alone, somewhere else.
    shutil.copy(run, pages / "train.html")
    return sorted(pages.iterdir())


def _run(command: list[str], folder: Path, code: int) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_demos_pages_closed_and_with_everything_opened(tmp_path: Path) -> None:
    """One test, as tests of one module may run in several processes and the demo takes longest."""
    here()
    demo = _demo(tmp_path)
    seen = look(demo, widths=[400, 1400], schemes=["light", "dark"])
    assert len(seen) == 4 * 2 * 2
    for page in seen:
        _assert_fine(page)
        assert page["broken"] == []
    charts = [page for page in seen if page["path"].endswith("train.html")]
    assert all(page["labels"] >= 15 for page in charts)  # both axes and the legend are really there
    assert len({page["paper"] for page in seen}) == 2  # light and dark differ
    opened = look(demo, widths=[400], schemes=["light", "dark"], open=True)
    for page in opened:
        _assert_fine(page)
    closed = max(page["text"] for page in seen if page["path"] == opened[-1]["path"])
    assert max(page["text"] for page in opened) > 2 * closed  # trajectories were opened


@pytest.mark.parametrize("bypass", [False, True])
def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path, bypass: bool) -> None:
    """Also where the page's own Content-Security-Policy is switched off: escaping alone is enough."""
    here()
    pages = [_hostile_run(tmp_path / "run"), *_hostile_results(tmp_path)]
    seen = look(pages, widths=[400, 1400], schemes=["light"], open=True, axe=bypass)
    assert len(seen) == 4 * 2
    for page in seen:
        _assert_fine(page)
    words = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;window.ran=1&lt;/script&gt;" in words
    assert "more characters)" in words
    assert len(words) < 3_000_000


def _assert_fine(page: dict[str, object]) -> None:
    where = f"{page['path']} at {page['width']} px, {page['scheme']}"
    told = {key: page[key] for key in ("told", "dialogs", "overlaps", "outside", "violations")}
    assert all(not found for found in told.values()), (where, told)
    assert page["requests"] == [Path(str(page["path"])).as_uri()], where
    assert (page["ran"], page["scripts"]) == (None, 0), where
    assert page["scrollWidth"] == page["clientWidth"] == page["width"], where
    assert page["smallest"] is None or float(str(page["smallest"])) >= SMALLEST_TEXT, where


def _hostile_run(folder: Path) -> Path:
    """A run folder whose every text is hostile: edits, evidence, reasons, skills, tasks, trajectories, history."""
    worst = f"{EVIL} {LONG}"
    steps = tuple(
        replace(
            step,
            reason=worst,
            edits=tuple(
                replace(
                    record,
                    reason=worst,
                    edit=replace(
                        record.edit, content=worst, target=EVIL, rationale=worst, evidence=(EVIL, LONG, *"abc" * 20)
                    ),
                )
                for record in step.edits
            ),
            rollouts=tuple(_hostile_rollout(step.number, stream) for stream in ("train/1", "val")),
        )
        for step in STEPS
    )
    start = replace(result().start, body=f"# a\n{EVIL}\n{LONG}\n")
    best = replace(result().best, body=f"# a\n{worst}\n" + "line\n" * 50 + EVIL)
    ids = tuple(f"{n} {EVIL} {LONG[:3000]}" for n in range(4))
    comparison = replace(
        BETTER.comparison,
        pairs=tuple(replace(p, task_id=i) for p, i in zip(BETTER.comparison.pairs, ids, strict=True)),
    )
    confirmed = replace(
        BETTER,
        start=replace(BETTER.start, task_ids=ids),
        best=replace(BETTER.best, task_ids=ids),
        comparison=comparison,
        rollouts=(_hostile_rollout(9, "test"),),
    )
    folder_ = RunFolder(folder, str, show_heldout=True)
    folder_.write_config({**CONFIG, "name": EVIL, "path": EVIL, "config": {"a": worst, "target": {"model": LONG}}})
    folder_.write_history(_history(worst))
    for step in steps:
        folder_.write_step(step)
    made = result(start=start, best=best, versions=(best,), steps=steps, stopped=worst, confirmation=confirmed)
    folder_.finish(training(made, name=EVIL, message=EVIL), simulated=True)
    return folder / "report.html"


def _history(text: str) -> bytes:
    import json

    lines = [
        {"run": text, "status": "rejected", "content": text, "reason": text},
        {"status": "accepted-by-maintainer", "commit": text, "by": text, "reason": text},
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def _hostile_rollout(number: int, stream: str):  # type: ignore[no-untyped-def]
    made = rollout(stream, replace(A_SCORE, why=f"{EVIL}{LONG}"))
    assert made.trajectory is not None
    said = tuple(replace(m, content=f"{EVIL} {LONG}") for m in made.trajectory.messages)
    sample = replace(made.sample, task_id=f"{EVIL}{number}")
    return replace(made, sample=sample, trajectory=replace(made.trajectory, messages=said))


def _hostile_results(folder: Path) -> list[Path]:
    said = (_hostile_rollout(1, "head"),)
    bad = verdict(
        name=EVIL, target=LONG, texts=(EVIL, LONG), rule=MergeRule(), notes=(EVIL, LONG), rollouts=said, message=EVIL,
        suspects=(EVIL, LONG),
    )  # fmt: skip
    report = gate(bad, verdict(name=LONG), message=EVIL, policy_diffs=((LONG, EVIL + LONG),), policy_changed=(EVIL,))
    pages = {
        "gate": document(gate_page(report, {EVIL: _history(EVIL)}, simulated=False)),
        "eval": document(eval_page(scored(name=EVIL, message=LONG, rollouts=said), title=EVIL, simulated=True)),
        "error": error_page(EVIL, f"{EVIL} {LONG}"),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return [folder / f"{name}.html" for name in pages]


def test_a_hostile_folder_can_be_shown_again(tmp_path: Path) -> None:
    page = _hostile_run(tmp_path / "run")
    assert document(read_page(tmp_path / "run", str)) == page.read_text(encoding="utf-8")
