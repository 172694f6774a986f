"""The run folder of `train`: readable, derived, the same bytes for the same run."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from skillopt_ci.core.history import Confirmation, Step, TrainResult
from skillopt_ci.core.json_values import parsed_objects
from skillopt_ci.core.rejected import rejected_edits
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout, Score
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.core.verdict import TrainEntry
from skillopt_ci.errors import UsageError
from skillopt_ci.report.escape import scrub_value
from skillopt_ci.report.jsonout import dump, dump_line, train_json
from skillopt_ci.report.junit import train_junit, with_property
from skillopt_ci.report.page.document import document
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.parts import UNCONFINED
from skillopt_ci.report.training import train_summary

_TRAIN_STREAMS = ("train/", "slow/", "screen")  # streams of train tasks: the only ones whose text is written
_WRITING = ".skillopt-writing-"  # a file that is not whole yet; stays behind where the process is killed


class RunFolder:
    """Writes a run's files. Every method raises `UsageError` where the folder cannot be written.

    Args:
        path: the folder; made when it is missing.
        scrub: takes secrets out of everything but the skills themselves, which stay byte for byte what they are.
        show_heldout: write the text of validation tasks too.
        confined: whether what ran was kept in a sandbox; where it was not every report says so.
    """

    def __init__(
        self, path: Path, scrub: Callable[[str], str], *, show_heldout: bool = False, confined: bool = True
    ) -> None:
        self.path = path
        self._scrub = scrub
        self._show_heldout = show_heldout
        self._confined = confined

    def write_config(self, config: Mapping[str, object]) -> None:
        """`config.json`: the resolved configuration, without secrets. Comes first, so it clears up after a kill."""
        self._json("config.json", config)
        for left in self.path.rglob(f"{_WRITING}*"):
            if not left.is_dir():
                left.unlink(missing_ok=True)

    def write_step(self, step: Step) -> None:
        """The files of one step: `steps/step_0001/`, or `slow_update/epoch_02/`."""
        folder = _folder_of(step)
        lines = [dump_line(scrub_value(self._rollout(r), self._scrub)) for r in step.rollouts]
        self._write(f"{folder}/rollouts.jsonl", "".join(lines))
        self._json(f"{folder}/edits.json", [e.as_json() for e in step.edits])
        self._json(f"{folder}/verdict.json", _verdict(step))
        if step.candidate is not None:
            self._write(f"{folder}/candidate_skill.md", step.candidate.text)
        else:
            self._remove(f"{folder}/candidate_skill.md")

    def write_meta_notes(self, epoch: int, notes: str, failure: Failure | None = None) -> None:
        """`meta_skill/epoch_02/meta_notes.md`: the optimizer's own memory, and why it gave none where it did not."""
        folder = f"meta_skill/epoch_{epoch:02d}"
        self._write(f"{folder}/meta_notes.md", self._scrub(notes.rstrip("\n") + "\n"))
        if failure is not None:
            told = {"stage": failure.stage, "kind": failure.kind, "message": failure.message}
            self._json(f"{folder}/failure.json", told)

    def finish(self, entry: TrainEntry, *, simulated: bool, pull_request: str | None = None) -> None:
        """Everything that is known at the end. `pull_request` is Markdown; None takes an earlier one away."""
        r = entry.result
        if r is not None:
            self._result(r)
        markdown = self._scrub(train_summary([entry], simulated=simulated))
        report = train_json([entry], exit_code=entry.exit_code, message=entry.message, simulated=simulated)
        xml = train_junit([entry])
        if not self._confined:
            markdown, report = f"{UNCONFINED}\n\n{markdown}", {**report, "sandbox": "off"}
            xml = with_property(xml, "sandbox", "off")
            pull_request = pull_request and f"{UNCONFINED}\n\n{pull_request}"
        self._json("report.json", report)
        self._write("report.md", markdown)
        self._write("junit.xml", self._scrub(xml))
        if pull_request is not None:
            self._write("pull_request.md", self._scrub(pull_request))
        else:
            self._remove("pull_request.md")
        self.write_page()

    def write_history(self, data: bytes) -> None:
        """`skill_history.jsonl`: what was committed of earlier runs when this one began; nothing when that is nothing.

        Lines that are no JSON object, or hold a number that JSON does not have, are left out.
        """
        told = (self._told(value) for value in parsed_objects(data.splitlines()))
        lines = [line for line in told if line is not None]
        if lines:
            self._write("skill_history.jsonl", "".join(lines))
        else:
            self._remove("skill_history.jsonl")

    def _told(self, value: dict[str, object]) -> str | None:
        try:
            return dump_line(scrub_value(value, self._scrub))
        except (ValueError, RecursionError):
            return None

    def write_page(self) -> None:
        """`report.html`, from the other files of the folder."""
        self._write("report.html", document(read_page(self.path, self._scrub)))

    def _result(self, r: TrainResult) -> None:
        self._json("history.json", [step.as_json() for step in r.steps])
        self._write("best_skill.md", r.best.text)
        versions = [f"skills/skill_v{number:04d}.md" for number in range(len(r.versions) + 1)]  # v0000 is the start
        for name, version in zip(versions, (r.start, *r.versions), strict=True):
            self._write(name, version.text)
        self._keep({*versions, *map(_folder_of, r.steps)})
        rejected = [
            {
                "op": x.edit.op,
                "target": x.edit.target,
                "content": x.edit.content,
                "rationale": x.edit.rationale,
                "reason": x.reason,
                "effect": None if x.effect is None else round(x.effect, 6),
            }
            for x in rejected_edits(r.steps)
        ]
        self._json("rejected.json", rejected)
        self._confirmation(r.confirmation, r.closing)

    def _confirmation(self, c: Confirmation | None, closing: Evaluation | None) -> None:
        """`test/`: every run of the closing comparison; its words only where held-out texts may be shown.

        `closing` is the measurement of a skill that nothing was made of.
        """
        if c is None:
            self._remove("test/rollouts.jsonl")
            if closing is None:
                self._remove("test/verdict.json")
                return
            alone = zip(closing.task_ids, closing.values, strict=True)
            tasks = [{"id": task, "start": _rounded(start)} for task, start in alone]
            self._json("test/verdict.json", {"runs": max(map(len, closing.values), default=0), "tasks": tasks})
            return
        rows = zip(c.start.task_ids, c.start.values, c.best.values, c.comparison.pairs, strict=True)
        pairs: list[dict[str, object]] = [
            {"id": task, "start": _rounded(start), "best": _rounded(best), "outcome": pair.outcome}
            for task, start, best, pair in rows
        ]
        for pair, cluster in zip(pairs, c.start.clusters, strict=False):  # empty where no task has such company
            pair.update({} if cluster is None else {"cluster": cluster})
        self._json("test/verdict.json", {"runs": c.runs, "tasks": pairs})
        if self._show_heldout and c.rollouts:
            lines = [dump_line(scrub_value(self._rollout(r), self._scrub)) for r in c.rollouts]
            self._write("test/rollouts.jsonl", "".join(lines))
        else:
            self._remove("test/rollouts.jsonl")

    def _rollout(self, rollout: Rollout) -> dict[str, object]:
        """One line of `rollouts.jsonl`: no clock; text only of train tasks."""
        sample, outcome = rollout.sample, rollout.outcome
        value: dict[str, object] = {
            "task_id": sample.task_id,
            "stream": sample.stream,
            "n": sample.n,
            "skill": rollout.skill,
        }
        text = self._show_heldout or sample.stream.startswith(_TRAIN_STREAMS)
        if isinstance(outcome, Score):
            value |= {"score": round(outcome.value, 6), "passed": outcome.passed}
            value |= {"why": outcome.why} if text else {}
        else:
            value |= {"score": None, "failure": {"stage": outcome.stage, "kind": outcome.kind}}
        t = rollout.trajectory
        if t is not None:
            value |= {"stop_reason": t.stop_reason, "served_model": t.served_model}
            if t.tool_version:
                value |= _of_agent(t, text=text)
            if text:
                value["messages"] = [{"role": m.role, "content": m.content} for m in t.messages]
                value["tool_calls"] = [
                    {"name": c.name, "arguments": c.arguments, "result": c.result} for c in t.tool_calls
                ]
        return value

    def _json(self, name: str, value: object) -> None:
        self._write(name, dump(scrub_value(value, self._scrub)))

    def _write(self, name: str, text: str) -> None:
        """Write a file whole or not at all, bytes as they are."""
        target = self._place(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=_WRITING, dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(text.encode("utf-8", "replace"))
                Path(temporary).chmod(0o644)
                Path(temporary).replace(target)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{self.path / name}: cannot be written: {error.strerror or error}") from error

    def _remove(self, name: str) -> None:
        """Take away what an earlier end of the same run left."""
        self._place(name).unlink(missing_ok=True)

    def _keep(self, names: Collection[str]) -> None:
        """Of steps and versions only these: the same run may have gone another way, with a ledger that is gone."""
        for place in (p for kind in ("steps", "slow_update", "skills") for p in (self.path / kind).glob("*_*")):
            name = place.relative_to(self.path).as_posix()
            if name in names or not re.fullmatch(r"\w+/(?:step_\d{4,}|epoch_\d{2,}|skill_v\d{4,}\.md)", name):
                continue
            try:
                shutil.rmtree(place) if self._place(name).is_dir() else place.unlink()
            except OSError as error:
                raise UsageError(f"{place}: cannot be removed: {error.strerror or error}") from error

    def _place(self, name: str) -> Path:
        """Where a file goes. Raises `UsageError` when the way there is a symbolic link."""
        place = self.path
        for part in ("", *name.split("/")):
            place = place / part if part else place
            if place.is_symlink():
                raise UsageError(f"{place}: is a symbolic link; remove it, or choose another folder with --run-dir")
        return place


def require_own(path: Path) -> None:
    """Raises `UsageError` for a folder with files in it that is no run's: those of a run would replace them."""
    if not path.is_dir() or (path / "config.json").is_file():
        return
    if any(not place.name.startswith(_WRITING) for place in path.iterdir()):
        raise UsageError(f"--run-dir {path}: not empty, and not the folder of a run; name a new or an empty one")


def _folder_of(step: Step) -> str:
    return f"slow_update/epoch_{step.epoch:02d}" if step.kind == "slow_update" else f"steps/step_{step.number:04d}"


def _rounded(values: tuple[float | None, ...]) -> list[float | None]:
    return [None if v is None else round(v, 6) for v in values]


def _verdict(step: Step) -> dict[str, object]:
    value = step.as_json()
    del value["edits"]
    d = step.decision
    means = d.evaluation.means if d and d.evaluation else {}
    value["n_rollouts"] = d.n_rollouts if d else 0
    value["tasks"] = [{"id": task, "mean": None if m is None else round(m, 6)} for task, m in means.items()]
    return value


def _of_agent(t: Trajectory, *, text: bool) -> dict[str, object]:
    """What there is of an agent's rollout alone: names and contents of files only where text may be shown."""
    usage = {"input": t.usage.input_tokens, "cached": t.usage.cached_tokens, "output": t.usage.output_tokens}
    value: dict[str, object] = {
        "tool_version": t.tool_version,
        "turns": t.calls,
        "tokens": usage,
        "usd": None if t.usd is None else str(t.usd),
        "denied": list(t.denied),
        "skills_used": list(t.skills_used),
    }
    if text:
        value["files"] = [a.name for a in t.artifacts]
        value |= {"removed": list(t.removed), "omitted": list(t.omitted), "diff": t.diff}
    return value
