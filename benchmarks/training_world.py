"""A server for a world in which it is known what a skill is worth: latent procedures that a skill may name.

The world answers two kinds of prompts and knows nothing of who asks. A *target* prompt is an order beside some text;
whether it is done depends on the procedures that the text names. Any other prompt is an *optimizer's*: the world looks
for orders that were not done in it and names procedures: right ones, harmful ones and useless ones. `truth` is the
exact probability that an order of the world's population is done.
"""

import hashlib
import json
import math
import random
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UNDONE = re.compile(r"\border ([a-z]+-\d+) was not done")
NAMED = re.compile(r"\b(?:Apply|apply) the ([a-z]+) procedure\b")
KINDS = 5  # of orders, in a `mixed` world
LIMIT = re.compile(r"[Aa]t most (?:L=)?(\d+) edit")
SHAPED = re.compile(
    r'"(?:patch|selected_indices|slow_update_content|meta_skill_content)"|"op": "append"|`body` is the complete new'
)
TO_MERGE = re.compile(r"^## (?:Patches to merge|Two pre-merged).*$", re.MULTILINE)
USEFUL = ("amber", "birch", "cobalt", "dahlia", "ember", "fjord", "garnet", "hazel", "indigo", "jasper", "kelp",
          "lotus", "maple", "nickel")  # fmt: skip
HARMFUL = ("vulture", "wasp", "xenon", "yonder", "zephyr", "thistle", "nettle", "hemlock", "bramble", "cinder")
USELESS = ("quartz", "river", "saffron", "umber", "pebble", "willow", "meadow", "copper", "linen", "velvet", "walnut",
           "barley")  # fmt: skip


