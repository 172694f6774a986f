"""Whole runs with the simulated models: what is bought, what is sent, and to whom."""

import threading
from dataclasses import replace

import pytest

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.history import Confirmation, Notes, Step, TrainResult
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import GraderSpec, Source, Split, Task
from skillopt_ci.core.training_gate import CONFIRM, STRICT
from skillopt_ci.engine.confirm import confirm
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.state import Bench
from skillopt_ci.graders.build import build
from skillopt_ci.harnesses.chat import Chat
from skillopt_ci.optimizers.skillopt import SkillOpt
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Completion, Model, ProviderOptions, Request
from skillopt_ci.providers.simulated import make
from tests.engine.bench import SETTINGS, Hears, run

CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Quito")
SPLITS: tuple[Split, ...] = ("train", "val", "test")
START = Skill(name="p", frontmatter="---\nname: p\n---\n", body="# Parcels\n\n- Read the parcel's data.\n")


def world(count: int, *, of_test: int = 5) -> dict[Split, tuple[Task, ...]]:
    """So many tasks a split; every text names its split, so that it is found again wherever it goes."""

    def task(split: Split, n: int) -> Task:
        city = CITIES[n % len(CITIES)]
        asked, answer = (("city", city), ("weight", "unknown"), ("colour", f"red{n}"))[n % 3]
        return Task(
            id=f"{split}-{n}",
            prompt=f"What is the {asked}?",
            context=f"Parcel: {split}-paper-{n}\nCity: {city}\nColour: red{n}",
            expected=(answer,),
            split=split,
            source=Source(file="f", line=n + 1),
        )

    sizes = {"train": count, "val": count, "test": of_test}
    return {split: tuple(task(split, n) for n in range(sizes[split])) for split in SPLITS}


class Recording:
    """The simulated provider; keeps every request."""

    def __init__(self, noise: float) -> None:
        self._inner = make(ProviderOptions(name="s", type="simulated", noise=noise))
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        with self._lock:
            self.requests.append(request)
        return self._inner.complete(request)

    def of(self, *streams: str) -> list[Request]:
        return [r for r in self.requests if r.stream.startswith(streams)]


class Run:
    """A run with its closing comparison."""

    def __init__(self, *, count: int = 12, noise: float = 0.1, concurrency: int = 1, **settings: object) -> None:
        self.splits = world(count)
        self.provider = Recording(noise)
        model = Model(provider=self.provider, model="small", temperature=None, max_output_tokens=4096)
        pool, grader = Pool(concurrency), build([GraderSpec(type="exact")], None)
        self.settings = replace(SETTINGS, **{"batch_size": 7, "epochs": 3, **settings})  # type: ignore[arg-type]
        lab = Lab(Chat(model), lambda task: grader, pool, Hears(), self.settings.replica)
        bench = Bench(
            lab=lab,
            optimizer=SkillOpt(model, pool),
            train=self.splits["train"],
            val=self.splits["val"],
            settings=self.settings,
            spent=lambda: Spend(calls=len(self.provider.requests)),
            checkpoint=lambda: None,
        )
        self.result: TrainResult
        self.told: list[Step | Notes]
        self.result, self.told = run(bench, START)
        self.before_test = len(self.provider.requests)
        self.confirmation: Confirmation = confirm(lab, START, self.result.best, self.splits["test"])


@pytest.fixture(scope="module")
def noisy() -> Run:
    return Run(noise=0.25, seed=3)


def test_the_plan_is_an_upper_bound_stage_by_stage() -> None:
    tight = 0
    for epochs, batch, mini, exact, screen in (
        (1, 5, 2, True, 0),
        (3, 7, 3, True, 2),
        (4, 12, 1, False, 0),
        (2, 40, 8, False, 4),
        (4, 6, 2, True, 4),
    ):
        rule = replace(CONFIRM if exact else STRICT, exact_stop=exact)
        settings = {"screen": ScreenRule(runs=screen), "prune": bool(screen)}
        made = Run(epochs=epochs, batch_size=batch, minibatch_size=mini, rule=rule, noise=0.4, **settings)
        bound = train_calls(
            Shape(
                train=12,
                val=12,
                test=5,
                epochs=epochs,
                batch_size=batch,
                minibatch_size=mini,
                gate_rounds=rule.max_rounds,
                screen_runs=ScreenRule(runs=screen).most_runs,
                prune=bool(screen),
                slow_update=True,
                meta_notes=True,
            )
        )
        provider = made.provider
        assert len(provider.of("val")) <= bound.start_validation + bound.validation
        assert len(provider.of("train")) <= bound.rollouts
        assert len(provider.of("screen")) <= bound.screening
        assert len(provider.of("slow")) <= bound.slow_update
        assert len(provider.of("test", "base")) == bound.confirmation
        assert len(provider.of("optimizer")) <= bound.optimizer
        assert len(provider.of("val", "train", "screen", "slow", "test", "base")) <= bound.target
        assert sum(len(provider.of(s)) for s in ("val", "train", "screen", "slow", "test", "base", "optimizer")) == len(
            provider.requests
        )
        tight += len(provider.of("train")) == bound.rollouts
    assert tight  # a bound that is reached is not just a large number


