"""`pr`: the pull request of a training run, on GitHub or written to disk."""

import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from skillopt_ci.actions.context import read_context
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json, write_text
from skillopt_ci.cli.hub import clean_words, connected, login_option
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import Project, open_project
from skillopt_ci.cli.remember import remember
from skillopt_ci.cli.report import named_run, newest_proposal, newest_run, other_proposals
from skillopt_ci.cli.sides import inside
from skillopt_ci.core.policy import refuse_change
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ForgeError, GitError, UsageError
from skillopt_ci.forge.accepted import accepted_lines
from skillopt_ci.forge.commits import format_patches, write_commits
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.proposal import Proposal, Training, history_path, propose
from skillopt_ci.forge.publication import Base, Outcome, Publication, read_base
from skillopt_ci.forge.publish import publish
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.upsert import Limits
from skillopt_ci.report.parts import UNCOMMITTED
from skillopt_ci.report.run_reader import Run, read_run

_NOT_SHOWN = " (improvement not shown)"
_RUN = re.compile(r"[0-9a-f]{16}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one call is about. `folder` is the project's place in its repository: empty, or with a slash at the end."""

    console: Console
    options: Options
    project: Project
    git: Git
    folder: str


@click.command(help=COMMANDS["pr"])
@common
@click.argument("run_dir", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Write title, body and commits to the run folder; publish nothing.")
@click.option("--anyway", is_flag=True, help="Also when no improvement was shown: as a draft whose title says so.")
@click.option(
    "--base", metavar="BRANCH", help="Branch to open it for (default: the default branch; with --dry-run HEAD)."
)
@click.option(
    "--remember",
    type=click.Path(file_okay=False, path_type=Path),
    help="Only collect into this folder what reviewers and earlier runs rejected, for `train --memory`.",
)
@login_option
def command(run_dir: Path | None, base: str | None, remember: Path | None, login: str, **flags: Any) -> None:
    """See the help text above."""
    dry_run, anyway = flags.pop("dry_run"), flags.pop("anyway")
    options = Options(**flags)

    def body(console: Console) -> int:
        if remember is not None:
            return _remember(_job(console, options), remember, login)
        folder = named_run(options, run_dir) if run_dir else newest_run(options, trained=True)
        result = read_run(folder)
        job = _job(console, options)
        name = str(result.config["name"])
        others = [] if run_dir else other_proposals(options, name)
        earlier = [] if run_dir else newest_proposal(options, name, result.start.digest)
        _require_worth(job, folder, result, anyway=anyway, earlier=[*earlier, *others])
        if others:
            console.warn(f"{folder} is the newest run; others with a proposal: {', '.join(map(str, others))}")
        if result.config.get("uncommitted") is True:
            console.warn(f"warning: {folder}: the run was made {UNCOMMITTED} of configuration, skill or tasks")
        if dry_run:
            return _dry_run(job, folder, result, base or "HEAD")
        with connected(console, login, job.project.config) as repository:
            return _publish(job, folder, result, repository, base or repository.default_branch)

    run("pr", options, body)


def _job(console: Console, options: Options) -> Job:
    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("a pull request needs a git repository; run this inside one")
    project = open_project(options)
    console.scrub = clean_words(project.config)
    folder = inside(git, project.root)
    return Job(console=console, options=options, project=project, git=git, folder=f"{folder}/" if folder else "")


def _remember(job: Job, place: Path, login: str) -> int:
    lines = remember(job.console, job.project, job.options.skill, login, (place, job.folder))
    job.console.result(f"{lines} lines in {place}")
    if job.options.json is not None:
        value = {"schema": "skillopt-ci/pr/1", "exit_code": 0, "action": "remembered", "lines": lines}
        write_json(job.options.json, value, job.console.scrub)
    return 0


def _require_worth(job: Job, folder: Path, result: Run, *, anyway: bool, earlier: Sequence[Path]) -> None:
    """Check a run again, as data of another job; `earlier` are runs that may be meant.

    Raises:
        UsageError: nothing to propose, improvement not shown, not configured, against the policy, or a key in it.
    """
    if result.body is None:
        if result.best.digest != result.start.digest:
            raise UsageError(f"{folder}: a run of `compare`; `train` with its method (train.method) proposes a skill")
        raise UsageError(f"{folder}: the run changed nothing; there is nothing to propose{_meant(earlier)}")
    if not result.proposal and not anyway:
        raise UsageError(
            f"{folder}: improvement not shown on the test split; --anyway writes the pull request as a draft"
            f"{_meant(earlier)}"
        )
    # The rest of the configuration is compared or escaped; these two stand in commits and in the hidden line.
    commit = result.config.get("commit")
    if not _RUN.fullmatch(str(result.config.get("run_id"))) or not (commit is None or _SHA.fullmatch(str(commit))):
        raise UsageError(f"{folder / 'config.json'}: run_id or commit is not what a run writes")
    name, path = str(result.config["name"]), str(result.config["path"])
    skill = next((s for s in job.project.skills if (s.name, s.path) == (name, path)), None)
    if skill is None:
        raise UsageError(f"{folder}: the configuration has no skill {name!r:.80} at {path!r:.200} (any more)")
    refused = refuse_change(result.best, result.start, skill.train.policy.as_edit_policy(), skill.train.what)
    if refused:
        raise UsageError(f"{folder}: train.policy refuses the new text: it {refused}")
    # A commit is made of every version on the way, also of what a later one took out again.
    texts = (result.best.text, *(step.candidate.text for step in result.steps if step.candidate is not None))
    if any(job.console.scrub(text) != text for text in texts):
        raise UsageError(f"{folder}: the new text holds a key, or what looks like one; nothing was sent")


def _meant(earlier: Sequence[Path]) -> str:
    named = " or ".join(map(str, earlier))
    return f"; an earlier run has an improvement: name its folder, {named}" if earlier else ""


def _dry_run(job: Job, folder: Path, result: Run, ref: str) -> int:
    """Everything on disk, on top of a local commit.

    Raises:
        GitError: the skill there is not the one that was trained.
        UsageError: the skill there has the new text.
    """
    path = job.folder + str(result.config["path"])
    sha = job.git.resolve(ref)
    tree = job.git.tree(sha)
    there = tree.read(path) if path in tree.glob(path) else None
    if there == result.best.text.encode("utf-8") != result.start.text.encode("utf-8"):
        raise UsageError(f"{path} at {ref} has the new text of this run already; there is nothing to propose")
    if there != result.start.text.encode("utf-8"):
        raise GitError(f"{path} at {ref} is not the skill that was trained: its scores are void; train again")
    memory = job.folder + history_path(str(result.config["name"]))
    proposal = _proposal(job, result, sha, tree.read(memory) if memory in tree.glob(memory) else b"")
    shas = write_commits(job.git, sha, proposal.commits)
    place = folder / "pull_request"
    for name in _write(job.git, place, proposal, sha, shas):
        job.console.say(f"wrote {place / name}")
    patches = f"{shlex.quote(str(place))}/commits/*"  # the star is the shell's
    job.console.result(f"{plural(len(shas), 'commit')} for branch {proposal.branch}: git am {patches}")
    _leave(job, proposal, {"draft": not result.proposal, "commits": list(shas), "folder": str(place)})
    return 0


def _publish(job: Job, folder: Path, result: Run, repository: Repository, branch: str) -> int:
    """On GitHub, on top of the tip of a branch."""
    path = job.folder + str(result.config["path"])
    memory = job.folder + history_path(str(result.config["name"]))
    base = read_base(repository, branch, (path, memory))
    history = repository.blob(base.entries[memory].sha) if memory in base.entries else b""
    proposal = _proposal(job, result, base.sha, _with_accepted(job, repository, base, path, history))
    _for_artifact(job, folder / "pull_request", proposal, base)
    settings = job.project.config.pr
    run_url = read_context(os.environ).run_url
    wanted = Publication(
        proposal=proposal,
        skill=path,
        start=result.start.text.encode("utf-8"),
        base=base,
        draft=settings.draft or not result.proposal,
        labels=settings.labels,
        reviewers=settings.reviewers,
        team_reviewers=settings.team_reviewers,
        limits=Limits(max_open=settings.max_open, cooldown_days=settings.cooldown_days),
        patch_place=f"the artifacts of {run_url} , under `pull_request/commits`" if run_url else "",
    )
    outcome = publish(repository, wanted, time.time)
    for warning in outcome.warnings:
        job.console.warn(f"warning: {warning}")
    job.console.result(outcome.message + (f": {outcome.pull.url}" if outcome.pull else ""))
    _leave(job, proposal, {"draft": wanted.draft, **_told(outcome), "requests": repository.api.requests})
    return 0


def _with_accepted(job: Job, repository: Repository, base: Base, path: str, history: bytes) -> bytes:
    """The history with what maintainers accepted against the gate's word; nice to have, so a refusal is only told."""
    try:
        lines = accepted_lines(repository, base.branch, path, history)
    except ForgeError as error:
        job.console.warn(f"warning: what maintainers accepted is not in the history: {error}")
        return history
    return b"\n".join([history.rstrip(b"\n"), *lines]) + b"\n" if lines else history


def _told(outcome: Outcome) -> dict[str, object]:
    pull = outcome.pull
    return {
        "action": outcome.action,
        "message": outcome.message,
        "number": pull.number if pull else None,
        "url": pull.url if pull else None,
        "head_sha": outcome.head_sha or (pull.head_sha if pull else None),
        "warnings": list(outcome.warnings),
    }


def _proposal(job: Job, result: Run, base_sha: str, history: bytes) -> Proposal:
    """The proposal on top of a commit."""
    training = Training(
        name=str(result.config["name"]),
        path=job.folder + str(result.config["path"]),
        start=result.start,
        best=result.best,
        steps=result.steps,
        run_id=str(result.config.get("run_id")),
        base_sha=base_sha,
        policy_sha=str(result.config.get("commit")),
        history=history,
        folder=job.folder,
        test=result.test,
    )
    made = propose(training, [job.console.scrub(result.body or "")])
    commits = tuple(replace(plan, files=_clean(plan.files, training.path, job)) for plan in made.commits)
    return replace(made, title=made.title if result.proposal else made.title + _NOT_SHOWN, commits=commits)


def _clean(files: Mapping[str, bytes], skill: str, job: Job) -> dict[str, bytes]:
    """The files of a commit, the history without keys; the skill's own text was looked through."""
    found = {}
    for path, data in files.items():
        text = data.decode("utf-8", "replace")
        clean = text if path == skill else job.console.scrub(text)
        found[path] = data if clean == text else clean.encode()
    return found


def _for_artifact(job: Job, place: Path, proposal: Proposal, base: Base) -> None:
    """The commits as patches, for a branch that must not be touched; only when the clone has the base."""
    try:
        shas = write_commits(job.git, base.sha, proposal.commits)
        _write(job.git, place, proposal, base.sha, shas)
    except GitError as error:
        job.console.detail(f"no patches were written: {error}")


def _leave(job: Job, proposal: Proposal, value: Mapping[str, object]) -> None:
    if job.options.json is not None:
        head = {"schema": "skillopt-ci/pr/1", "exit_code": 0, "branch": proposal.branch, "title": proposal.title}
        write_json(job.options.json, {**head, **value}, job.console.scrub)


def _write(git: Git, place: Path, proposal: Proposal, base: str, shas: Sequence[str]) -> list[str]:
    """Write title, branch, body and patches; raises `UsageError` when the way there is a symbolic link."""
    for folder in (place.parent, place, place / "commits"):
        if folder.is_symlink():
            raise UsageError(f"{folder}: is a symbolic link; nothing is written through it")
    write_text(place / "title.txt", proposal.title + "\n")
    write_text(place / "branch.txt", proposal.branch + "\n")
    write_text(place / "body.md", proposal.full_body(shas[-1]))
    for old in (place / "commits").glob("*.patch"):
        old.unlink()
    patches = format_patches(git, git.resolve(base), shas[-1], place / "commits")
    return ["title.txt", "branch.txt", "body.md", *(f"commits/{p.name}" for p in patches)]
