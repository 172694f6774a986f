"""The grader `script`: a command in the sandbox, beside the workspace as the agent left it."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import Attachment, GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError, LedgerError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.checks import mapping
from skillopt_ci.graders.place import Place
from skillopt_ci.sandbox.base import ROOT, WORK, Command, Finished, Limits, Sandbox, make_root
from skillopt_ci.sandbox.disk import FULL, has_room, says_full
from skillopt_ci.sandbox.scratch import Scratch
from skillopt_ci.sandbox.setup import base_environment, last_words, set_up
from skillopt_ci.sandbox.workspace import lay_out, problem_of, put_back

_FOLDER = "grader"
_SECONDS = 60
_NOT_RUN = (126, 127)
_OUTPUT_BYTES = 1024 * 1024
_MIB = 1024 * 1024
# The task's set-up runs again here: what suits a check need not suit it.
_SET_UP = Limits(memory_mb=4096, disk_mb=2048)
_MEANT = re.compile(rb"""\{(?:.{0,4096},)?\s*['"]?score['"]?\s*:""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Script:
    spec: GraderSpec
    argv: tuple[str, ...]
    files: Mapping[str, str]
    limits: Limits
    place: Place | None = None

    def within(self, place: Place, /) -> Grader:
        """The same grader with a place to run. Raises `ConfigError` where there must be a sandbox and is none."""
        place.ready()
        return replace(self, place=place)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        place = self.place
        if place is None:
            raise CallFailedError("grader", "grader 'script' has no sandbox here")
        lost = [o for o in trajectory.omitted if not o.endswith(("symbolic link", "no regular file"))]
        if lost:
            raise CallFailedError("grader", f"grader 'script': the workspace was not kept whole: {lost[0][:120]}")
        about = _about(task, trajectory)
        what = self._what(task, trajectory, about)
        return self._score(
            place.once(what, f"task {task.id}, script", lambda: self._ask(place, task, trajectory, about))
        )

    def _what(self, task: Task, trajectory: Trajectory, about: Sequence[Attachment]) -> dict[str, object]:
        """Everything that the command can see of a rollout, and the command."""
        return {
            "argv": list(self.argv),
            "files": dict(self.files),
            "limits": asdict(self.limits),
            "workspace": [f.identity() for f in task.files],
            "setup": list(task.setup),
            "about": [a.identity() for a in about],
            "artifacts": [a.identity() for a in trajectory.artifacts],
            "removed": list(trajectory.removed),
        }

    def _ask(
        self, place: Place, task: Task, trajectory: Trajectory, about: Sequence[Attachment]
    ) -> Mapping[str, object]:
        with Scratch() as folder:
            room = has_room(folder, self.limits.disk_mb * _MIB)
            return _verdict(self._run(place.sandbox(), make_root(folder / ROOT), task, trajectory, about), room=room)

    def _run(
        self, sandbox: Sandbox, root: Path, task: Task, trajectory: Trajectory, about: Sequence[Attachment]
    ) -> Finished:
        """Before any foreign command runs, everything is written but what the agent changed: set-up comes before."""
        view = sandbox.view(root)
        beside = view / _FOLDER
        lay_out(root / WORK, task.files)
        lay_out(root / _FOLDER, [Attachment(name=n, data=t.encode()) for n, t in self.files.items()])
        lay_out(root / _FOLDER, about)
        set_up(sandbox, root, task.setup, _SET_UP)
        put_back(root / WORK, trajectory.artifacts, trajectory.removed)
        env = base_environment(view) | {
            "GRADER_DIR": str(beside),
            "ANSWER_FILE": str(beside / "answer.txt"),
            "DIFF_FILE": str(beside / "changes.diff"),
            "TASK_FILE": str(beside / "task.json"),
            "TRAJECTORY_FILE": str(beside / "trajectory.json"),
        }
        command = Command(argv=self.argv, root=root, env=env, limits=self.limits)
        return sandbox.run(command)

    def _score(self, said: Mapping[str, Any]) -> Score:
        """In words, from a verdict that was kept."""
        try:
            if "score" in said:
                return self._told(float(said["score"]), said)
            code = int(said["code"])
            bare = f"the script ended with code {code}"
            return wording.scored(
                self.spec, float(code == 0), code == 0, why=bare + str(said["words"]), hint=bare, bare=bare
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError("the ledger's record of a script is damaged; move the ledger away") from error

    def _told(self, value: float, said: Mapping[str, Any]) -> Score:
        """A score that the script printed."""
        bare, passed = f"the script gave {value:.2f}", said["passed"]
        return wording.scored(
            self.spec,
            value,
            value >= 1 if passed is None else bool(passed),
            why=f"{bare}: {said['why']}" if "why" in said else bare,
            hint=f"{bare}: {said['hint']}" if "hint" in said else bare,
            bare=bare,
        )


def _verdict(finished: Finished, *, room: bool) -> Mapping[str, object]:
    """What a script said, as a JSON value: its code and last words, or the score that it printed.

    Args:
        finished: the script's end.
        room: the machine had all the disk that the script may use. Where it had less and the script says that its disk
            is full, it may have cleaned up before anybody could see that.

    Raises:
        CallFailedError: kind `script`: nothing that counts; kind `sandbox`: the machine's disk was full.
    """
    code = finished.returncode
    if finished.ended == "stopped":
        raise CallFailedError("interrupted", "the run is being stopped")
    if finished.ended != "exit":
        raise _failed(f"it ran into a limit ({finished.ended})")
    if code < 0 or code > 128 or code in _NOT_RUN:
        raise _failed(f"it crashed (code {code}){last_words(finished)}")
    said = _said(finished.stdout)
    passing = code == 0 if said is None else said["score"] == 1
    if not room and not passing and says_full(finished.stderr + finished.stdout):
        raise CallFailedError("sandbox", f"grader 'script': {FULL}")
    if said is None:
        return {"code": code, "words": last_words(finished)}
    value, passed = said["score"], said.get("passed")
    if isinstance(value, bool):
        value = float(value)
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _failed(f"the score must lie in [0, 1], not {str(value)[:40]}")
    if passed is not None and not isinstance(passed, bool):
        raise _failed("'passed' must be true or false")
    words = {key: wording.clip(text, 800) for key in ("why", "hint") if isinstance(text := said.get(key), str)}
    return {"score": value + 0.0, "passed": passed, **words}  # no -0.0


def _failed(why: str) -> CallFailedError:
    return CallFailedError("script", f"grader 'script': {why}")


def _about(task: Task, trajectory: Trajectory) -> list[Attachment]:
    """What a script can read about a rollout."""
    about_task = {
        "id": task.id, "prompt": task.prompt, "context": task.context, "expected": list(task.expected),
        "metadata": {k: v for k, v in task.metadata.items() if isinstance(v, str | int | float | bool)},
    }  # fmt: skip
    about_run = {
        "messages": [{"role": m.role, "content": m.content} for m in trajectory.messages],
        "tool_calls": [{"name": t.name, "arguments": t.arguments, "result": t.result} for t in trajectory.tool_calls],
        "denied": list(trajectory.denied),
        "skills_used": list(trajectory.skills_used),
        "stop_reason": trajectory.stop_reason,
    }
    texts = {
        "answer.txt": trajectory.answer,
        "changes.diff": trajectory.diff,
        "task.json": json.dumps(about_task),
        "trajectory.json": json.dumps(about_run),
    }
    return [Attachment(name=name, data=text.encode("utf-8", "replace")) for name, text in texts.items()]


def _said(stdout: bytes) -> Mapping[str, object] | None:
    """The JSON object with a score that is the last line, if it is one.

    Raises:
        CallFailedError: it was meant to be one, such as the `{'score': 1}` that Python prints.
    """
    last = stdout.strip().rsplit(b"\n", 1)[-1]
    try:
        value = json.loads(last)
    except (ValueError, RecursionError):
        if _MEANT.match(last):
            raise _failed("its last line looks like a score and is not JSON") from None
        return None
    return value if isinstance(value, dict) and "score" in value else None


def script(spec: GraderSpec, _judge: JudgeModel | None, /) -> Grader:
    """A command in the sandbox decides: `run` (command), `timeout` (seconds), `memory_mb`, `disk_mb` (limits).

    `files`: paths in the repository, or name -> text, that stand beside the workspace.
    """
    check_options(
        spec, {"run": (str, list), "timeout": (int, float), "files": (list, dict), "memory_mb": int, "disk_mb": int}
    )
    run = spec.options.get("run")
    try:
        argv = ("sh", "-c", run) if isinstance(run, str) and shlex.split(run) else run
    except ValueError as error:
        raise ConfigError(f"grader 'script': option 'run': {error}") from None
    if not isinstance(argv, list | tuple) or not argv or not all(isinstance(a, str) and a for a in argv):
        raise ConfigError("grader 'script': option 'run' must be a command, such as `python3 \"$GRADER_DIR/check.py\"`")
    limits = Limits(output_bytes=_OUTPUT_BYTES)
    numbers = {"timeout": "seconds", "memory_mb": "memory_mb", "disk_mb": "disk_mb"}
    given = {field: spec.options.get(key, _SECONDS if key == "timeout" else None) for key, field in numbers.items()}
    for value in given.values():
        if isinstance(value, int | float) and not 0 < value < 1e6:
            raise ConfigError("grader 'script': 'timeout', 'memory_mb' and 'disk_mb' must be above 0")
    for field, value in given.items():
        limits = replace(limits, **{field: value}) if value is not None else limits  # type: ignore[arg-type]
    return _Script(spec, tuple(argv), _files(spec), limits)


def _files(spec: GraderSpec) -> Mapping[str, str]:
    if isinstance(spec.options.get("files"), list):
        return {}  # not read yet: only looked at, not run
    files = mapping(spec, "files")
    for name in files:
        problem = problem_of(name)
        if problem is not None:
            raise ConfigError(f"grader 'script': the file name {name[:80]!r} {problem}")
    return files