def test_steps_cost_all_that_was_bought_but_the_start(noisy: Run) -> None:
    notes = sum(isinstance(t, Notes) for t in noisy.told)
    assert sum(s.cost.calls for s in noisy.result.steps) == noisy.before_test - len(noisy.splits["val"]) - notes


def test_no_request_is_made_twice_and_no_place_is_shared(noisy: Run) -> None:
    first = [r.identity() for r in noisy.provider.requests]
    assert all(first.count(one) == 1 for one in first)
    others = [Run(noise=0.25, seed=4), Run(noise=0.25, seed=3, replica="1/2")]
    samples = {r.place for r in noisy.provider.of("val", "train", "slow", "test", "base")}
    assert all(p.startswith("1/1\x1f") for p in samples)
    again = {r.place for r in others[1].provider.requests}
    assert again.isdisjoint(r.place for r in noisy.provider.requests)


def test_held_out_text_reaches_no_prompt_of_the_trainer(noisy: Run) -> None:
    asked = noisy.provider.of("optimizer")
    assert len(asked) > 10
    text = "\n".join(m.content for r in asked for m in r.messages)
    assert "train-paper-" in text
    assert "train-" in text
    for word in ("test-", "val-"):  # ids and documents alike
        assert word not in text
    trained = "\n".join(m.content for r in noisy.provider.requests[: noisy.before_test] for m in r.messages)
    assert "test-" not in trained
    assert {r.stream for r in noisy.provider.requests[noisy.before_test :]} == {"base", "test"}


def test_the_target_is_sent_bodies_only(noisy: Run) -> None:
    for request in noisy.provider.of("val", "train", "slow", "test", "base"):
        assert [m.role for m in request.messages] == ["system", "user"]
        assert request.schema is None
        assert "name: p" not in request.system
    assert all(r.schema for r in noisy.provider.of("optimizer"))


def test_frontmatter_never_changes_and_every_edit_has_its_end(noisy: Run) -> None:
    skills = [s.candidate for s in noisy.result.steps if s.candidate]
    assert {s.frontmatter for s in [*skills, noisy.result.best]} == {START.frontmatter}
    for step in noisy.result.steps:
        kept = sum(r.status in ("kept", "rejected", "undecided") for r in step.edits)
        assert kept <= step.edit_budget
        assert all(r.reason for r in step.edits if r.status != "kept")
        assert bool(kept) == (step.candidate is not None)


def test_it_learns_and_the_history_does_not_depend_on_concurrency() -> None:
    one, eight = Run(noise=0.1), Run(noise=0.1, concurrency=8)
    assert one.result.best_val_mean > (one.result.start_val.mean or 0)
    assert one.confirmation.comparison.effect is not None
    assert one.confirmation.comparison.effect.mean > 0
    assert [s.as_json() for s in one.result.steps] == [s.as_json() for s in eight.result.steps]
    assert one.result.best.text == eight.result.best.text
    assert one.confirmation == eight.confirmation


def test_rejected_edits_and_notes_stand_in_later_prompts(noisy: Run) -> None:
    rejected = [(s.number, r.edit.content) for s in noisy.result.rejected for r in s.edits if r.status == "rejected"]
    assert rejected
    number, content = rejected[0]
    for request in noisy.provider.of("optimizer"):
        if "reflect" in request.label:
            step = int(request.label.split("step ")[1].split(",")[0])
            tried = "<rejected" in request.messages[1].content and content in request.messages[1].content
            assert tried or step <= number
    notes = [t for t in noisy.told if isinstance(t, Notes)]
    later = [
        r.messages[1].content for r in noisy.provider.of("optimizer") if "epoch 3" in r.label and "reflect" in r.label
    ]
    assert notes
    assert later
    assert all(f"<notes>\n{notes[0].text}" in text for text in later)
    assert not any("<notes>" in r.messages[1].content for r in noisy.provider.of("optimizer") if "epoch 1" in r.label)
    assert notes[0].text not in noisy.result.best.text
