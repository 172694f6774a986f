"""`gate`: changed skills against their base, on held-out tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from skillopt_ci.cli.changes import Change, find_changes, mends
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import problem_json, run
from skillopt_ci.cli.judging import Pair, judge_pairs
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, html_option, spending, viewer_option
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.policy_edits import config_edits, policy_edits
from skillopt_ci.cli.project import read_suite
from skillopt_ci.cli.sides import Sides, at_commit, find_sides, in_ci
from skillopt_ci.cli.work import at_work, limits_of, require_prices, simulated
from skillopt_ci.core.verdict import GateReport, SkillVerdict, Verdict
from skillopt_ci.errors import ConfigError, MissingKeyError, Problem
from skillopt_ci.forge.memory import committed_history
from skillopt_ci.report.jsonout import gate_json
from skillopt_ci.report.junit import gate_junit
from skillopt_ci.report.markdown import gate_summary
from skillopt_ci.report.page.from_results import gate_page

_WORDS = {
    "first-adoption": "the base has no configuration yet: first adoption, nothing to compare with",
    "new-skill": "the base has no such skill yet: nothing to compare with",
    "unchanged": "no configured skill changed",
    "body-unchanged": "only frontmatter or bundled files changed, which direct chat never sends to the target",
    "needs-maintainer": "no key here, as in every pull request from a fork: a maintainer reviews it and runs the gate "
    "for its head commit",
}
_ONE_COMMIT = "base and head are the same commit (name an earlier one with --base)"
_EXITS = {"policy-changed": 1, "golden-broken": 1, "loss-shown": 1, "provider": 5, "budget": 4, "infrastructure": 3}
# From the most to the least serious: the first that one of the skills has is the whole gate's.
_ORDER: tuple[tuple[Verdict | None, str], ...] = (
    (None, "policy-changed"),
    ("regression", "golden-broken"),
    ("regression", "loss-shown"),
    (None, "provider"),
    ("inconclusive", "budget"),
    ("inconclusive", "infrastructure"),
    ("inconclusive", "undecided"),
    ("pass", "loss-ruled-out"),
)


@click.command(help=COMMANDS["gate"])
@spending
@html_option
@viewer_option
@click.option("--base", metavar="REF", help="Compare with this commit (default: where the default branch parts).")
@click.option("--head", metavar="REF", help="Judge this commit (default: the working tree).")
@click.option("--into", metavar="BRANCH", help="The branch that the change is for (default: the default branch).")
@click.option(
    "--without-key",
    type=click.Choice(["error", "needs-maintainer"]),
    default="error",
    show_default=True,
    help="What a missing key means: a mistake, or (a fork's pull request) that a maintainer has to run the gate.",
)
@click.option(
    "--with-head-policy",
    is_flag=True,
    help="Try out the head's own configuration and tasks; for a terminal, refused in CI.",
)
def command(
    base: str | None, head: str | None, into: str | None, without_key: str, with_head_policy: bool, **shared: Any
) -> None:
    """See the help text above."""
    options = Options(**shared)

    def body(console: Console) -> int:
        sides = find_sides(options, base, head, into, head_policy=with_head_policy)
        blank = replace(_report(sides), head_policy=with_head_policy)
        try:
            return _gate(console, options, sides, blank)
        except MissingKeyError as error:
            if without_key == "error":
                raise
            said = f"{_WORDS['needs-maintainer']} ({error})"
            report = replace(blank, verdict=None, reason="needs-maintainer", message=said)
            return _leave(console, options, report, says=False)

    run("gate", options, body)


def _gate(console: Console, options: Options, sides: Sides, blank: GateReport) -> int:
    if sides.config_path is None:
        console.problems(sides.unread)
        said = "; ".join([*(f"{p.file} {p.message}" for p in sides.unread), _WORDS["first-adoption"]])
        report = replace(blank, message=said, reason="first-adoption")
        return _leave(console, options, report, says=False, problems=sides.unread)
    try:
        project = sides.project()
    except ConfigError as error:
        return _leave(console, options, _unusable_base(sides, blank, error), says=False)
    if sides.unmerged:
        console.warn(f"git is older than 2.38: an edit of a skill that {sides.base_ref} has moved since is not seen")
    changes, unreadable = find_changes(sides, project, options.skill)
    if unreadable:
        console.warn(_unusable(unreadable))
    compared = [c.skill for c in changes if not c.reason]
    edits = policy_edits(sides, project, [s.name for s in compared])
    if edits.paths and not in_ci():
        console.say("changed rules and tasks are not in force here; `gate --with-head-policy` tries them out")
    report = replace(blank, policy_changed=edits.paths, policy_diffs=edits.diffs, suite_edits=edits.suites)
    refs = [r for s in compared for r in (*s.targets, s.judge)]
    if not compared:
        summed = _summed(report, [_unmeasured(c) for c in changes])
        if sides.base_sha == sides.head_sha and summed.reason == "unchanged":
            summed = replace(summed, message=f"{summed.message}: {_ONE_COMMIT}")
        return _leave(console, options, _told(summed, unreadable), says=False)
    require_prices(limits_of(options, project), refs)
    pairs = [pair for c in changes if not c.reason for pair in _pairs(console, sides, c)]
    with at_work(console, options, project) as work:
        verdicts = [_unmeasured(c) for c in changes if c.reason]
        verdicts += judge_pairs(work, pairs)
        costs = tuple(cost for pair in pairs for cost in work.ledger.spend_by_stage(pair.run))
        report = replace(report, paid=work.meter.paid, replayed=work.meter.replayed, costs=costs)
    histories = {s.name: committed_history(project.root, project.tree, s.name) for s in compared if options.html}
    report = _told(_summed(report, verdicts), unreadable)
    return _leave(console, options, report, histories, says=simulated(refs))


def _unusable_base(sides: Sides, blank: GateReport, error: ConfigError) -> GateReport:
    """The report where the base's rules cannot be read and the head mends them: nothing can be measured, and who mends
    them must not let himself through.

    Raises:
        ConfigError: the head does not mend them.
    """
    path = str(sides.config_path)
    if not mends(sides):
        said = "no change is judged while the base has it so; one that mends it needs a maintainer's word"
        more = [] if sides.policy is sides.head else [Problem(path, 0, 0, said)]
        raise ConfigError([*error.problems, *more]) if error.problems else error
    said = (
        f"the base's configuration cannot be used, so nothing was measured ({str(error).splitlines()[0]}); this change "
        "mends it, or takes it away: a maintainer must agree"
    )
    edits = config_edits(sides)
    blank = replace(blank, policy_changed=edits.paths, policy_diffs=edits.diffs)
    return replace(blank, verdict=None, reason="policy-changed", exit_code=_EXITS["policy-changed"], message=said)


def _unusable(why: str) -> str:
    return f"the head's configuration cannot be used, the base's holds; merging it breaks later gates: {why}"


def _told(report: GateReport, unreadable: str) -> GateReport:
    """The report, saying also that the head's configuration is broken: in force once it is merged."""
    if not unreadable:
        return report
    said = _unusable(unreadable)
    return replace(report, message=f"{report.message}; {said}" if report.message else said)


