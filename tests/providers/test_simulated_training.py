"""The simulated models train skills end to end, with the real loop, graders and gate, all in memory."""

from pathlib import Path

import pytest

from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import GraderSpec, Source, Split, Suite, Task
from tests.providers.simulated_world import World, read_world

SEEDS = Path(__file__).parents[1] / "data" / "gbrain-skillopt-v1"
CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Quito", "Paris", "Delhi", "Tokyo", "Sofia", "Bern"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def invented_world(noise: float) -> World:
    """A world that no example has: cities in lower case, dates with dots, a reply of its own for what is missing."""
    tasks = []
    for n in range(90):
        day, city = f"{1 + n % 28} May {1900 + n}", CITIES[n % len(CITIES)]
        expected = {
            "city": (city, "Which city is it from?"),
            "date": (f"{1 + n % 28:02d}.05.{1900 + n}", "What is the sent date?"),
            "weight": ("unknown", "What is the weight?"),
        }[["city", "date", "weight"][n // 3 % 3]]
        tasks.append(
            Task(
                id=f"t{n}",
                prompt=expected[1],
                context=f"Parcel: {n}\nCity: {city}\nSent date: {day}",
                expected=(expected[0],),
                split=SPLITS[n % 3],
                source=Source(file="f", line=n + 1),
            )
        )
    skill = Skill(name="parcels", frontmatter="", body="# Parcels\n\n- Read the parcel's data.\n")
    return World(skill, Suite(tasks=tuple(tasks)), (GraderSpec(type="exact"),), noise)


def test_an_invented_world_is_learned() -> None:
    # Any change of a prompt's wording gives other luck, so that no single run is insisted on.
    world = invented_world(0.05)
    results = [world.train(seed=seed) for seed in range(6)]
    assert world.score(world.skill) < 0.1
    assert sum(world.score(r.best) > 0.7 for r in results) >= 4


def test_without_noise_everything_can_be_learned() -> None:
    world = invented_world(0.0)
    results = [world.train(seed=seed) for seed in range(5)]
    assert sum(world.score(r.best) == 1.0 for r in results) >= 3


def test_the_same_run_twice_is_the_same() -> None:
    world = invented_world(0.1)
    first, second = world.train(seed=5), world.train(seed=5)
    assert first.best.digest == second.best.digest
    assert [s.as_json() for s in first.steps] == [s.as_json() for s in second.steps]
    assert world.train(seed=6).steps != first.steps


def test_the_gate_has_something_to_reject() -> None:
    results = [invented_world(0.1).train(seed=seed) for seed in range(7)]
    assert any(r.rejected for r in results)
    assert any(r.accepted for r in results)


@pytest.mark.parametrize("name", ["seed-verbose", "seed-missing-structure"])
def test_the_gbrain_seeds_are_trained(name: str) -> None:
    files = [SEEDS / name / "benchmark.jsonl", SEEDS / name / "held-out.jsonl"]
    world = read_world(SEEDS / name / "SKILL.md", files, (), noise=0.05)
    starts, bests = [], []
    for seed in range(6):
        result = world.train(seed=seed, batch=3, minibatch=3)
        starts.append(world.score(result.start))
        bests.append(world.score(result.best))
    assert max(starts) < 0.3
    assert sum(b > 0.6 for b in bests) >= 4
