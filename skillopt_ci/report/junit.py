"""JUnit XML that the usual report actions read: testsuites > testsuite > testcase with classname, name and time."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from junit_xml import TestCase, TestSuite, to_xml_report_string

from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Failure, Rollout, Score
from skillopt_ci.core.verdict import EvalReport, GateReport, SkillVerdict, TrainEntry
from skillopt_ci.report.escape import one_line, xml_safe

Status = Literal["passed", "failed", "error", "skipped"]
_MAX_DETAIL = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One testcase: a task's id, its class (the skill), what became of it and why; `seconds` None is not measured."""

    id: str
    classname: str
    status: Status
    message: str = ""
    detail: str = ""
    seconds: float | None = None


def junit(suite_name: str, cases: Sequence[Case], properties: Mapping[str, str]) -> str:
    """One test suite as XML text; hostile ids and messages are data in it."""
    made = []
    for case in cases:
        told = one_line(case.message, 500) if case.status == "passed" else None
        item = TestCase(_name(case.id), classname=_name(case.classname), elapsed_sec=case.seconds, stdout=told)
        message = one_line(case.message, 500) or case.status  # an empty message would drop the element
        detail = xml_safe(case.detail)[:_MAX_DETAIL]
        if case.status == "failed":
            item.add_failure_info(message, detail)
        elif case.status == "error":
            item.add_error_info(message, detail)
        elif case.status == "skipped":
            item.add_skipped_info(message, detail)
        made.append(item)
    facts = {_name(k): one_line(v, 500) for k, v in properties.items()}
    root = ET.fromstring(  # noqa: S314  # our own output, a line above
        to_xml_report_string([TestSuite(_name(suite_name), made, properties=facts)], prettyprint=False)
    )
    for element in root.iter("testcase"):
        element.set("time", element.get("time", "0"))  # readers want the attribute; the library leaves out 0
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def with_property(xml: str, name: str, value: str) -> str:
    """The same XML with one more property of its test suites."""
    root = ET.fromstring(xml.encode())  # noqa: S314  # our own output
    for suite in root.iter("testsuite"):
        found = suite.find("properties")
        if found is None:
            found = ET.Element("properties")
            suite.insert(0, found)
        ET.SubElement(found, "property", name=_name(name), value=one_line(value, 500))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def eval_junit(report: EvalReport, *, show_heldout: bool = False) -> str:
    """An `eval`: a case a task; failed when a measured run did not pass. Words of held-out tasks stay out."""
    cases: list[Case] = []
    properties: dict[str, str] = {}
    for entry in report.entries:
        place = f"{entry.name}.{entry.split}"
        by_task: dict[str, list[Rollout]] = {task: [] for task in entry.evaluation.task_ids}
        for rollout in entry.rollouts:
            by_task.setdefault(rollout.sample.task_id, []).append(rollout)
        show = show_heldout or entry.split == "train"
        cases += [_task_case(task, place, rollouts, show) for task, rollouts in by_task.items()]
        properties[f"{place}.mean"] = _figure(entry.evaluation.mean)
        properties[f"{place}.target"] = entry.target
        properties[f"{place}.skill"] = entry.digest
    return junit("skillopt-ci eval", cases, properties)


def gate_junit(report: GateReport) -> str:
    """A gate: the case `gate` with its outcome decides; a case a task tells what was measured and never fails.

    One task that was lost is no regression: with noise, some always are.
    """
    status: Status = "passed"
    if report.verdict == "regression" or report.reason == "policy-changed":
        status = "failed"
    elif report.verdict == "not-applicable" or report.reason == "needs-maintainer":
        status = "skipped"
    elif report.verdict == "inconclusive" and report.reason == "undecided":
        status = "failed" if report.exit_code else "skipped"
    elif report.verdict != "pass":
        status = "error"
    said = report.message or "; ".join(
        [f"{report.verdict or 'no verdict'}: {report.reason}", *map(_told, report.skills)]
    )
    cases = [Case(id="gate", classname="skillopt-ci", status=status, message=said)]
    properties = {"verdict": report.verdict or "none", "reason": report.reason}
    if report.policy_changed:
        properties["policy_changed"] = ", ".join(report.policy_changed)
    for v in report.skills:
        place = f"{v.name}.{v.target}"
        cases += _pair_cases(v, place)
        properties[f"{place}.verdict"] = v.verdict or "none"
        properties[f"{place}.base"] = _figure(v.base.mean if v.base else None)
        properties[f"{place}.head"] = _figure(v.head.mean if v.head else None)
        effect = v.comparison.effect if v.comparison else None
        properties[f"{place}.effect"] = _figure(effect.mean if effect else None)
    return junit("skillopt-ci gate", cases, properties)


