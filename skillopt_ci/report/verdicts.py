"""The gate's word on one skill, for Markdown and for pages: the same words, escaped by whoever shows them."""

from collections.abc import Callable, Sequence

from skillopt_ci.core.merge_gate import MergeRule, unseen_loss
from skillopt_ci.core.suite_edits import SuiteEdits
from skillopt_ci.core.verdict import SkillVerdict
from skillopt_ci.report.parts import MAX_IDS, gain, points

WORDS = {"pass": "PASS", "regression": "FAIL", "inconclusive": "INCONCLUSIVE", "not-applicable": "NOT APPLICABLE"}


def plain_line(v: SkillVerdict) -> str:
    """The sentence after the verdict's word, as plain text."""
    return verdict_words(v, str, plain_ids)[1]


def plain_ids(tasks: Sequence[str]) -> str:
    """Task ids, the first 50 of them, as plain text."""
    more = f" and {len(tasks) - MAX_IDS} more" if len(tasks) > MAX_IDS else ""
    return ", ".join(tasks[:MAX_IDS]) + more


def verdict_words(v: SkillVerdict, text: Callable[[str], str], ids: Callable[[Sequence[str]], str]) -> tuple[str, str]:
    """The verdict's word and its sentence; `text` and `ids` escape what strangers wrote."""
    if v.golden_failed:
        return "FAIL", f"golden task broken (at least 3 of 4 runs fail, the base passes it): {ids(v.golden_failed)}."
    if v.look is not None and v.reason == "infrastructure":
        missing = max(v.look.missing_base, v.look.missing_head)
        why = text(v.message) or f"{100 * missing:.0f}% of the runs gave no result, too many to decide"
        return "INCONCLUSIVE", f"{why}; blocked."
    if v.look is None or v.look.difference is None:
        return WORDS.get(v.verdict or "", "NO VERDICT"), text(v.message or v.reason)
    shown = f"{gain(v.look.difference)} pt on {v.look.n_tasks} tasks"
    rounds = f"round {v.rounds}/{v.rule.max_rounds}" if v.rule else f"round {v.rounds}"
    if v.verdict == "regression":
        told = f"; tasks that look worse: {ids(v.suspects)}" if v.suspects else ""
        return "FAIL", f"regression shown: {shown}, {_p(v)}, {rounds}{told}."
    if v.verdict == "pass":
        sure = _sure(v.rule) if v.rule else "this rule"
        margin = "the margin" if v.margin is None else f"{100 * v.margin:.3g} points"
        return "PASS", f"a loss of {margin} or more ruled out ({sure}, this suite): {shown}, {rounds}."
    blocks = "blocked (policy: block)" if v.blocking else "not blocked (policy: pass)"
    if v.look.reason == "not-confirmed":
        said = (
            f"{shown} against stored base runs older than a day ({_p(v)}, {rounds}), which fresh runs of both sides do "
            f"not show; {blocks}. Measure the base again with `skillopt-ci baseline`."
        )
        return "INCONCLUSIVE", said
    if v.rule and v.look.difference < 0 and v.look.p is not None and v.look.p <= v.look.threshold:
        least = f"gate.min_effect ({100 * v.rule.min_effect:.3g} points)"
        return "INCONCLUSIVE", f"a loss is shown that is smaller than {least}: {shown}, {_p(v)}, {rounds}; {blocks}."
    can = v.minimum_detectable_effect
    rounds += ", as further rounds would hardly show a loss" if v.look.reason == "futile" else ""
    told = "" if can is None else f"; this suite can show regressions of {points(can)} pt or more"
    return "INCONCLUSIVE", f"{shown}, {_p(v)}, {rounds}{told}; {blocks}."


def reader_notes(v: SkillVerdict, text: Callable[[str], str], ids: Callable[[Sequence[str]], str]) -> list[str]:
    """What a reader should know about one comparison besides its verdict; `text` and `ids` escape."""
    lines = [text(note) for note in v.notes]
    if v.suspects and v.verdict != "regression":  # a regression names them in its sentence
        lines.append(f"Tasks whose own runs look worse (some do by chance): {ids(v.suspects)}.")
    if doubt := _doubt(v):
        lines.append(doubt)
    if v.base is not None and v.base.mean == 0:
        lines.append("The base passes none of these tasks: no loss could show, and a pass says nothing.")
    if v.test_opened:
        runs = "1 run" if v.test_opened == 1 else f"{v.test_opened} runs"
        lines.append(f"The test split of this suite was opened by {runs} so far.")
    return lines


def _doubt(v: SkillVerdict) -> str:
    """What a PASS of few runs that hardly differ does not say; empty for the others."""
    if v.verdict != "pass" or v.look is None or v.margin is None or v.head is None or (v.base and v.base.mean == 0):
        return ""
    chance = unseen_loss(v.look, v.margin, v.head.n_runs)
    if chance is None:
        return ""
    return (
        f"The runs hardly differ, and they are few: a loss of {100 * v.margin:.3g} points that is spread thin over the "
        f"tasks would look like this in about {100 * chance:.0f}% of the cases. More tasks would show it."
    )


def _sure(rule: MergeRule) -> str:
    """How surely a PASS rules the margin out: with several looks at alpha each, a loss of it passes twice as often."""
    if rule.pass_rule == "strict" or rule.max_rounds == 1:
        return f"{100 * (1 - rule.alpha):.3g}%"
    return f"about {100 * (1 - 2 * rule.alpha):.3g}%"


def _p(v: SkillVerdict) -> str:
    if v.look is None or v.look.p is None:
        return "p not measured"
    shown = "p<0.0001" if v.look.p < 0.0001 else f"p={v.look.p:.4f}"
    return f"{shown} ({'<=' if v.look.p <= v.look.threshold else '>'} {v.look.threshold:.4f})"


def power_words(shown: float, margin: float) -> str:
    """What losses a gate can show on a suite, from 0 to 1, beside its margin."""
    line = f"This suite shows losses of {points(shown)} pt or more (80% power)"
    if shown > margin:
        line += f", the margin is {points(margin)} pt: more tasks, more base runs or a larger margin would suit it"
    return f"{line}."


def suite_words(edits: SuiteEdits, text: Callable[[str], str], ids: Callable[[Sequence[str]], str]) -> str:
    """What a change does to the tasks of a skill; `text` and `ids` escape what strangers wrote."""
    name = f"tasks of {text(edits.skill)}"
    if edits.unreadable:
        return f"{name}: cannot be read as they would be: {text(edits.unreadable)}"
    changed = [f"{i} ({', '.join(fields)})" for i, fields in edits.changed]
    named = (("added", edits.added), ("removed", edits.removed), ("changed", changed))
    return f"{name}: " + "; ".join(f"{word} ({len(found)}): {ids(found)}" for word, found in named if found)
