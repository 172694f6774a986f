"""What lies outside of a rollout's folder and stays as it is while an agent runs: checkouts, homes, its programs."""

import os
import pwd
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.agents import home as programs

CHECKOUT = Path(__file__).parents[2]
# What the test run itself, or a linter beside it, writes into a checkout.
_MADE = {".git", ".venv", "__pycache__", "build", "dist", "skillopt_ci.egg-info", ".coverage"}
_MADE |= {".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"}
_IN_HOME = (
    ".agents", ".bash_profile", ".bashrc", ".claude", ".claude.json", ".codex", ".config/claude", ".config/codex",
    ".gitconfig", ".npmrc", ".profile", ".ssh", ".zshrc", "CLAUDE.md", "AGENTS.md",
)  # fmt: skip
_KEPT = (
    ".agents/skills/own/SKILL.md", ".bashrc", ".claude.json", ".claude/CLAUDE.md", ".claude/settings.json",
    ".claude/skills/own/SKILL.md", ".codex/AGENTS.md", ".codex/auth.json", ".codex/config.toml", ".gitconfig",
    ".npmrc", ".profile", ".ssh/authorized_keys",
)  # fmt: skip
# In places where everybody writes: what these agents and this tool call theirs.
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
_OURS = re.compile("(?i).*(claude|codex)|cc-(socks|daemon)")
Mark = tuple[int, ...]


def decoy(home: Path) -> None:
    """Give a home what an agent would look for, or leave something in."""
    for name in _KEPT:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n" if path.suffix == ".json" else "# kept\n")


def outside() -> Mapping[str, Mark]:
    """What is looked at around every test; $HOME is a decoy."""
    real = Path(pwd.getpwuid(os.getuid()).pw_dir)
    found = dict(seen([CHECKOUT, programs(), Path.home(), *(real / name for name in _IN_HOME)]))
    shared = [path for place in _SHARED for path in _listed(Path(place)) if _OURS.match(path.name)]
    # Others may be at work in what is there.
    return found | {str(path): () for path in shared if not made_by_codex(path)}


def made_by_codex(path: Path) -> bool:
    """Whether this is the empty private folder that Codex's own sandbox makes to hide it, wherever TMPDIR points."""
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
        return path.name == f"codex-daemon-{os.getuid()}" and mode == stat.S_IRWXU and not any(path.iterdir())
    except OSError:
        return False


def seen(where: Iterable[Path], without: Collection[str] = _MADE) -> Mapping[str, Mark]:
    """Everything below some places, and what tells that it was changed; names in `without` are left out at any depth.

    Of a file that is its inode, mode, owner, size and the time of the last change of either, which nobody can set back;
    of a folder what is in it counts, not when something was.
    """
    found: dict[str, Mark] = {}
    waiting = list(where)
    while waiting:
        path = waiting.pop()
        try:
            is_now = path.lstat()
        except OSError:
            continue
        mark: Mark = (is_now.st_ino, is_now.st_mode, is_now.st_uid, is_now.st_gid)
        if stat.S_ISDIR(is_now.st_mode):
            waiting += [p for p in _listed(path) if p.name not in without and not p.name.startswith(".coverage")]
        else:
            mark = (*mark, is_now.st_size, is_now.st_mtime_ns, is_now.st_ctime_ns)
        found[str(path)] = mark
    return found


def changes(before: Mapping[str, Mark], after: Mapping[str, Mark]) -> list[str]:
    """What is new, gone or changed, in words."""
    told = [f"{path}: new" for path in after.keys() - before.keys()]
    told += [f"{path}: gone" for path in before.keys() - after.keys()]
    told += [f"{path}: changed" for path in before.keys() & after.keys() if before[path] != after[path]]
    return sorted(told)


@contextmanager
def untouched(repository: Path) -> Iterator[None]:
    """Fails when afterwards a project is different but for `.skillopt`, or what git would run or obey is."""
    where, without = [repository, *(repository / ".git" / name for name in ("config", "hooks"))], {".git", ".skillopt"}
    before = seen(where, without)
    yield
    found = changes(before, seen(where, without))
    assert found == [], found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
