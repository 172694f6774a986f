"""`judge`: what a judge is worth: samples with known verdicts, and its agreement with people."""

from collections.abc import Sequence
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, spending
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import open_project, read_suite
from skillopt_ci.cli.trust import wrong_words
from skillopt_ci.cli.work import Work, at_work, limits_of, require_prices, simulated
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.core.agreement import Agreement, SelfTest
from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Suite
from skillopt_ci.engine.judge_trial import Compared, Trial, compare_with_people, run_trials, trials
from skillopt_ci.errors import InconclusiveError, UsageError
from skillopt_ci.graders.build import build_one, judge_calls
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.jsonout import spend_json
from skillopt_ci.report.junit import Case, Status, junit
from skillopt_ci.report.parts import SIMULATED
from skillopt_ci.report.parts import spending as spent


@click.command(help=COMMANDS["judge"])
@spending
def command(**shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("judge", options, lambda console: _judge(console, options))


def _judge(console: Console, options: Options) -> int:
    project = open_project(options)
    skills = [(s, s.judge) for s in project.chosen(options.skill) if s.judge is not None]
    if not skills:
        raise UsageError("no chosen skill has a 'judge' model; add one to the configuration")
    read = [(skill, judge, read_suite(console, project.tree, skill, need=())) for skill, judge in skills]
    found = [(skill, judge, suite) for skill, judge, suite in read if judge_calls(skill.graders, suite.tasks)]
    if not found:
        raise UsageError("no task of a chosen skill is graded by a judge; add a grader of `type: judge`")
    refs = [judge for _, judge, _ in found]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        rows = [_one(work, *one) for one in found]
        paid, replayed = work.meter.paid, work.meter.replayed
    code = 0 if all(row["trusted"] for row, *_ in rows) else InconclusiveError.exit_code
    value = {
        "schema": "skillopt-ci/judge/1",
        "exit_code": code,
        "skills": [row for row, *_ in rows],
        "spend": spend_json(paid, replayed),
    }
    shown = [words for _, words, _ in rows]
    text = "\n\n".join([*([SIMULATED] if simulated(refs) else []), *shown, spent(paid, replayed)])
    xml = junit("skillopt-ci judge", [case for *_, cases in rows for case in cases], {})
    leave_results(console, options, json=value, summary=text, junit=xml, shown=text)
    return code


def _one(work: Work, skill: ResolvedSkill, judge: ModelRef, suite: Suite) -> tuple[dict[str, object], str, list[Case]]:
    """Test one skill's judges on the samples and labelled answers of all its tasks."""
    name = digest(["judge", judge.identity(), skill.name])[:16]
    model = work.workshop.model(judge, run=name, meters=[work.meter, work.skill_meter(skill, name)])
    pool = work.workshop.pool
    listed = trials(skill.graders, suite.tasks, model)
    tests = run_trials(pool, listed)
    compared, found = compare_with_people(pool, skill.graders, suite.tasks, lambda spec: build_one(spec, model))
    row = {
        "name": skill.name,
        "judge": judge.label,
        "trusted": all(test.trusted or not t.grader.samples.refuse for t, test in zip(listed, tests, strict=True)),
        "samples": [_sample_json(t, test) for t, test in zip(listed, tests, strict=True)],
        "people": _people_json(compared, found),
    }
    tested = list(zip(listed, tests, strict=True))
    cases = [_case(skill.name, judge.label, trial, test) for trial, test in tested]
    return row, "\n".join(_words(skill.name, judge.label, tested, found)), cases


def _case(name: str, judge: str, trial: Trial, test: SelfTest) -> Case:
    """A case a judge with samples: an error where nothing that it grades may be decided, as the exit code is 3."""
    status: Status = "error" if trial.grader.samples.refuse and not test.trusted else "passed"
    said = wrong_words(trial, test, judge) if test.wrong else "every sample right"
    return Case(id=trial.place, classname=name, status=status, message=said)


def _sample_json(trial: Trial, test: SelfTest) -> dict[str, object]:
    wrong = [{"answer": s.answer, "should_pass": s.passing, "verdict": said} for s, said in test.wrong]
    return {"where": trial.place, "n": len(test.results), "trusted": test.trusted, "wrong": wrong}


def _people_json(compared: Sequence[Compared], found: Agreement | None) -> dict[str, object]:
    disagreements = [
        {"task": c.task.id, "answer": c.label.answer, "people": c.label.passed, "judge": c.judge}
        for c in compared
        if c.judge is not c.label.passed
    ]
    value: dict[str, object] = {"n": len(compared), "unjudged": sum(c.judge is None for c in compared)}
    if found is not None:
        low, high = found.raw_interval
        value["agreement"] = {"mean": found.raw, "low": low, "high": high, "confidence": 0.95}
        kappa, around = found.kappa, found.kappa_interval
        value["kappa"] = (
            None if kappa is None or around is None else {"mean": kappa, "low": around[0], "high": around[1]}
        )
        value["judge_alone_passed"], value["judge_alone_failed"] = found.lenient, found.harsh
    return {**value, "disagreements": disagreements}


def _words(name: str, judge: str, tested: Sequence[tuple[Trial, SelfTest]], found: Agreement | None) -> list[str]:
    lines = [f"**{md_text(name, 80)}**, judged by {md_text(judge, 80)}:"]
    for trial, test in tested:
        right = (
            f"{len(test.results) - len(test.wrong)} of {len(test.results)} samples of {md_text(trial.place, 120)} right"
        )
        lines.append(f"- {right}" + ("" if test.trusted else " - not trusted"))
        if test.wrong:
            lines.append(f"  - {md_text(wrong_words(trial, test, judge), 600)}")
    if not tested:
        lines.append("- no judge has samples with known verdicts (`samples: {passing: [...], failing: [...]}`)")
    if found is None:
        lines.append("- no answer has a verdict of people (`metadata.human` of a task)")
        return lines
    low, high = found.raw_interval
    said = f"agrees with people on {100 * found.raw:.0f}% of {found.n} answers"
    said += f" (95% interval {100 * low:.0f} to {100 * high:.0f}%)"
    if found.kappa is None or found.kappa_interval is None:
        said += "; no kappa, as one side gave the same verdict on all"
    else:
        said += f"; Cohen's kappa {found.kappa:.2f} ({found.kappa_interval[0]:.2f} to {found.kappa_interval[1]:.2f})"
    lines.append(f"- {said}; passed by the judge alone: {found.lenient}, failed by it alone: {found.harsh}")
    return lines
