"""`pr`: the pull request of a training run, written to disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json, write_text
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import find_root
from skillopt_ci.cli.report import newest_run
from skillopt_ci.cli.sides import inside
from skillopt_ci.errors import GitError, UsageError
from skillopt_ci.forge.commits import format_patches, write_commits
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.proposal import Proposal, Training, history_path, propose
from skillopt_ci.report.run_reader import Run, read_run


@click.command(help=COMMANDS["pr"])
@common
@click.argument("run_dir", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Write title, body and commits to the run folder; publish nothing.")
@click.option("--anyway", is_flag=True, help="Also when no improvement was shown; the title then says so.")
@click.option("--base", metavar="REF", default="HEAD", show_default=True, help="The commit to build on.")
def command(run_dir: Path | None, dry_run: bool, anyway: bool, base: str, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("pr", options, lambda console: _pr(console, options, run_dir, (dry_run, anyway), base))


def _pr(console: Console, options: Options, run_dir: Path | None, flags: tuple[bool, bool], base: str) -> int:
    dry_run, anyway = flags
    if not dry_run:
        raise UsageError("publishing on GitHub is not built yet; `pr --dry-run` writes everything to disk")
    folder = run_dir or newest_run(options)
    result = read_run(folder)
    if result.body is None:
        raise UsageError(f"{folder}: the run changed nothing; there is nothing to propose")
    if not result.proposal and not anyway:
        raise UsageError(
            f"{folder}: improvement not shown on the test split; --anyway writes the pull request as a draft"
        )
    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("a pull request needs a git repository; run this inside one")
    proposal = _proposal(git, result, base, _below(git, options))
    shas = write_commits(git, base, proposal.commits)
    place = folder / "pull_request"
    draft = not result.proposal
    written = _write(git, place, proposal, base, shas, draft)
    for name in written:
        console.say(f"wrote {place / name}")
    console.result(
        f"{len(shas)} commit{'' if len(shas) == 1 else 's'} for branch {proposal.branch}: git am {place}/commits/*"
    )
    if options.json is not None:
        value = {
            "schema": "skillopt-ci/pr/1",
            "exit_code": 0,
            "branch": proposal.branch,
            "title": proposal.title,
            "draft": draft,
            "commits": list(shas),
            "folder": str(place),
        }
        write_json(options.json, value, console.scrub)
    return 0


def _proposal(git: Git, result: Run, base: str, folder: str) -> Proposal:
    """The proposal on top of `base`; `folder` is the project's, as a prefix of paths.

    Raises:
        GitError: the skill at `base` is not the one that was trained.
    """
    path = folder + str(result.config["path"])
    sha = git.resolve(base)
    tree = git.tree(sha)
    if path not in tree.glob(path) or tree.read(path) != result.start.text.encode("utf-8"):
        raise GitError(f"{path} at {base} is not the skill that was trained: its scores are void; train again")
    name = str(result.config["name"])
    memory = folder + history_path(name)
    training = Training(
        name=name,
        path=path,
        start=result.start,
        best=result.best,
        steps=result.steps,
        run_id=str(result.config.get("run_id")),
        base_sha=str(result.config.get("commit")),
        policy_sha=str(result.config.get("commit")),
        history=tree.read(memory) if memory in tree.glob(memory) else b"",
        folder=folder,
    )
    return propose(training, [result.body or ""])


def _below(git: Git, options: Options) -> str:
    """Where the project is in its repository, as a prefix of paths."""
    folder = inside(git, find_root(options.config, Path.cwd())[0])
    return f"{folder}/" if folder else ""


def _write(git: Git, place: Path, proposal: Proposal, base: str, shas: Sequence[str], draft: bool) -> list[str]:
    title = f"{proposal.title} (improvement not shown)" if draft else proposal.title
    write_text(place / "title.txt", title + "\n")
    write_text(place / "branch.txt", proposal.branch + "\n")
    write_text(place / "body.md", proposal.full_body(shas[-1]))
    for old in (place / "commits").glob("*.patch"):
        old.unlink()
    patches = format_patches(git, git.resolve(base), shas[-1], place / "commits")
    return ["title.txt", "branch.txt", "body.md", *(f"commits/{p.name}" for p in patches)]