@dataclass(frozen=True)
class World:
    """One world.

    Attributes:
        seed: of everything that is fixed in it.
        noise: chance that the outcome of an order is turned round.
        kind: `latent` (procedures decide), `soft` (they shift the chance), `placebo` (nothing that is named matters);
            `additive` (each shifts the chance of every order a little), `mixed` (each helps one kind of order and may
            hurt another).
        right, harmful: shares of an optimizer's proposals; the rest is useless.
    """

    seed: int
    noise: float = 0.1
    kind: str = "latent"
    right: float = 0.45
    harmful: float = 0.25

    @classmethod
    def named(cls, model: str) -> "World":
        """The world of a model's name, such as `latent-0.1-7`: kind, noise, seed; a `drawn` one draws its noise."""
        kind, noise, seed = model.rsplit("-", 2)
        if kind == "drawn":
            from drawn_world import DrawnWorld

            return DrawnWorld(seed=int(seed), kind=kind)
        if kind in ("graded", "rubric"):
            from graded_world import GradedWorld

            return GradedWorld(seed=int(seed), noise=float(noise), kind=kind)
        return cls(seed=int(seed), noise=float(noise), kind=kind)

    def needs(self, order: str) -> frozenset[str]:
        """The procedures that an order needs: one or two; all of them, or those for its kind, where they add up."""
        if self.kind == "additive":
            return frozenset(USEFUL)
        if self.kind == "mixed":
            return frozenset(name for name in USEFUL if self._kinds(name)[0] == self._kind(order))
        draw = self._draw("needs", order)
        return frozenset(draw.sample(USEFUL, 1 if draw.random() < 0.5 else 2))

    def harmed_by(self, order: str) -> frozenset[str]:
        """The procedures that spoil an order: every harmful one spoils about three in ten."""
        draw = self._draw("harm", order)
        return frozenset(name for name in HARMFUL if draw.random() < 0.3)

    def chance(self, skill: str, order: str) -> float:
        """The exact chance that an order is done beside this text."""
        said = set(NAMED.findall(skill))
        if self.kind == "placebo":
            done = float(self._draw("placebo", order).random() < 0.5)
        elif self.kind == "soft":
            have = len(said & self.needs(order)) / len(self.needs(order))
            done = max(0.0, 0.3 + 0.6 * have - 0.4 * bool(said & self.harmed_by(order)))
        elif self.kind == "additive":
            base = 0.1 + 0.4 * self._draw("base", order).random()
            done = base + 0.05 * len(said.intersection(USEFUL)) - 0.06 * len(said.intersection(HARMFUL))
            done = min(1.0, max(0.0, done))
        elif self.kind == "mixed":
            done = 1 / (1 + math.exp(-self._logit(said, order)))
        else:
            done = float(self.needs(order) <= said and not said & self.harmed_by(order))
        return done * (1 - self.noise) + (1 - done) * self.noise

    def outcome(self, skill: str, order: str, draw: random.Random) -> str:
        """What a run says of an order."""
        return f"The order {order} was {'done' if draw.random() < self.chance(skill, order) else 'not done'}."

    def _logit(self, said: set[str], order: str) -> float:
        kind, logit = self._kind(order), self._draw("base", order).gauss(-1.2, 1)
        for name in sorted(said.intersection(USEFUL)):
            helped, hurt = self._kinds(name)
            logit += 1.2 if helped == kind else -0.6 if hurt == kind else 0.0
        return logit - sum(1.5 for name in said.intersection(HARMFUL) if self._kinds(name)[0] == kind)

    def _kind(self, order: str) -> int:
        return self._draw("kind", order).randrange(KINDS)

    def _kinds(self, name: str) -> tuple[int, int]:
        """The kind of order that a procedure helps, and the one that it hurts; the same for no hurt."""
        draw = self._draw("kinds", name)
        return draw.randrange(KINDS), draw.randrange(KINDS)

    def truth(self, skill: str, orders: int = 2000) -> float:
        """Mean chance over the population that train, validation and test orders are drawn from."""
        return sum(self.chance(skill, f"all-{n}") for n in range(orders)) / orders

    def proposals(self, prompt: str, count: int, draw: random.Random) -> list[tuple[str, list[str]]]:
        """Procedures with the orders they are said to answer; what the prompt names already is mostly left alone."""
        undone = sorted(set(UNDONE.findall(prompt)))
        known = Counter(NAMED.findall(prompt))
        found: dict[str, list[str]] = {}
        for _ in range(count if undone else 0):
            luck = draw.random()
            if luck < self.right and self.kind != "placebo":
                wanted = Counter(name for order in undone for name in sorted(self.needs(order)))
                pool = list(wanted.elements())
            else:
                pool = list(HARMFUL if luck < self.right + self.harmful else USELESS)
            pool = [name for name in pool if name not in found and (name not in known or draw.random() < 0.1)]
            if pool:
                name = draw.choice(sorted(pool))
                answers = [order for order in undone if name in self.needs(order)]
                found[name] = answers or draw.sample(undone, min(4, len(undone)))
        return list(found.items())

    def lines(self, prompt: str, count: int, draw: random.Random) -> list[tuple[str, list[str]]]:
        """A skill's lines that name the proposed procedures, with the orders they are said to answer."""
        return [(line(name), orders) for name, orders in self.proposals(prompt, count, draw)]

    def named_in(self, skill: str) -> list[int]:
        """How many right, harmful and useless procedures a text names."""
        said = set(NAMED.findall(skill))
        return [len(said & set(names)) for names in (USEFUL, HARMFUL, USELESS)]

    def _draw(self, *parts: str) -> random.Random:
        return random.Random(hashlib.sha256("\x1f".join((str(self.seed), *parts)).encode()).digest())


