"""What the action prepares before a command runs: environment, places, ledgers, the commit to judge."""

import os
import shutil
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path

from skillopt_ci.actions.context import EventContext
from skillopt_ci.cli.action_inputs import SPENDING, Inputs, Places, Refs
from skillopt_ci.cli.month import SPEND_VARIABLE
from skillopt_ci.cli.work import LEDGER_VARIABLE
from skillopt_ci.config.access import SEAL_VARIABLE
from skillopt_ci.errors import GitError, SkilloptError, UsageError
from skillopt_ci.ledger import Ledger
from skillopt_ci.sandbox.scratch import Scratch, sweep

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
_LEDGER = "ledger.sqlite"
# Whose artifact a command goes on from.
_SOURCES = {"gate": "baseline", "baseline": "baseline", "train": "training"}


def prepare(env: MutableMapping[str, str], inputs: Inputs) -> Places:
    """Put keys where the command looks for them, go to the workspace, and make a place for results.

    Raises:
        UsageError: there is no workspace, or nothing was checked out into it.
    """
    workspace = Path(env.get("GITHUB_WORKSPACE") or "")
    here = bool(env.get("GITHUB_WORKSPACE")) and workspace.is_dir()
    if not here or (inputs.command != "publish" and not any(workspace.iterdir())):
        raise UsageError("the workspace is empty: use actions/checkout (with fetch-depth: 0) before this action")
    given = {"OPENAI_API_KEY": inputs.openai_api_key, "ANTHROPIC_API_KEY": inputs.anthropic_api_key}
    for name in [n for n in env if n.startswith("INPUT_")]:
        del env[name]
    for name in _KEYS:
        # Only what spends gets a model key.
        if inputs.command not in SPENDING:
            env.pop(name, None)
        elif given[name]:
            env[name] = given[name]
    if inputs.github_token:
        env["GITHUB_TOKEN"] = inputs.github_token
    folder = Path(env.get("RUNNER_TEMP") or workspace / ".skillopt") / "skillopt-ci"
    places = Places(folder=folder / inputs.command, command=inputs.command)
    if not env.get(LEDGER_VARIABLE):
        env[LEDGER_VARIABLE] = str(places.state / _LEDGER)
        env[SEAL_VARIABLE] = "1"  # what is below `state` becomes an artifact
    env[SPEND_VARIABLE] = str(folder / "spend" / "spend.json")
    _trust(env, workspace)
    shutil.rmtree(places.folder, ignore_errors=True)
    places.folder.mkdir(parents=True)
    places.state.mkdir(parents=True, exist_ok=True)
    os.chdir(workspace)
    return places


def _trust(env: MutableMapping[str, str], workspace: Path) -> None:
    """In a container the workspace belongs to another user, and git would refuse to read it."""
    count = int(env.get("GIT_CONFIG_COUNT") or 0)
    env["GIT_CONFIG_COUNT"] = str(count + 1)
    env[f"GIT_CONFIG_KEY_{count}"] = "safe.directory"
    env[f"GIT_CONFIG_VALUE_{count}"] = str(workspace)


def bring_state(state: Path, inputs: Inputs, context: EventContext, say: Callable[[str], None]) -> None:
    """Bring into `state` what earlier runs on the default branch left: purchases, and memories for training.

    A gate that gets nothing measures the base itself. Training and baselines go on where their last run ended, and end
    when that cannot be found out: else they would buy everything again.

    Raises:
        ForgeError: GitHub refuses, for a command that goes on.
        LedgerError: what was brought is no ledger.
    """
    if inputs.command not in _SOURCES or context.restricted or (state / _LEDGER).exists():
        return
    if not (inputs.github_token and context.repository and context.default_branch):
        say("no github-token: nothing of earlier runs is known")
        return
    try:
        found = _fetch(context, inputs.github_token, _SOURCES[inputs.command], state)
    except SkilloptError as error:
        if inputs.command != "gate":
            raise
        say(f"no stored base: {error}")
        return
    say(f"brought from {found}" if found else "no earlier run has left anything yet")
    if inputs.command == "train":
        _add_baselines(state, context, inputs.github_token, say)


def _fetch(context: EventContext, token: str, source: str, state: Path) -> str:
    """The page of the run that an artifact came from; empty when there is none."""
    from skillopt_ci.forge.artifacts import BASELINE, TRAINING, fetch_artifact
    from skillopt_ci.forge.github import Connection, GitHub, Waiter

    connection = Connection(repository=context.repository, token=token, api_url=context.api_url)
    api = GitHub(connection, Waiter(now=time.time, sleep=time.sleep), lambda text: text)
    try:
        found = fetch_artifact(api, BASELINE if source == "baseline" else TRAINING, context.default_branch, state)
    finally:
        api.close()
    ledger = state / _LEDGER
    if ledger.exists():
        try:
            with Ledger(ledger):
                pass
        except SkilloptError:
            ledger.unlink()
            raise
    return found


def _add_baselines(state: Path, context: EventContext, token: str, say: Callable[[str], None]) -> None:
    """What baselines spent counts for the month, and what they bought is not bought again."""
    sweep([str(state.parent)])
    with Scratch(str(state.parent)) as folder:
        try:
            if _fetch(context, token, "baseline", folder):
                state.mkdir(parents=True, exist_ok=True)
                with Ledger(state / _LEDGER) as mine:
                    mine.merge(folder / _LEDGER)
        except SkilloptError as error:
            say(f"what baselines bought is left out: {error}")


def with_head(refs: Refs, inputs: Inputs, context: EventContext) -> Refs:
    """Make sure that the commit to judge is in the clone.

    Raises:
        GitError: it cannot be fetched, or a dispatch names a commit that is no longer the pull request's head.
        UsageError: the workspace is no repository.
    """
    if refs.pull is None:
        return refs
    from skillopt_ci.forge.fetch import fetch_pull_head
    from skillopt_ci.forge.git import Git

    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("the workspace is no git repository: use actions/checkout before this action")
    if refs.head and not refs.exact:
        try:
            git.resolve(refs.head)
        except GitError:
            pass  # a fork's commit, or one of a clone that was made for another ref
        else:
            return refs
    now = fetch_pull_head(git, refs.pull, server_url=context.server_url, token=inputs.github_token)
    if refs.exact and refs.head and now != refs.head:
        raise GitError(
            f"pull request {refs.pull} is at {now[:12]} now, and {refs.head[:12]} was to be judged: review the new "
            "head and start this again for it"
        )
    return refs if refs.head else refs._replace(head=now)


def keep_runs(places: Places, run_dirs: str) -> None:
    """Copy the run folders of a training beside its other results: one folder is what the next job gets."""
    for line in run_dirs.splitlines():
        source = Path(line)
        if source.is_dir():
            shutil.copytree(source, places.folder / "runs" / source.name, symlinks=True)


def find_run(places: Places, name: str) -> str:
    """A run folder of the workspace, else that of the same name among the results of a training in an earlier job."""
    kept = places.folder.parent / "train" / "runs" / Path(name).name
    return str(kept) if not Path(name).is_dir() and kept.is_dir() else name
