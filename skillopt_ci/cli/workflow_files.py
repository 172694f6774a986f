"""The workflow files that `init` writes: callers of this repository's reusable workflows, pinned by commit."""

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from skillopt_ci import __version__
from skillopt_ci.errors import UsageError

REPOSITORY = "skillopt-ci/skillopt-ci"
_ACTION = re.compile(r"(?P<repository>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)@(?P<sha>[0-9a-f]{40})")
_SECRETS = """\
    secrets:
      OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}
      ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}
"""
_GATE = """\
# Judges changed skills and posts the commit status skillopt/gate: require that status, not a job.
name: skillopt gate

on:
  pull_request: # without a path filter: a required status must always come
    types: [opened, synchronize, reopened, ready_for_review, edited] # edited: its branch may be another one now
  merge_group:
  workflow_dispatch: # for the head of a fork's pull request, after a maintainer has reviewed it
    inputs:
      pr:
        description: Number of the pull request
        required: true
        type: string
      head_sha:
        description: Its head commit as it was reviewed, all 40 digits
        required: true
        type: string

permissions: {}

# The author of a pull request cannot cancel what a maintainer has started; another title cancels nothing.
concurrency:
  group: >-
    skillopt-gate-${{ github.event_name }}-${{
    github.event.action == 'edited' && !github.event.changes.base && github.run_id
    || github.event.pull_request.number || inputs.pr || github.ref }}
  cancel-in-progress: true # a new push makes the old head's result useless

jobs:
  gate:
    name: Skill gate
    permissions:
      contents: read # commits of both sides
      actions: read # the stored base: an artifact of the last baseline run
      statuses: write # the commit status skillopt/gate
      pull-requests: write # the comment
    uses: REPOSITORY/.github/workflows/reusable-gate.yml@SHA # VERSION
"""
_TRAIN = """\
# Trains the skills every week and opens a pull request when an improvement was shown.
# The next training looks for the runs of a workflow file with this name.
name: skillopt train

on:
  schedule:
    - cron: "17 4 * * 1"
      timezone: Etc/UTC
  workflow_dispatch:

permissions: {}

concurrency:
  group: skillopt-train-${{ github.repository_id }}
  cancel-in-progress: false # what a run has bought must not be lost

jobs:
  train:
    name: Train skills
    permissions:
      contents: write # the branch of the pull request
      pull-requests: write # the pull request and its comment
      issues: write # makes the configured labels when they do not exist
      statuses: write # the commit status skillopt/gate on its head
      actions: read # artifacts of earlier runs: purchases, memories, the stored base
    uses: REPOSITORY/.github/workflows/reusable-train.yml@SHA # VERSION
"""
_BASELINE = """\
# Measures the skills as they are: what gates compare with, and how a model's drift is noticed.
# Gates look for the runs of a workflow file with this name.
name: skillopt baseline

on:
  push:
    branches: [BRANCH]
  schedule:
    - cron: "43 3 * * 0"
      timezone: Etc/UTC
  workflow_dispatch:

permissions: {}

concurrency:
  group: skillopt-baseline-${{ github.repository_id }}
  cancel-in-progress: false # what a run has bought must not be lost

jobs:
  baseline:
    name: Store the base
    permissions:
      contents: read # the repository's files
      actions: read # what the last baseline run left: its artifact
    uses: REPOSITORY/.github/workflows/reusable-baseline.yml@SHA # VERSION
"""
TEMPLATES = {
    "skillopt-gate.yml": _GATE,
    "skillopt-train.yml": _TRAIN,
    "skillopt-baseline.yml": _BASELINE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Where the action is: `owner/name`, the commit, and the words of its version."""

    repository: str
    sha: str
    version: str = f"v{__version__}"


def workflow_files(action: Action, branch: str, config: str = "") -> dict[str, str]:
    """Name and text of every workflow of a user.

    Args:
        action: where the reusable workflows are.
        branch: the default branch.
        config: path of the configuration, when it does not stand at the top of the repository.
    """
    words = {
        "REPOSITORY": action.repository,
        "SHA": action.sha,
        "VERSION": action.version,
        "BRANCH": json.dumps(branch),
    }
    pattern = re.compile(r"\b(?:REPOSITORY|SHA|VERSION|BRANCH)\b")
    given = f"    with:\n      config: {json.dumps(config)}\n" if config else ""
    return {
        name: pattern.sub(lambda found: words[found[0]], text) + given + _SECRETS for name, text in TEMPLATES.items()
    }


def read_action(text: str) -> Action:
    """The action as `OWNER/NAME@COMMIT` names it. Raises `UsageError`: a tag or a branch can be moved by others."""
    found = _ACTION.fullmatch(text)
    if found is None:
        raise UsageError(f"--action {text[:100]}: it must be OWNER/NAME@COMMIT, with all 40 digits of the commit")
    return Action(repository=found["repository"], sha=found["sha"])


def own_action(direct_url: str | None) -> Action | None:
    """The action at the commit that this program was installed from; None when the installation does not say.

    `direct_url` is the text of direct_url.json (PEP 610), which pip writes for what comes from a repository.
    """
    try:
        value = json.loads(direct_url or "")
        sha, url = value["vcs_info"]["commit_id"], value["url"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    found = re.fullmatch(r"(?:git\+)?https://github\.com/([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?", str(url))
    if found is None or not re.fullmatch("[0-9a-f]{40}", str(sha)):
        return None
    return Action(repository=found[1], sha=sha)


def installed_from() -> str | None:
    """What pip has noted about where this program came from."""
    try:
        return metadata.distribution("skillopt-ci").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None


def released(package: Path = Path(__file__).parents[1]) -> Action | None:
    """The action at the commit that a released package was built from; None for one that was not released."""
    try:
        return read_action(f"{REPOSITORY}@{(package / 'commit.txt').read_text(encoding='ascii').strip()}")
    except OSError:
        return None
