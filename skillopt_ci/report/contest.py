"""Methods compared: JSON (`skillopt-ci/compare/1`), Markdown and JUnit."""

from skillopt_ci.core.contest import Contest, ContestReport, Duel, MethodRow
from skillopt_ci.core.history import effect_json, rounded
from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.core.texts import plural
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.jsonout import Json, marked, side_json, spend_json
from skillopt_ci.report.junit import Case, junit
from skillopt_ci.report.parts import SIMULATED, bounds, capped, gain, points, spending, table

EQUAL = "at most the same number of target rollouts for every method's search; the closing measurement is apart"


def contest_json(report: ContestReport, *, simulated: bool = False) -> Json:
    """`skillopt-ci/compare/1`."""
    return marked(
        {
            "schema": "skillopt-ci/compare/1",
            "exit_code": report.exit_code,
            "equal": EQUAL,
            "skills": [_contest(c) for c in report.contests],
            "spend": spend_json(report.paid, report.replayed),
        },
        report.message,
        simulated,
    )


def _contest(c: Contest) -> Json:
    return {
        "name": c.name,
        "path": c.path,
        "target": c.target,
        "harness": c.harness,
        "seed": c.seed,
        "generation": c.generation,
        "rollouts": c.rollouts,
        "runs": c.runs,
        "n_tasks": dict(c.sizes),
        "methods": [_row(r) for r in c.rows],
        "pairs": [_duel(d) for d in c.duels],
        "closing": c.closing.as_json(),
        "test_opened": c.opened or None,
    }


def _row(row: MethodRow) -> Json:
    r, c = row.result, row.comparison
    value: Json = {
        "method": row.method,
        "exit_code": row.exit_code,
        "changed": r.changed() if r else None,
        "test": side_json(r.best.digest, row.test, r.best.tokens) if r else None,
        "effect": effect_json(c.effect) if c else None,
        "confidence_better": None if c is None or c.confidence_better is None else round(c.confidence_better, 6),
        "selection": {"start": rounded(r.start_val.mean), "best": rounded(r.best_val_mean)} if r else None,
        "rollouts": row.rollouts,
        "steps": len(r.steps) if r else None,
        "accepted": len(r.accepted) if r else None,
        "rejected": len(r.rejected) if r else None,
        "refused": sorted({e.reason for s in r.steps for e in s.edits if e.status == "refused"}) if r else [],
        "stopped": r.stopped if r else None,
        "recorded": row.recorded.as_json(),
        "paid": row.paid.as_json(),
        "run_dir": row.run_dir,
    }
    return {**value, **({"message": row.message} if row.message else {})}


def _duel(d: Duel) -> Json:
    effect = d.comparison.effect if d.comparison else None
    winner = d.better
    return {
        "a": d.a,
        "b": d.b,
        "same_skill": d.same_skill,
        "effect": effect_json(effect),
        "better": None if winner is None else d.a if winner == "a" else d.b,
        "tasks_better": None if d.comparison is None else {"a": d.wins("a"), "b": d.wins("b")},
    }


def contest_summary(report: ContestReport, *, simulated: bool) -> str:
    """What each method made of each skill, and which two differ."""
    blocks = [SIMULATED] if simulated else []
    blocks += [md_text(report.message)] if report.message else []
    for c in report.contests:
        blocks += _sections(c)
    blocks.append(spending(report.paid, report.replayed))
    return capped(blocks)


def _sections(c: Contest) -> list[str]:
    sizes = c.sizes
    head = (
        "Method",
        "Test [95% CI]",
        "Effect (pt) [95% CI]",
        "Selection",
        "Rollouts",
        "Recorded cost",
        "Paid now",
        "Tokens",
    )
    blocks = [
        f"## Methods on {md_text(c.name, 100)}",
        f"{md_text(c.target, 100)}, {md_text(c.harness, 100)}: {sizes['train']} train, {sizes['val']} val and "
        f"{sizes['test']} test tasks, seed {c.seed}, generation {c.generation}. Equal budget: at most {c.rollouts} "
        f"target rollouts for each search; the closing measurement ({plural(c.runs, 'run')} a test "
        "task) is apart.",
        table(head, [_cells(r) for r in c.rows]),
        "Effect: final skill against the skill as it is (human), same tasks. Selection: validation scores that the "
        "method chose by; optimistic, no result. Recorded cost: all that a method took; a call that several took is "
        "recorded for each of them, and paid once.",
    ]
    if c.duels:
        rows = [_duel_cells(d) for d in c.duels]
        blocks.append(table(("A", "B", "B - A (pt) [95% CI]", "Tasks better: A, B", "Shown"), rows))
        blocks.append("Each interval by itself, not adjusted for the number of comparisons.")
    if c.opened:
        blocks.append(f"The test split of this suite was opened {plural(c.opened, 'time')} so far.")
    blocks += [f"{md_text(r.method, 60)}: {md_text(said)}" for r in c.rows if (said := _said(r))]
    return blocks


def _cells(row: MethodRow) -> tuple[str, ...]:
    r = row.result
    effect = row.comparison.effect if row.comparison else None
    shown = f"{gain(effect.mean)} {bounds(effect)}" if effect else "not measured"
    if r is not None and row.test is not None and not r.changed():
        shown = "unchanged"
    found = row.test.interval if row.test else None
    test = f"{points(row.test.mean)} [{points(found[0])}, {points(found[1])}]" if row.test and found else "not measured"
    chosen = "not measured"
    if r is not None and r.best_val_mean is not None:
        chosen = f"{points(r.start_val.mean)} -> {points(r.best_val_mean)}"
    tokens = str(r.best.tokens) if r else "-"
    return (
        md_text(row.method, 60),
        test,
        shown,
        chosen,
        str(row.rollouts),
        _cost(row.recorded),
        _cost(row.paid),
        tokens,
    )


def _duel_cells(d: Duel) -> tuple[str, ...]:
    a, b = md_text(d.a, 60), md_text(d.b, 60)
    if d.same_skill:
        return a, b, "the same skill", "-", "-"
    effect = d.comparison.effect if d.comparison else None
    winner = d.better
    return (
        a,
        b,
        f"{gain(effect.mean)} {bounds(effect)}" if effect else "not measured",
        f"{d.wins('a')}, {d.wins('b')}",
        "not shown" if winner is None else f"{a if winner == 'a' else b} is better",
    )


def _said(row: MethodRow) -> str:
    """Why a row is not whole, and what its method was refused."""
    refused = {e.reason for s in row.result.steps for e in s.edits if e.status == "refused"} if row.result else set()
    told = [row.message] if row.message else []
    told += [f"refused by policy: {'; '.join(sorted(refused)[:5])}"] if refused else []
    return ". ".join(told)


def contest_junit(report: ContestReport) -> str:
    """A case a method: passed when it was trained and measured."""
    cases = [
        Case(
            id=r.method,
            classname=c.name,
            status="error" if r.exit_code or r.test is None else "passed",
            message=r.message or (r.result.stopped if r.result else "no result"),
        )
        for c in report.contests
        for r in c.rows
    ]
    return junit("skillopt-ci compare", cases, {})


def _cost(spend: Spend) -> str:
    usd = "price unknown" if spend.usd is None else f"{format_usd(spend.usd)} USD"
    return f"{plural(spend.calls, 'call')}, {usd}"
