"""The grader `rules`: a list of checks, as in gbrain's skillopt-v1 benchmarks (and SkillOpt's additions to them)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skillopt_ci.core.rollout import Check as Looked
from skillopt_ci.core.rollout import Score
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.rule_checks import KNOWN, Check, Unmet, made


@dataclass(frozen=True, slots=True)
class _Rules:
    spec: GraderSpec
    checks: tuple[Check, ...]
    names: tuple[str, ...]

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        found = [check(trajectory) for check in self.checks]
        score = self._score([u for u in found if u is not None])
        said = zip(self.names, found, strict=True)
        checks = tuple(Looked(text=name, passed=u is None, evidence=u.why if u else "") for name, u in said)
        return replace(score, checks=checks)

    def _score(self, unmet: Sequence[Unmet]) -> Score:
        total = len(self.checks)
        said = f"{total - len(unmet)} of {plural(total, 'check')} passed"
        if not unmet:
            return wording.scored(self.spec, 1.0, True, why=said, hint=said, bare=said)
        why, hint = ("; ".join(dict.fromkeys(words)) for words in ((u.why for u in unmet), (u.hint for u in unmet)))
        return wording.scored(
            self.spec, (total - len(unmet)) / total, False, why=f"{why} ({said})", hint=f"{hint} ({said})", bare=said
        )


def rules(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """Checks of the answer and its tool calls; value is the share that is met, passed when all are.

    Option `checks`: a list of `{op, arg}`. Texts are compared with their case, unless a check says `ignore_case: true`;
    names of sections without. A pattern may have `flags` (letters of `aimsx`; without the key `m`, as in gbrain).
    """
    del judge
    check_options(spec, {"checks": list})
    listed = spec.options.get("checks")
    if not isinstance(listed, list) or not listed:
        raise ConfigError("grader 'rules': option 'checks' must list at least one {op, arg}")
    checks = tuple(_check(number, item) for number, item in enumerate(listed, 1))
    return _Rules(spec, checks, tuple(wording.clip(f"{item['op']}: {item.get('arg', '')}") for item in listed))


def _check(number: int, item: object) -> Check:
    where = f"grader 'rules', check {number}"
    if not isinstance(item, Mapping) or "op" not in item or not set(item) <= {"op", "arg", "ignore_case", "flags"}:
        raise ConfigError(f"{where}: must be a mapping of 'op' and 'arg'")
    op = item["op"]
    if not isinstance(op, str) or op not in KNOWN:
        raise ConfigError(f"{where}: unknown op {op!r}{suggest(str(op), KNOWN)}")
    try:
        return made(op, item)
    except ConfigError as error:
        words = str(error).removeprefix("grader 'rules': ")
        raise ConfigError(f"{where}: {words}") from error