def _leave(
    console: Console,
    options: Options,
    report: GateReport,
    histories: Mapping[str, bytes] | None = None,
    *,
    says: bool,
    problems: Sequence[Problem] = (),
) -> int:
    summary = gate_summary(report, simulated=says)
    value = gate_json(report, simulated=says)
    if problems:
        value["problems"] = [problem_json(p) for p in problems]
    leave_results(
        console,
        options,
        json=value,
        summary=summary,
        junit=gate_junit(report),
        pages=lambda: [gate_page(report, histories or {}, simulated=says)],
        shown=summary,
    )
    return report.exit_code


def _report(sides: Sides) -> GateReport:
    return GateReport(
        verdict="not-applicable",
        reason="unchanged",
        exit_code=0,
        base_ref=sides.base_ref,
        base_sha=sides.base_sha,
        policy_sha=sides.policy_sha,
        head_ref=sides.head_ref,
        head_sha=sides.head_sha,
    )


def _pairs(console: Console, sides: Sides, change: Change) -> list[Pair]:
    """A changed skill on each of its targets, by the base's tasks and graders."""
    assert change.base is not None and change.head is not None  # noqa: S101, PT018 - otherwise there is a reason
    try:
        suite = read_suite(console, sides.policy, change.skill, need=change.skill.gate.splits)
    except ConfigError as error:
        raise at_commit(error, sides.policy_sha) from error
    return [
        Pair(skill=one, base=change.base, head=change.head, suite=suite, blank=_unmeasured(change, one.target.label))
        for one in change.skill.each_target()
    ]


def _unmeasured(change: Change, target: str | None = None) -> SkillVerdict:
    base, head = change.base, change.head
    return SkillVerdict(
        name=change.skill.name,
        path=change.skill.path,
        target=target or change.skill.target.label,
        harness=change.skill.harness,
        verdict=None if change.reason == "policy-changed" else "not-applicable",
        reason=change.reason,
        base_digest=base.digest if base else None,
        head_digest=head.digest if head else None,
        base_tokens=base.tokens if base else None,
        head_tokens=head.tokens if head else None,
        texts=(base.text, head.text) if base and head else None,
        blocking=change.skill.gate.on_inconclusive == "block",
        message=change.why or _WORDS.get(change.reason, ""),
    )


def _summed(report: GateReport, verdicts: Sequence[SkillVerdict]) -> GateReport:
    """The verdict of all skills together: the most serious one; unchanged skills are not listed."""
    listed = tuple(v for v in verdicts if v.reason != "unchanged")
    found = {(v.verdict, v.reason) for v in listed}
    worst = next((pair for pair in _ORDER if pair in found), None)
    if worst is None:
        reasons = {v.reason for v in listed}
        message = "; ".join(_WORDS[reason] for reason in sorted(reasons)) or _WORDS["unchanged"]
        reason = reasons.pop() if len(reasons) == 1 else "unchanged"
        return replace(report, skills=listed, reason=reason, message=message)
    verdict, reason = worst
    blocked = any(v.reason == "undecided" and v.blocking for v in listed)
    code = _EXITS.get(reason, 3 if reason == "undecided" and blocked else 0)
    stopped = [
        v.message
        for v in listed
        if v.reason == reason and reason in ("policy-changed", "provider", "budget", "infrastructure") and v.message
    ]
    message = stopped[0] if stopped else ""
    return replace(report, skills=listed, verdict=verdict, reason=reason, exit_code=code, message=message)
