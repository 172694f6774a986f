"""`eval --matrix`: versions of a skill, with and without, over targets and harnesses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci import plugins
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.options import Options
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import Project, open_project, read_skill
from skillopt_ci.cli.sides import inside
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.work import Subject, Work, at_work, limits_of, ready_subjects, require_prices, simulated
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.compare import compare
from skillopt_ci.core.digest import digest
from skillopt_ci.core.matrix import Cell, Matrix
from skillopt_ci.core.rollout import evaluate
from skillopt_ci.core.skill import Skill, decode_skill, split_text
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.core.tree import Below
from skillopt_ci.engine.lab import Job
from skillopt_ci.errors import ConfigError, InconclusiveError, UsageError
from skillopt_ci.forge.git import Git
from skillopt_ci.report.matrix import matrix_json, matrix_junit, matrix_summary

CONFIGURED = "configured"
TOO_MUCH = "too many runs gave no result; `skillopt-ci ledger failures` says why"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the matrix is to hold, as the command line says it."""

    split: str
    runs: int
    files: tuple[Path, ...] = ()
    refs: tuple[str, ...] = ()
    harnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a skill to be scored; `sha` for one of a commit."""

    label: str
    skill: Skill
    sha: str | None = None


def score_matrix(console: Console, options: Options, wanted: Wanted) -> int:
    """Score every cell and leave the results."""
    project = open_project(options)
    skills = project.chosen(options.skill)
    if wanted.files and len(skills) != 1:
        raise UsageError("--skill-file is scored on the tasks of one skill: choose it with --skill")
    listed = [(s, versions(project, s, wanted)) for s in skills]
    rows = [(one, found) for skill, found in listed for one in _places(skill, wanted.harnesses)]
    refs = [ref for s in skills for ref in (*s.targets, s.judge)]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        subjects = ready_subjects(work, [one for one, _ in rows], wanted.split)
        work.count(_name(s, each, wanted.split) for s, (_, each) in zip(subjects, rows, strict=True))
        found = [_cells(work, subject, each, wanted) for subject, (_, each) in zip(subjects, rows, strict=True)]
        cells = tuple(cell for each, _ in found for cell in each)
        missing = any(c.word is None for c in cells)
        matrix = Matrix(
            exit_code=InconclusiveError.exit_code if missing else 0,
            split=wanted.split,
            runs=wanted.runs,
            cells=cells,
            opened=max((n for _, n in found if n is not None), default=None),
            paid=work.meter.paid,
            replayed=work.meter.replayed,
            message=TOO_MUCH if missing else "",
        )
    says = simulated(refs)
    summary = matrix_summary(matrix, simulated=says)
    value = matrix_json(matrix, simulated=says)
    leave_results(console, options, json=value, summary=summary, junit=matrix_junit(matrix), shown=summary)
    return matrix.exit_code


def versions(project: Project, skill: ResolvedSkill, wanted: Wanted) -> list[Version]:
    """The configured skill, then the files and refs that were named.

    Raises:
        ConfigError: a file or a commit has no such skill.
        UsageError, GitError: refs are named outside a repository, or do not exist.
    """
    now = read_skill(project.tree, skill.path, skill.name)
    found = [Version(label=CONFIGURED, skill=now)]
    found += [Version(label=str(path), skill=_from_file(path, now)) for path in wanted.files]
    if wanted.refs:
        git = Git.discover(project.root)
        if git is None:
            raise UsageError("--skill-ref names commits, and this is no git repository")
        folder = inside(git, project.root)
        for ref in wanted.refs:
            sha = git.resolve(ref)
            tree = Below(git.tree(sha), folder)
            try:
                found.append(Version(label=ref, skill=read_skill(tree, skill.path, skill.name), sha=sha))
            except ConfigError as error:
                raise ConfigError(f"--skill-ref {ref}: {error} (at {sha[:12]})") from error
    return found


def _from_file(path: Path, now: Skill) -> Skill:
    """The text of a file with the bundled files of the configured skill. Raises `ConfigError`."""
    try:
        front, body = split_text(decode_skill(path.read_bytes(), path=str(path)))
    except OSError as error:
        raise ConfigError(f"--skill-file {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"--skill-file {path}: {error}") from error
    return replace(now, frontmatter=front, body=body)


def _places(skill: ResolvedSkill, harnesses: Sequence[str]) -> list[ResolvedSkill]:
    """The skill once for each harness and target; a harness that is not the configured one has no options."""
    known = plugins.names("harnesses")
    for name in harnesses:
        if name not in known:
            raise UsageError(f"--harness: unknown harness '{name[:80]}'{suggest(name, known)}")
    chosen = list(dict.fromkeys(harnesses)) or [skill.harness]
    variants = [skill if n == skill.harness else replace(skill, harness=n, harness_options={}) for n in chosen]
    return [one for variant in variants for one in variant.each_target()]


def _name(subject: Subject, versions: Sequence[Version], split: str) -> str:
    """The run that buys."""
    every = sorted({v.skill.digest for v in versions})
    return digest(["matrix", subject.skill.fingerprint(), subject.suite.digest, every, split])[:16]


def _cells(work: Work, subject: Subject, versions: Sequence[Version], wanted: Wanted) -> tuple[list[Cell], int | None]:
    """The cells of one target and harness, all versions side by side; and how often its test split was opened."""
    split, skill, suite, tasks = wanted.split, subject.skill, subject.suite, subject.tasks
    every = {v.skill.digest: v.skill for v in versions}
    run = _name(subject, versions, split)
    meters = [work.meter, work.skill_meter(skill, run)]
    lab = work.workshop.lab(skill, work.progress, run=run, meters=meters)
    place = f"{skill.name} on {skill.target.label}, {skill.harness}"
    several = "the skill" if len(every) == 1 else f"{len(every)} versions of the skill"
    work.console.say(f"{place}: {several}, and none, on {len(tasks)} {split} tasks, runs of each: {wanted.runs}")
    require_trust(work, skill, tasks, run=run, meters=meters)
    nothing = replace(versions[0].skill, frontmatter="", body="")
    sides = [(nothing, "ablate/empty"), *((s, f"eval/{split}") for s in every.values())]
    jobs = [
        Job(s, task, lab.sample(task, stream, n)) for n in range(wanted.runs) for task in tasks for s, stream in sides
    ]
    rollouts = lab.roll_out(jobs, what=f"{place}: with and without a skill")
    scores = {s.digest: evaluate(s.digest, tasks, rollouts[at :: len(sides)]) for at, (s, _) in enumerate(sides)}
    without, first = scores[nothing.digest], scores[versions[0].skill.digest]
    cells = [
        Cell(
            name=skill.name,
            path=skill.path,
            version=v.label,
            sha=v.sha,
            target=skill.target.label,
            harness=skill.harness,
            digest=v.skill.digest,
            tokens=v.skill.tokens,
            without=without,
            having=scores[v.skill.digest],
            effect=compare(without, scores[v.skill.digest], tasks),
            against=None if v.skill.digest == first.skill else compare(first, scores[v.skill.digest], tasks),
        )
        for v in versions
    ]
    return cells, times_opened(work.ledger, suite, run) if split == "test" else None
