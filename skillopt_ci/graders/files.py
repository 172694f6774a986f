"""The grader `files`: what must be, and must not be, in the workspace at the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders import patterns, wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.checks import Checked, at_least_one, mapping, share, texts
from skillopt_ci.sandbox.workspace import problem_of

_TOO_LARGE = ("too large", "too many", "it cannot be read")


@dataclass(frozen=True, slots=True)
class _Workspace:
    """The files at the end: those of the task that are still there, and those that are new or changed."""

    files: Mapping[str, bytes]
    omitted: Mapping[str, str]
    unnamed: str  # what is said of more that was left out

    @classmethod
    def of(cls, task: Task, trajectory: Trajectory) -> "_Workspace":
        files = {f.name: f.data for f in task.files}
        for name in trajectory.removed:
            files.pop(name, None)
        files |= {a.name: a.data for a in trajectory.artifacts}
        omitted = dict(entry.rsplit(": ", 1) for entry in trajectory.omitted if ": " in entry)
        unnamed = next((entry for entry in trajectory.omitted if ": " not in entry), "")
        return cls({n: d for n, d in files.items() if n not in omitted}, omitted, unnamed)

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name, or a folder that files are in; a link is none.

        Raises `CallFailedError` when that cannot be said.
        """
        inside = f"{name.rstrip('/')}/"
        kept = self.omitted.get(name, "").startswith(_TOO_LARGE)
        found = kept or name in self.files or any(n.startswith(inside) for n in [*self.files, *self.omitted])
        if not found and name not in self.omitted:
            self._require_whole(name)
        return found

    def text(self, name: str) -> str | None:
        """The text of a file; None when it is not there, or none. Raises `CallFailedError` when it was not kept."""
        why = self.omitted.get(name, "")
        if why.startswith(_TOO_LARGE):
            raise CallFailedError("grader", f"grader 'files': '{wording.clip(name, 80)}' was not kept: {why}")
        data = self.files.get(name)
        if data is None and not why:
            self._require_whole(name)
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def _require_whole(self, name: str) -> None:
        if self.unnamed:
            said = f"'{wording.clip(name, 80)}' may be among what was not kept: {self.unnamed}"
            raise CallFailedError("grader", f"grader 'files': {said}")


@dataclass(frozen=True, slots=True)
class _Files:
    spec: GraderSpec
    exists: tuple[str, ...]
    absent: tuple[str, ...]
    content: Mapping[str, str]
    contains: Mapping[str, str]
    regex: Mapping[str, patterns.Pattern]

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        found = _Workspace.of(task, trajectory)
        done = [self._there(found, name) for name in self.exists]
        done += [self._not_there(found, name) for name in self.absent]
        for name, wanted in self.content.items():
            text = found.text(name)
            met = text is not None and text.strip() == wanted.strip()
            done.append(self._content(name, text, met, f"is not {wording.quoted(wanted)}"))
        for name, wanted in self.contains.items():
            text = found.text(name)
            met = text is not None and wanted in text
            done.append(self._content(name, text, met, f"does not contain {wording.quoted(wanted)}"))
        for name, pattern in self.regex.items():
            text = found.text(name)
            met = text is not None and patterns.found(pattern, text, self.spec.type)
            done.append(self._content(name, text, met, f"does not match /{wording.clip(pattern.pattern)}/"))
        return share(self.spec, done, "every file is as it must be")

    def _there(self, found: _Workspace, name: str) -> Checked:
        said = f"the file {wording.quoted(name)} is missing"
        return Checked(found.holds(name), said, said)

    def _not_there(self, found: _Workspace, name: str) -> Checked:
        said = f"the file {wording.quoted(name)} must not be there"
        return Checked(not found.holds(name), said, said)

    def _content(self, name: str, text: str | None, met: bool, lacks: str) -> Checked:
        if text is None:
            said = f"there is no text file {wording.quoted(name)}"
            return Checked(False, said, said)
        here = f"the file {wording.quoted(name)}"
        return Checked(met, f"{here} {lacks}: {wording.quoted(text)}", f"{here} has not the required content")


def files(spec: GraderSpec, _judge: JudgeModel | None, /) -> Grader:
    """Checks on the workspace: `exists`, `absent` (paths), `content`, `contains`, `regex` (path -> text).

    `flags` of the patterns (`m`): letters of `aimsx`, as in Python.
    """
    listed = {"exists": (str, list), "absent": (str, list)}
    check_options(spec, {**listed, "content": dict, "contains": dict, "regex": dict, "flags": str})
    flags = str(spec.options.get("flags", "m"))
    made = _Files(
        spec=spec,
        exists=texts(spec, "exists"),
        absent=texts(spec, "absent"),
        content=mapping(spec, "content"),
        contains=mapping(spec, "contains"),
        regex={n: patterns.compiled(spec.type, p, flags) for n, p in mapping(spec, "regex").items()},
    )
    at_least_one(spec, made.exists, made.absent, made.content, made.contains, made.regex)
    for name in (*made.exists, *made.absent, *made.content, *made.contains, *made.regex):
        problem = problem_of(name.removesuffix("/"))
        if problem is not None:
            raise ConfigError(f"grader '{spec.type}': the path {name[:80]!r} {problem}")
    return made
