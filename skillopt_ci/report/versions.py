"""Two versions of a skill, each from a run folder or a file: what moved, which edits, what it cost."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from skillopt_ci.core.compare import TaskPair, cluster_differences, interval_runs
from skillopt_ci.core.history import EditRecord, Step, rounded
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect, plus_two
from skillopt_ci.core.texts import plural
from skillopt_ci.report.jsonout import Json
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.page.model import Report, Side, Subject, TaskRow, Values, mean
from skillopt_ci.report.run_reader import read_run

_NO_TASKS = "not measured: no held-out runs of both versions are known"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One side of a comparison.

    Attributes:
        label: what the user named.
        runs: runs of held-out tasks by id; empty when none is known.
        clusters: by task id what it stands or falls with, of tasks that name it.
        edits: kept edits of the run that made it; None for a version that is not a run's.
        suite: digest of the tasks; None when unknown.
        spend: what the run bought; None for a version that is not a run's.
        alone: a text whose folder is not known.
    """

    label: str
    skill: Skill
    target: str = ""
    runs: Mapping[str, Values]
    clusters: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[EditRecord, ...] | None = None
    suite: str | None = None
    spend: Spend | None = None
    simulated: bool = False
    alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Version b against a; `edits` are those only in a, only in b and in both, None where a side is no run."""

    a: Version
    b: Version
    tasks: tuple[TaskRow, ...]
    effect: Effect | None
    edits: tuple[tuple[EditRecord, ...], tuple[EditRecord, ...], tuple[EditRecord, ...]] | None
    notes: tuple[str, ...]

    @property
    def unified(self) -> str:
        """The difference of the texts, as `diff -u` writes it."""
        old, new = (v.skill.text.splitlines() for v in (self.a, self.b))
        return "\n".join(difflib.unified_diff(old, new, self.a.label, self.b.label, lineterm=""))


def run_version(folder: Path, scrub: Callable[[str], str]) -> Version:
    """The best skill of a finished run.

    Raises:
        UsageError: it is no run folder, or a file in it is missing or damaged.
    """
    run, page = read_run(folder), read_page(folder, scrub)
    subject = page.subjects[0] if page.subjects else None
    rows = subject.tasks if subject else ()
    suite = run.config.get("suite")
    digest = suite.get("digest") if isinstance(suite, Mapping) else None
    best = {row.id: row.new or row.old for row in rows}
    return Version(
        label=str(folder),
        skill=run.best,
        target=subject.target if subject else "",
        runs=best,
        clusters={row.id: row.cluster for row in rows if row.cluster is not None},
        edits=kept_edits(run.steps),
        suite=digest if isinstance(digest, str) else None,
        spend=sum((cost.spend for cost in page.costs), Spend()) if page.costs else None,
        simulated=page.simulated,
    )


def kept_edits(steps: Sequence[Step]) -> tuple[EditRecord, ...]:
    """The edits that a run kept, those that it took out again left out."""
    pruned = {r.edit.key() for step in steps for r in step.edits if r.status == "pruned"}
    accepted = [r for step in steps if step.action == "accept" and step.kind != "prune" for r in step.edits]
    return tuple(r for r in accepted if r.status == "kept" and r.edit.key() not in pruned)


def compare_versions(a: Version, b: Version) -> Compared:
    """Compare two versions on the tasks that both were measured on."""
    shared = [task for task in a.runs if task in b.runs]
    clusters = {**a.clusters, **b.clusters}
    tasks = tuple(TaskRow(id=t, old=a.runs[t], new=b.runs[t], cluster=clusters.get(t)) for t in shared)
    pairs = [TaskPair(task_id=row.id, base=mean(row.old), head=mean(row.new)) for row in tasks]
    differences = cluster_differences(pairs, clusters)
    runs = interval_runs([row.old for row in tasks], [row.new for row in tasks])
    notes = []
    if not tasks:
        notes.append(_NO_TASKS)
    elif len(tasks) < max(len(a.runs), len(b.runs)):
        notes.append(f"only the {len(tasks)} tasks that both were measured on are compared")
    if a.suite is not None and b.suite is not None and a.suite != b.suite:
        notes.append("the suites differ: a task of the same id may be another task")
    if a.target and b.target and a.target != b.target:
        notes.append(f"the targets differ: {a.target} and {b.target}")
    if a.edits is None and b.edits is None:  # a run folder does not hold bundled files
        names = {*a.skill.resources, *b.skill.resources}
        changed = sorted(n for n in names if a.skill.resources.get(n) != b.skill.resources.get(n))
        notes += [f"bundled files that differ: {', '.join(changed[:50])}"] if changed else []
    return Compared(
        a=a,
        b=b,
        tasks=tasks,
        effect=plus_two(differences, runs=runs) if differences else None,
        edits=_edits(a.edits, b.edits),
        notes=tuple(notes),
    )


def compared_page(c: Compared) -> Report:
    """The comparison as a page, and for the terminal."""
    same = c.a.skill.text == c.b.skill.text
    told = "The skills are the same text." if same else "The skills differ."
    notes = list(c.notes)
    if c.edits is not None:
        counts = [len(found) for found in c.edits]
        notes.append(f"kept edits: {counts[0]} only in A, {counts[1]} only in B, {counts[2]} in both")
    for name, version in (("A", c.a), ("B", c.b)):
        if version.spend is not None:
            usd = "price unknown" if version.spend.usd is None else f"{version.spend.usd:f} USD"
            notes.append(f"{name} cost {plural(version.spend.calls, 'call')}, {usd}")
    subject = Subject(
        name=c.b.skill.name,
        target=c.b.target,
        sentence=told,
        old=_side("A", c.a, c),
        new=_side("B", c.b, c),
        effect=c.effect,
        effect_label="B minus A, by the runs that are known; no test" if c.effect else "",
        texts=None if same else (c.a.skill.text, c.b.skill.text),
        tasks=c.tasks,
        notes=tuple(notes),
    )
    return Report(
        title=f"A {c.a.label} and B {c.b.label}",
        tone="plain",
        word="SAME" if same else "DIFFERENT",
        sentence=told,
        simulated=c.a.simulated or c.b.simulated,
        subjects=(subject,),
        facts=(("A", c.a.skill.digest), ("B", c.b.skill.digest)),
    )


def compared_json(c: Compared) -> Json:
    """`skillopt-ci/diff/1`: what was not measured is null."""
    moved = {word: sum(row.outcome == word for row in c.tasks) for word in ("won", "lost", "same", "not measured")}
    effect = c.effect
    only = None
    if c.edits is not None:
        names = ("only_a", "only_b", "both")
        only = {name: [r.as_json() for r in found] for name, found in zip(names, c.edits, strict=True)}
    return {
        "schema": "skillopt-ci/diff/1",
        "exit_code": 0,
        "a": _json(c.a, c),
        "b": _json(c.b, c),
        "same": c.a.skill.text == c.b.skill.text,
        "effect": None if effect is None else {k: round(getattr(effect, k), 6) for k in ("mean", "low", "high")},
        "moved": moved if c.tasks else None,
        "tasks": [
            {"id": r.id, "a": rounded(mean(r.old)), "b": rounded(mean(r.new)), "outcome": r.outcome, "flaky": r.flaky}
            for r in c.tasks
        ],
        "edits": only,
        "diff": c.unified,
        "notes": list(c.notes),
        **({"simulated": True} if c.a.simulated or c.b.simulated else {}),
    }


def scrubbed(version: Version, scrub: Callable[[str], str]) -> Version:
    """The version without secrets in its text."""
    skill = replace(version.skill, frontmatter=scrub(version.skill.frontmatter), body=scrub(version.skill.body))
    return replace(version, skill=skill)


def _edits(
    a: tuple[EditRecord, ...] | None, b: tuple[EditRecord, ...] | None
) -> tuple[tuple[EditRecord, ...], tuple[EditRecord, ...], tuple[EditRecord, ...]] | None:
    if a is None or b is None:
        return None
    in_a, in_b = ({r.edit.key() for r in found} for found in (a, b))
    return (
        tuple(r for r in a if r.edit.key() not in in_b),
        tuple(r for r in b if r.edit.key() not in in_a),
        tuple(r for r in b if r.edit.key() in in_a),
    )


def _side(label: str, version: Version, c: Compared) -> Side:
    """One version's score: on the tasks that are compared; where there are none, on those that it was measured on."""
    tasks = tuple(row.id for row in c.tasks) or tuple(version.runs)
    clusters = {**c.a.clusters, **c.b.clusters}
    measured = Evaluation(
        skill=version.skill.digest,
        task_ids=tasks,
        values=tuple(tuple(version.runs[task]) for task in tasks),
        clusters=tuple(clusters.get(task) for task in tasks),
    )
    low, high = measured.interval or (None, None)
    return Side(
        label=label,
        mean=measured.mean,
        low=low,
        high=high,
        tokens=version.skill.tokens,
        runs=measured.n_runs or None,
    )


def _json(version: Version, c: Compared) -> Json:
    side = _side(version.label, version, c)
    return {
        "label": version.label,
        "name": version.skill.name,
        "digest": version.skill.digest,
        "tokens": side.tokens,
        "mean": rounded(side.mean),
        "low": rounded(side.low),
        "high": rounded(side.high),
        "spend": None if version.spend is None else version.spend.as_json(),
    }
