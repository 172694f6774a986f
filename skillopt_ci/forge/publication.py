"""What is to be published and what came of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.proposal import Proposal
from skillopt_ci.forge.refusal import SETTING
from skillopt_ci.forge.remote import Pull, RemoteEntry, blob_sha
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.upsert import Limits, Wish

_FILE_MODES = ("100644", "100755")


class MayNotOpenError(ForgeError):
    """The branch is pushed, and the token may not open the pull request."""

    reason = "pull-request-not-permitted"

    def __init__(self, branch: str, compare_url: str, settings_url: str) -> None:
        super().__init__(
            f"GitHub Actions is not permitted to create pull requests here. The branch {branch} is kept: open the pull "
            f"request at {compare_url} , or allow it at {SETTING} ({settings_url}) and run this again; an organisation "
            "or enterprise can forbid it for all of its repositories"
        )


@dataclass(frozen=True, kw_only=True)
class Base:
    """The tip of the base branch: commit, tree, and those of the proposal's files that it has."""

    branch: str
    sha: str
    tree: str
    entries: Mapping[str, RemoteEntry]


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A proposal on top of `base`, and how it is to be opened.

    Attributes:
        start: the skill's bytes that training started from.
        patch_place: where a reader finds the commits when the branch must not be touched (safe Markdown).
    """

    proposal: Proposal
    skill: str
    start: bytes
    base: Base
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    team_reviewers: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    patch_place: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done: `action` is opened, updated, unchanged, rejected, blocked, stale, closed, or another reason."""

    action: str
    message: str
    pull: Pull | None = None
    head_sha: str | None = None
    warnings: tuple[str, ...] = ()


def read_base(repository: Repository, branch: str, paths: tuple[str, ...]) -> Base:
    """Look at the tip of a branch.

    Raises:
        ForgeError: there is no such branch, or one of the files is a symbolic link or a submodule there.
    """
    sha = repository.head(branch)
    if sha is None:
        raise ForgeError(f"no branch '{branch}' in {repository.api.connection.repository}; name the base with --base")
    tree = repository.tree_of(sha)
    entries = repository.entries(tree, paths)
    for path, entry in entries.items():
        if entry.mode not in _FILE_MODES:
            raise ForgeError(f"{path} is a symbolic link on {branch}; only files are written")
    return Base(branch=branch, sha=sha, tree=tree, entries=entries)


def wish_of(wanted: Publication) -> Wish:
    """What the decision needs to know of it."""
    marker = wanted.proposal.marker
    entry = wanted.base.entries.get(wanted.skill)
    here = entry.sha if entry else ""
    return Wish(
        fingerprint=marker["fingerprint"],
        run_id=marker["run_id"],
        base_sha=wanted.base.sha,
        base_ref=wanted.base.branch,
        base_is_start=here == blob_sha(wanted.start),
        base_is_best=here == final_blobs(wanted)[wanted.skill],
    )


def final_blobs(wanted: Publication) -> dict[str, str]:
    """The proposal's files after its last commit."""
    files: dict[str, bytes] = {}
    for plan in wanted.proposal.commits:
        files |= plan.files
    return {path: blob_sha(data) for path, data in files.items()}
