"""A matrix of scores: JSON (`skillopt-ci/matrix/1`), Markdown and JUnit."""

from collections.abc import Sequence

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.history import effect_json, rounded
from skillopt_ci.core.matrix import Cell, Matrix
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.texts import plural
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.jsonout import Json, marked, side_json, spend_json
from skillopt_ci.report.junit import Case, junit
from skillopt_ci.report.parts import SIMULATED, bounds, capped, gain, points, spending, table

WORDS = {"helps": "helps", "harms": "HARMS", "not-shown": "no effect shown", None: "too much missing"}


def matrix_json(matrix: Matrix, *, simulated: bool = False) -> Json:
    """`skillopt-ci/matrix/1`."""
    return marked(
        {
            "schema": "skillopt-ci/matrix/1",
            "exit_code": matrix.exit_code,
            "split": matrix.split,
            "runs": matrix.runs,
            "cells": [_cell(c) for c in matrix.cells],
            "test_opened": matrix.opened,
            "spend": spend_json(matrix.paid, matrix.replayed),
        },
        matrix.message,
        simulated,
    )


def _cell(c: Cell) -> Json:
    return {
        "name": c.name,
        "path": c.path,
        "version": c.version,
        "sha": c.sha,
        "target": c.target,
        "harness": c.harness,
        "verdict": c.word,
        "with": side_json(c.digest, c.having, c.tokens),
        "without": side_json(None, c.without, 0),
        "effect": effect_json(c.effect.effect),
        "against_first": effect_json(c.against.effect) if c.against else None,
        "n_tasks": sum(p.outcome != "not-measured" for p in c.effect.pairs),
        "tasks": [{"id": p.task_id, "without": rounded(p.base), "with": rounded(p.head)} for p in c.effect.pairs],
    }


def matrix_summary(matrix: Matrix, *, simulated: bool) -> str:
    """One table: every version on every target and harness."""
    blocks = [SIMULATED] if simulated else []
    blocks += [md_text(matrix.message)] if matrix.message else []
    several = any(c.against is not None for c in matrix.cells)
    head = [
        "Skill",
        "Version",
        "Target",
        "Harness",
        "Without [95% CI]",
        "With [95% CI]",
        "Effect (pt) [95% CI]",
        "Shown",
    ]
    head += ["Against the first version (pt) [95% CI]"] if several else []
    runs = plural(matrix.runs, "run")
    blocks += [
        f"## Skills over targets and harnesses, {md_text(matrix.split)} tasks, {runs} each",
        table([*head, "Tasks", "Tokens"], [_row(c, several=several) for c in matrix.cells]),
        "Each interval by itself, not adjusted for the number of cells.",
    ]
    if matrix.opened is not None:
        blocks.append(
            f"The test split was opened {plural(matrix.opened, 'time')} so far for the suite that was opened most."
        )
    return capped([*blocks, spending(matrix.paid, matrix.replayed)])


def _row(c: Cell, *, several: bool) -> Sequence[str]:
    version = md_text(c.version, 100) + (f" ({md_text(c.sha[:12])})" if c.sha else "")
    measured = sum(p.outcome != "not-measured" for p in c.effect.pairs)
    return (
        md_text(c.name, 100),
        version,
        md_text(c.target, 100),
        md_text(c.harness, 100),
        _score(c.without),
        _score(c.having),
        _effect(c.effect),
        WORDS[c.word],
        *([_effect(c.against) if c.against else "-"] if several else []),
        f"{measured} of {len(c.effect.pairs)}",
        str(c.tokens),
    )


def _score(side: Evaluation) -> str:
    found = side.interval
    return f"{points(side.mean)} [{points(found[0])}, {points(found[1])}]" if found else "not measured"


def _effect(comparison: Comparison) -> str:
    effect = comparison.effect
    return f"{gain(effect.mean)} {bounds(effect)}" if effect else "not measured"


def matrix_junit(matrix: Matrix) -> str:
    """A case a cell: an error where too much is missing, a failure where the skill does harm."""
    cases = [
        Case(
            id=f"{c.version} on {c.target}, {c.harness}",
            classname=c.name,
            status="error" if c.word is None else "failed" if c.word == "harms" else "passed",
            message=WORDS[c.word],
        )
        for c in matrix.cells
    ]
    return junit("skillopt-ci eval --matrix", cases, {"split": matrix.split})
