"""The grader `tool-calls`: which tools an agent used, did not use, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import ToolCall, Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import patterns, wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.checks import Checked, at_least_one, share


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tool by its name (`*` stands for anything), and perhaps a pattern that its arguments match."""

    name: str
    arguments: patterns.Pattern | None

    def fits(self, call: ToolCall) -> bool:
        if not fnmatchcase(call.name, self.name):
            return False
        return self.arguments is None or patterns.found(self.arguments, call.arguments, "tool-calls")

    def __str__(self) -> str:
        said = wording.quoted(self.name)
        return said if self.arguments is None else f"{said} with /{wording.clip(self.arguments.pattern)}/"


@dataclass(frozen=True, slots=True)
class _ToolCalls:
    spec: GraderSpec
    used: tuple[_Wanted, ...]
    not_used: tuple[_Wanted, ...]
    order: tuple[_Wanted, ...]
    most: int | None

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        calls = trajectory.tool_calls
        done: list[Checked] = []
        for one in self.used:
            said = f"the tool {one} was not used"
            done.append(Checked(any(one.fits(c) for c in calls), said, said))
        for one in self.not_used:
            said = f"the tool {one} was used, which is not allowed"
            done.append(Checked(not any(one.fits(c) for c in calls), said, said))
        if self.order:
            left = iter(calls)
            lacking = next((one for one in self.order if not any(one.fits(c) for c in left)), None)
            said = f"the tools were not used in the required order: {lacking} did not come, or not in its turn"
            done.append(Checked(lacking is None, said, said))
        if self.most is not None:
            said = f"{plural(len(calls), 'tool call')}, at most {self.most} are allowed"
            done.append(Checked(len(calls) <= self.most, said, said))
        return share(self.spec, done, f"{plural(len(calls), 'tool call')} as required")


def tool_calls(spec: GraderSpec, _judge: JudgeModel | None, /) -> Grader:
    """Checks on the tools: `used`, `not_used`, `order` (names, or {name, arguments: pattern}), `max_calls`."""
    listed = (str, list, dict)
    check_options(spec, {"used": listed, "not_used": listed, "order": list, "max_calls": int})
    most = spec.options.get("max_calls")
    if isinstance(most, int) and most < 0:
        raise ConfigError("grader 'tool-calls': option 'max_calls' must be 0 or more")
    made = _ToolCalls(
        spec=spec,
        used=_wanted(spec, "used"),
        not_used=_wanted(spec, "not_used"),
        order=_wanted(spec, "order"),
        most=most if isinstance(most, int) else None,
    )
    at_least_one(spec, made.used, made.not_used, made.order, made.most is not None)
    return made


def _wanted(spec: GraderSpec, key: str) -> tuple[_Wanted, ...]:
    value = spec.options.get(key, [])
    return tuple(_one(key, item) for item in (value if isinstance(value, list) else [value]))


def _one(key: str, item: object) -> _Wanted:
    if isinstance(item, str) and item:
        return _Wanted(item, None)
    if isinstance(item, Mapping) and set(item) <= {"name", "arguments"}:
        name, arguments = item.get("name", "*"), item.get("arguments")
        if isinstance(name, str) and name and (arguments is None or isinstance(arguments, str)):
            return _Wanted(name, None if arguments is None else patterns.compiled("tool-calls", arguments))
    raise ConfigError(f"grader 'tool-calls': option '{key}' takes names of tools, or mappings of name and arguments")
