"""Commits from values: written as git objects, without touching anybody's index, files or refs."""

import binascii
from collections.abc import Sequence
from pathlib import Path

from skillopt_ci.errors import GitError
from skillopt_ci.forge.command import Refused, run_git
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.proposal import CommitPlan
from skillopt_ci.sandbox.scratch import Scratch

BOT_NAME = "skillopt-ci[bot]"
BOT_EMAIL = "skillopt-ci[bot]@users.noreply.github.com"


def write_commits(git: Git, base: str, plans: Sequence[CommitPlan]) -> tuple[str, ...]:
    """Write one commit a plan on top of `base` and return their names, in order.

    The author is the bot and the date is the base commit's, so that the same plans on the same base are the same
    commits. A file keeps the mode it has on the base.

    Raises:
        GitError: the base is unknown, or a path cannot be written (a symbolic link, outside the tree).
    """
    parent = git.resolve(base)
    shas = []
    date = run_git(git.root, "show", "-s", "--format=%cI", parent).decode("ascii").strip()
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", BOT_NAME), ("EMAIL", BOT_EMAIL), ("DATE", date))
    }
    with Scratch() as folder:
        env = {**identity, "GIT_INDEX_FILE": str(folder / "index")}
        run_git(git.root, "read-tree", parent, env=env)
        modes = {path: entry.mode for path, entry in git.tree(parent).entries.items()}
        for plan in plans:
            for path, data in sorted(plan.files.items()):
                mode = _mode(path, modes)
                oid = run_git(git.root, "hash-object", "-w", "--no-filters", "--stdin", stdin=data).decode().strip()
                try:
                    run_git(git.root, "update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}", env=env)
                except Refused as refused:
                    raise GitError(f"cannot write {path!r} into a commit: {refused}") from refused
            tree = run_git(git.root, "write-tree", env=env).decode("ascii").strip()
            message = plan.message.encode("utf-8")
            made = run_git(git.root, "commit-tree", "--no-gpg-sign", "-p", parent, tree, stdin=message, env=env)
            parent = made.decode("ascii").strip()
            shas.append(parent)
    return tuple(shas)


def format_patches(git: Git, base: str, tip: str, out_dir: Path) -> tuple[Path, ...]:
    """Write `base..tip` as numbered mail patches for a plain `git am` and return their paths, in order."""
    options = (
        "--no-signature",
        "--no-attach",
        "--no-cover-letter",
        "--no-thread",
        "--no-base",
        "--no-signoff",
        "--no-from",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--binary",
        "--full-index",
        "--src-prefix=a/",
        "--dst-prefix=b/",
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    span = f"{git.resolve(base)}..{git.resolve(tip)}"
    told = run_git(git.root, "format-patch", *options, "-o", str(out_dir.resolve()), span)
    paths = tuple(Path(line) for line in told.decode("utf-8", "surrogateescape").splitlines())
    for path in paths:
        path.write_bytes(_keep_returns(path.read_bytes()))
    return paths


def _mode(path: str, modes: dict[str, str]) -> str:
    mode = modes.get(path, "100644")
    if mode not in ("100644", "100755"):
        raise GitError(f"cannot write {path!r} into a commit: it is a symbolic link or a submodule there")
    return mode


def _keep_returns(patch: bytes) -> bytes:
    """A patch with carriage returns as quoted-printable: `git am` drops them from lines it reads as they are."""
    if b"\r" not in patch:
        return patch
    head, _, body = patch.partition(b"\n\n")
    named = (b"content-transfer-encoding:", b"content-type:", b"mime-version:")
    kept = [line for line in head.split(b"\n") if not line.lower().startswith(named)]
    kept += [
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=UTF-8",
        b"Content-Transfer-Encoding: quoted-printable",
    ]
    lines = [binascii.b2a_qp(line, istext=False) for line in body.split(b"\n")]
    return b"\n".join(kept) + b"\n\n" + b"\n".join(lines)