class Server:
    """Answers prompts; the n-th time the same prompt comes it gets the n-th answer, whoever asks and in what order."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.rollouts: Counter[str] = Counter()
        self.optimizer_characters: Counter[str] = Counter()

    def answer(self, model: str, system: str, user: str) -> str:
        """The answer of a model to a prompt."""
        world = World.named(model)
        key = hashlib.sha256("\x1f".join((model, system, user)).encode()).hexdigest()
        with self._lock:
            self._asked[key] += 1
            draw = random.Random(f"{key}/{self._asked[key]}")
            asked = re.fullmatch(r"Please carry out order ([a-z]+-\d+)\.", user.strip())
            if asked:
                self.rollouts[model] += 1
            else:
                self.optimizer_characters[model] += len(system) + len(user)
        if asked:
            return world.outcome(system, asked[1], draw)
        return _optimize(world, f"{system}\n\n{user}", draw)


def _optimize(world: World, prompt: str, draw: random.Random) -> str:
    """JSON edits, a ranking, guidance or notes; or a whole new text where the prompt asks for one in a fence."""
    if SHAPED.search(prompt):
        return json.dumps(_shaped(world, prompt, draw))
    if "```" in prompt and "edits" not in prompt:
        return _rewrite(world, prompt, draw)
    if "Order all of them" in prompt:
        count = len(re.findall(r"^\d+\. \[", prompt, re.MULTILINE))
        return json.dumps({"order": draw.sample(range(1, count + 1), count)})
    if "guidance block" in prompt:
        return json.dumps({"reasoning": "", "guidance": "\n".join(text for text, _ in world.lines(prompt, 1, draw))})
    if "Write notes to yourself" in prompt:
        return json.dumps({"notes": ""})
    limit = LIMIT.search(prompt)
    edits = [
        {"op": "add", "target": "", "content": text, "rationale": "It answers them.", "evidence": orders}
        for text, orders in world.lines(prompt, int(limit[1]) if limit else 4, draw)
    ]
    return json.dumps({"reasoning": "They were not done.", "edits": edits})


def _shaped(world: World, prompt: str, draw: random.Random) -> dict[str, Any]:
    """The same answers in the shapes of a prompt that names other keys; patches to merge give each edit once."""
    if '"selected_indices"' in prompt:
        count = len(re.findall(r"^\[\d+\] op=", prompt, re.MULTILINE))
        return {"reasoning": "", "selected_indices": draw.sample(range(count), count)}
    if '"slow_update_content"' in prompt:
        said = world.lines(prompt, 1, draw)
        return {"reasoning": "", "slow_update_content": "\n".join(text for text, _ in said)}
    if '"meta_skill_content"' in prompt:
        return {"reasoning": "", "meta_skill_content": ""}
    merged = TO_MERGE.search(prompt)
    if merged:
        patches, _ = json.JSONDecoder().raw_decode(prompt, prompt.index("[", merged.end()))
        return {"reasoning": "", "edits": list({e["content"]: e for p in patches for e in p["edits"]}.values())}
    limit = LIMIT.search(prompt)
    new = [text for text, _ in world.lines(prompt, int(limit[1]) if limit else 4, draw)]
    if "`body` is the complete new text" in prompt:
        text = re.findall(r"<skill>\n(.*?)\n</skill>", prompt, re.DOTALL)[-1]
        return {"reasoning": "", "body": "\n".join([text, *new])}
    edits = [{"op": "append", "target": "", "content": text} for text in new]
    return {"patch": {"reasoning": "They were not done.", "edits": edits}}


def _rewrite(world: World, prompt: str, draw: random.Random) -> str:
    """The text of the first fence with a line or two more."""
    text = prompt.split("```")[1].strip()
    more = [line for line, _ in world.lines(prompt, 2, draw)]
    return "```\n" + "\n".join([text, *more]) + "\n```"


class Handler(BaseHTTPRequestHandler):
    """Chat completions; `/truth` tells what a skill is worth, `/start` forgets what was asked, `/spent` counts it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    world = Server()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/truth":
            world, skill = World.named(asked["model"]), asked["skill"]
            best = "\n".join(map(line, USEFUL))
            self._say({"truth": world.truth(skill), "best": world.truth(best), "named": world.named_in(skill)})
        elif self.path == "/start":
            Handler.world = Server()
            self._say({})
        elif self.path == "/spent":
            told, model = self.world, asked["model"]
            self._say({"rollouts": told.rollouts[model], "optimizer_tokens": told.optimizer_characters[model] // 4})
        else:
            self._complete(asked)

    def _complete(self, asked: dict[str, Any]) -> None:
        parts: dict[str, str] = {"system": "", "user": ""}
        for message in asked["messages"]:
            parts["system" if message["role"] == "system" else "user"] += message["content"]
        text = self.world.answer(asked["model"], parts["system"], parts["user"])
        usage = {"prompt_tokens": sum(map(len, parts.values())) // 4, "completion_tokens": len(text) // 4}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage["total_tokens"] = sum(usage.values())
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": asked["model"]}
        self._say({**answer, "choices": [choice], "usage": usage})

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[str]:
    """The address of a server in a process of its own."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def line(name: str) -> str:
    """A skill's line that names a procedure."""
    return f"- Apply the {name} procedure."


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
