"""Worlds whose orders are scored in parts: each part needs a procedure of its own, and the score is the share done.

In a `graded` world every order has its own parts; in a `rubric` world all orders have the same ones, as where one
rubric grades them all. The names and the prompts are those of `training_world.py`.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from training_world import HARMFUL, NAMED, USEFUL, World

PARTS = {"graded": 4, "rubric": 10}
DONE = "Part {} is complete."  # what an answer says of a part that was done
HIGH = 0.95
SPOILS, SPOILT = 0.3, 0.3  # of the parts a harmful procedure spoils, and what is left of their chance


@dataclass(frozen=True)
class Part:
    """What a part needs, its chance without that, and what spoils it."""

    need: str
    low: float
    spoilt_by: frozenset[str]


@dataclass(frozen=True)
class GradedWorld(World):
    """Every part of an order is done by its own chance; `noise` is how often a run heeds no text at all."""

    def needs(self, order: str) -> frozenset[str]:
        """The procedures that its parts need."""
        return frozenset(part.need for part in _parts(self, order))

    def chance(self, skill: str, order: str) -> float:
        """The exact share of an order that is done beside this text."""
        chances = list(zip(self._chances(skill, order), _parts(self, order), strict=True))
        return sum((1 - self.noise) * heeded + self.noise * part.low for heeded, part in chances) / len(chances)

    def outcome(self, skill: str, order: str, draw: random.Random) -> str:
        """What a run says of the parts."""
        heeded = draw.random() >= self.noise
        chances = self._chances(skill, order) if heeded else [part.low for part in _parts(self, order)]
        done = [draw.random() < chance for chance in chances]
        parts = [DONE.format(n) if yes else f"Part {n} is open." for n, yes in enumerate(done, 1)]
        return f"The order {order} was {'done' if all(done) else 'not done'}. " + " ".join(parts)

    def _chances(self, skill: str, order: str) -> list[float]:
        """The chance of each part in a run that heeds the text."""
        said = set(NAMED.findall(skill))
        return [
            (HIGH if part.need in said else part.low) * (SPOILT if part.spoilt_by & said else 1)
            for part in _parts(self, order)
        ]


@lru_cache(maxsize=10_000)
def _parts(world: GradedWorld, order: str) -> tuple[Part, ...]:
    draw = random.Random(f"{world.seed}/{order}")
    common = random.Random(f"{world.seed}/parts")
    needs = (common if world.kind == "rubric" else draw).sample(USEFUL, PARTS[world.kind])
    return tuple(
        Part(need, 0.05 + 0.55 * draw.random(), frozenset(name for name in HARMFUL if draw.random() < SPOILS))
        for need in needs
    )