def train_junit(entries: Sequence[TrainEntry]) -> str:
    """A training: a case a skill with its outcome, and a case a test task that compares start and best."""
    cases: list[Case] = []
    properties: dict[str, str] = {}
    for entry in entries:
        r = entry.result
        said = entry.message or (r.stopped if r else "no result")
        status: Status = "passed" if r and not entry.exit_code else "error"
        cases.append(Case(id="train", classname=entry.name, status=status, message=said))
        properties[f"{entry.name}.run"] = entry.run_id
        properties[f"{entry.name}.proposal"] = str(entry.proposal).lower()
        if r:
            cases += _confirmed_cases(entry.name, r)
            properties[f"{entry.name}.selection.start"] = _figure(r.start_val.mean)
            properties[f"{entry.name}.selection.best"] = _figure(r.best_val_mean)
            start, best = (r.confirmation.start, r.confirmation.best) if r.confirmation else (r.closing, r.closing)
            properties[f"{entry.name}.test.start"] = _figure(start.mean if start else None)
            properties[f"{entry.name}.test.best"] = _figure(best.mean if best else None)
    return junit("skillopt-ci train", cases, properties)


def _task_case(task: str, place: str, rollouts: Sequence[Rollout], show: bool) -> Case:
    scores = [r.outcome for r in rollouts if isinstance(r.outcome, Score)]
    failures = [r.outcome for r in rollouts if isinstance(r.outcome, Failure)]
    seconds = [r.trajectory.seconds for r in rollouts if r.trajectory]
    took = sum(seconds) if seconds else None
    if not rollouts:
        return Case(id=task, classname=place, status="skipped", message="not run")
    if not scores:
        first = failures[0]
        said = f"{first.stage}: {first.kind}: {first.message}"
        return Case(id=task, classname=place, status="error", message=said, seconds=took)
    lost = [s for s in scores if not s.passed]
    if not lost:
        return Case(id=task, classname=place, status="passed", seconds=took)
    mean = sum(s.value for s in scores) / len(scores)
    said = f"passed {len(scores) - len(lost)} of {len(scores)} runs, score {100 * mean:.1f}"
    detail = "\n".join(s.why for s in lost) if show else "held-out task: words are not shown"
    return Case(id=task, classname=place, status="failed", message=said, detail=detail, seconds=took)


def _told(v: SkillVerdict) -> str:
    """One skill's verdict with the effect on its suite."""
    words = f"{v.name} on {v.target}: {v.verdict or 'no verdict'} ({v.reason})"
    effect = v.suite_effect
    if effect is None:
        return words
    low, mean, high = (f"{100 * x:+.1f}" for x in (effect.low, effect.mean, effect.high))
    return f"{words}, {mean} pt [{low}, {high}], round {v.rounds}"


def _pair_cases(v: SkillVerdict, place: str) -> list[Case]:
    cases = []
    for p in v.comparison.pairs if v.comparison else ():
        if p.base is None or p.head is None:
            status: Status = "error" if v.reason == "infrastructure" else "skipped"
            cases.append(Case(id=p.task_id, classname=place, status=status, message="not measured on both sides"))
            continue
        said = f"{p.outcome}: {100 * p.base:.1f} -> {100 * p.head:.1f}"
        cases.append(Case(id=p.task_id, classname=place, status="passed", message=said))
    return cases


def _confirmed_cases(name: str, result: TrainResult) -> list[Case]:
    """Test tasks under start and best; a lost one is told in the report, it does not make a training fail."""
    cases = []
    for p in result.confirmation.comparison.pairs if result.confirmation else ():
        status: Status = "skipped" if p.base is None or p.head is None else "passed"
        cases.append(
            Case(
                id=p.task_id,
                classname=f"{name}.test",
                status=status,
                message="" if status == "passed" else "not measured",
            )
        )
    return cases


def _name(text: str) -> str:
    return one_line(text, 300) or "-"


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6f}"
