"""The grader `diff`: what an agent changed in its workspace."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders import patterns, wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.checks import Checked, at_least_one, share, texts

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_CUT = "characters of the diff left out ...]"


@dataclass(frozen=True, slots=True)
class _Diff:
    spec: GraderSpec
    contains: tuple[str, ...]
    not_contains: tuple[str, ...]
    regex: tuple[patterns.Pattern, ...]
    only: tuple[str, ...]
    most: int | None
    empty: bool | None

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        lines = changed_lines(trajectory.diff)
        text = "\n".join(lines)
        if trajectory.diff.rstrip().endswith(_CUT) and (self.contains or self.not_contains or self.regex or self.most):
            raise CallFailedError("grader", "grader 'diff': the changes are too large to be kept whole")
        done = [self._said(w in text, f"no changed line has {wording.quoted(w)}") for w in self.contains]
        done += [self._said(w not in text, f"a changed line has {wording.quoted(w)}") for w in self.not_contains]
        for pattern in self.regex:
            met = patterns.found(pattern, text, self.spec.type)
            done.append(self._said(met, f"no changed line matches /{wording.clip(pattern.pattern)}/"))
        changed = [*(a.name for a in trajectory.artifacts), *trajectory.removed]
        changed += [entry.rsplit(": ", 1)[0] for entry in trajectory.omitted]
        if self.only:
            other = [name for name in changed if not any(fnmatchcase(name, one) for one in self.only)]
            said = f"changed what must stay as it is: {', '.join(wording.quoted(n) for n in other[:3])}"
            done.append(Checked(not other, said, said))
        if self.most is not None:
            said = f"{plural(len(lines), 'changed line')}, at most {self.most} are allowed"
            done.append(Checked(len(lines) <= self.most, said, said))
        if self.empty is not None:
            said = "nothing may be changed" if self.empty else "nothing was changed"
            done.append(Checked(bool(changed) != self.empty, said, said))
        return share(self.spec, done, f"{plural(len(changed), 'changed file')} as required")

    def _said(self, met: bool, why: str) -> Checked:
        return Checked(met, why, "the changed lines lack what is required, or have what is not allowed")


def changed_lines(diff: str) -> list[str]:
    """The lines of a unified diff that were added or taken away, with their sign.

    Hunks are counted out: a line `-- x` that is gone reads `--- x`, like the head of a file.
    """
    found: list[str] = []
    gone = new = 0
    for line in diff.split("\n"):
        if gone > 0 or new > 0:
            gone -= line[:1] in "- "
            new -= line[:1] in "+ "
            found += [line] if line[:1] in ("+", "-") else []
        elif hunk := _HUNK.match(line):
            gone, new = (int(count or 1) for count in hunk.groups())
    return found


def diff(spec: GraderSpec, _judge: JudgeModel | None, /) -> Grader:
    """Checks on changed lines: `contains`, `not_contains`, `regex`; on changed paths: `only`; `max_lines`, `empty`.

    `flags` of the patterns (`m`): letters of `aimsx`, as in Python.
    """
    listed = (str, list)
    allowed: dict[str, type | tuple[type, ...]] = {
        "contains": listed,
        "not_contains": listed,
        "regex": listed,
        "only": listed,
        "flags": str,
    }
    check_options(spec, {**allowed, "max_lines": int, "empty": bool})
    most, empty = spec.options.get("max_lines"), spec.options.get("empty")
    if isinstance(most, int) and most < 0:
        raise ConfigError("grader 'diff': option 'max_lines' must be 0 or more")
    flags = str(spec.options.get("flags", "m"))
    made = _Diff(
        spec=spec,
        contains=texts(spec, "contains"),
        not_contains=texts(spec, "not_contains"),
        regex=tuple(patterns.compiled(spec.type, p, flags) for p in texts(spec, "regex")),
        only=texts(spec, "only"),
        most=most if isinstance(most, int) else None,
        empty=empty if isinstance(empty, bool) else None,
    )
    at_least_one(
        spec, made.contains, made.not_contains, made.regex, made.only, made.most is not None, made.empty is not None
    )
    return made
