"""The sizes of a training run, from its configuration and suite."""

from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.costs import Shape
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.task import Suite
from skillopt_ci.core.training_gate import CAREFUL, CONFIRM, FEWEST_TASKS, STRICT

RULES = {"confirm": CONFIRM, "strict": STRICT, "careful": CAREFUL}


def shape_of(skill: ResolvedSkill, suite: Suite) -> Shape:
    """The sizes that decide what training takes."""
    train, val, test = (len(suite.of([s])) for s in ("train", "val", "test"))
    t = skill.train
    return Shape(
        train=train,
        val=val,
        test=test,
        epochs=t.epochs,
        batch_size=t.batch_size,
        minibatch_size=t.minibatch_size,
        slow_update=t.slow_update and t.what == "body",
        meta_notes=t.meta_notes,
        edit_budget=max(t.edit_budget.start, t.edit_budget.end),
        screen_runs=ScreenRule(runs=t.screen.runs).most_runs,
        prune=t.prune and t.what == "body",
        gate_rounds=RULES[t.gate].max_rounds if val >= FEWEST_TASKS else 1,
        targets=len(skill.targets),
    )
