"""Worlds whose rules are drawn: every seed has another number of procedures, other needs, harm, noise and optimizer.

The names and the prompts are those of `training_world.py`. A result over many of them is less a matter of one world's
rules than a result in any of those that were written down.
"""

import random
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from training_world import HARMFUL, NAMED, UNDONE, USEFUL, USELESS, World, line


@dataclass(frozen=True)
class Rules:
    """What is drawn for a world.

    Attributes:
        useful: procedures that orders need, the most wanted first.
        zipf: how unevenly they are wanted; the n-th as 1 / n to this power.
        sizes: weights of an order that needs one, two or three of them.
        reward: what an order is worth by those it needs: `all` of them, their `share`, `any` of them.
        low, high: chance that an order is done without and with what it needs.
        spread: how far the low chance of an order lies from that at most.
        spoils: part of the orders that a harmful procedure spoils.
        spoilt: what is left of their chance.
        noise: chance that an outcome is turned round.
        right, harmful: parts of an optimizer's proposals; the rest is useless.
        recall: part of the orders that a right procedure would answer and that its evidence names.
        strays: orders that evidence names beside, at most.
        repeats: chance that a procedure which the text has is proposed again in other words.
    """

    useful: tuple[str, ...]
    zipf: float
    sizes: tuple[float, float, float]
    reward: str
    low: float
    high: float
    spread: float
    spoils: float
    spoilt: float
    noise: float
    right: float
    harmful: float
    recall: float
    strays: int
    repeats: float

    @classmethod
    def drawn(cls, draw: random.Random) -> "Rules":
        """One set of rules."""
        useful = draw.sample(USEFUL, draw.randint(6, len(USEFUL)))
        return cls(
            useful=tuple(useful),
            zipf=draw.uniform(0, 1),
            sizes=(draw.random(), draw.random(), 0.5 * draw.random()),
            reward=draw.choice(("all", "share", "any")),
            low=draw.uniform(0, 0.35),
            high=draw.uniform(0.75, 1),
            spread=draw.uniform(0, 0.2),
            spoils=draw.uniform(0.1, 0.5),
            spoilt=draw.uniform(0, 0.7),
            noise=draw.uniform(0, 0.15),
            right=draw.uniform(0.25, 0.6),
            harmful=draw.uniform(0.1, 0.3),
            recall=draw.uniform(0.5, 1),
            strays=draw.randint(0, 4),
            repeats=draw.uniform(0, 0.3),
        )


class DrawnWorld(World):
    """A world of rules that its seed draws."""

    @cached_property
    def rules(self) -> Rules:
        """What its seed draws."""
        return Rules.drawn(self._draw("rules"))

    def needs(self, order: str) -> frozenset[str]:
        """The procedures that an order needs: one to three."""
        draw, rules = self._draw("needs", order), self.rules
        count = draw.choices((1, 2, 3), rules.sizes)[0]
        weights = [1 / (n + 1) ** rules.zipf for n in range(len(rules.useful))]
        return frozenset(draw.choices(rules.useful, weights, k=count))

    def harmed_by(self, order: str) -> frozenset[str]:
        """The procedures that spoil an order."""
        draw = self._draw("harm", order)
        return frozenset(name for name in HARMFUL if draw.random() < self.rules.spoils)

    def chance(self, skill: str, order: str) -> float:
        """The exact chance that an order is done beside this text."""
        rules, said, needs = self.rules, set(NAMED.findall(skill)), self.needs(order)
        met = len(said & needs) / len(needs)
        met = {"all": float(met == 1), "any": float(met > 0), "share": met}[rules.reward]
        low = max(0.0, rules.low + self._draw("base", order).uniform(-rules.spread, rules.spread))
        done = low + met * (rules.high - low)
        done *= rules.spoilt ** len(said & self.harmed_by(order))
        return done * (1 - rules.noise) + (1 - done) * rules.noise

    def proposals(self, prompt: str, count: int, draw: random.Random) -> list[tuple[str, list[str]]]:
        """Procedures with the orders they are said to answer, not all of them right."""
        rules, undone = self.rules, sorted(set(UNDONE.findall(prompt)))
        known = Counter(NAMED.findall(prompt))
        found: dict[str, list[str]] = {}
        for _ in range(count if undone else 0):
            luck = draw.random()
            if luck < rules.right:
                pool = [name for order in undone for name in sorted(self.needs(order))]
            else:
                pool = list(HARMFUL if luck < rules.right + rules.harmful else USELESS)
            pool = [name for name in pool if name not in found and (name not in known or draw.random() < rules.repeats)]
            if pool:
                name = draw.choice(sorted(pool))
                answers = [order for order in undone if name in self.needs(order) and draw.random() < rules.recall]
                strays = draw.sample(undone, min(draw.randint(0 if answers else 1, max(1, rules.strays)), len(undone)))
                found[name] = list(dict.fromkeys([*answers, *strays]))
        return list(found.items())

    def lines(self, prompt: str, count: int, draw: random.Random) -> list[tuple[str, list[str]]]:
        """The lines of `training_world`, in other words for a procedure that the prompt has."""
        known = NAMED.findall(prompt)
        again = "- Whatever the order, apply the {} procedure at its right time."
        return [
            (again.format(name) if name in known else line(name), orders)
            for name, orders in self.proposals(prompt, count, draw)
        ]

    def named_in(self, skill: str) -> list[int]:
        """How many right, harmful and useless procedures a text names; one that is named again is useless."""
        said = NAMED.findall(skill)
        right, harmful = (len(set(said) & set(names)) for names in (self.rules.useful, HARMFUL))
        return [right, harmful, len(said) - right - harmful]
