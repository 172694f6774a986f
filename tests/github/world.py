"""A fake GitHub with a skill in it, and what a training run would publish there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Decision, EditRecord, Step
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.forge.github import Connection, GitHub, Waiter
from skillopt_ci.forge.proposal import Training, history_path, propose
from skillopt_ci.forge.publication import Outcome, Publication, read_base
from skillopt_ci.forge.publish import publish
from skillopt_ci.forge.repository import Repository
from tests.github.server import FakeGitHub

PATH = "skills/invoices/SKILL.md"
HISTORY = ".skillopt/history/invoices.jsonl"
HEAD = "---\nname: invoices\n---\n"
START = "# Invoices\n\nRead the invoice.\n"
LINES = ("Answer with the value only.\n", "Write dates as YYYY-MM-DD.\n", "Keep the currency.\n", "Say when unsure.\n")


def skill(body: str) -> Skill:
    """The skill with a body."""
    return Skill(name="invoices", frontmatter=HEAD, body=body)


def steps(lines: tuple[str, ...]) -> tuple[Step, ...]:
    """One accepted step a line, and one that was rejected."""
    made, body = [], START
    for number, line in enumerate(lines, 1):
        edit = Edit(op="add", target="", content=line.strip(), rationale="a reason")
        made.append(_step(number, body, body + "\n" + line, edit, accepted=True))
        body += "\n" + line
    lost = Edit(op="add", target="", content="Shout.", rationale="a whim")
    return (*made, _step(len(lines) + 1, body, body + "\nShout.\n", lost, accepted=False))


def _step(number: int, before: str, after: str, edit: Edit, *, accepted: bool) -> Step:
    decision = Decision(
        accept=accepted, reason="better" if accepted else "not better", mean=0.6, upper_bound=None, incumbent_mean=0.5,
        effect=Effect(mean=0.1 if accepted else -0.1, low=-0.2, high=0.2), n_rollouts=40,
    )  # fmt: skip
    return Step(
        number=number, epoch=1, kind="edit", action="accept" if accepted else "reject", reason=decision.reason,
        incumbent=skill(before), candidate=skill(after), decision=decision, incumbent_mean=0.5,
        edits=(EditRecord(edit=edit, status="kept" if accepted else "rejected"),), edit_budget=4, cost=Spend(),
    )  # fmt: skip


@dataclass
class World:
    """The fake, our client of it, and how long the client slept."""

    hub: FakeGitHub
    repository: Repository
    slept: list[float] = field(default_factory=list)

    def publish(self, lines: tuple[str, ...] = LINES, *, run: str = "run1", **changes: Any) -> Outcome:
        """What `pr` does for a run that added lines to the skill."""
        self.hub.forget()
        base = read_base(self.repository, "main", (PATH, HISTORY))
        history = self.repository.blob(base.entries[HISTORY].sha) if HISTORY in base.entries else b""
        start = changes.pop("start", START)
        best = skill(start + "".join("\n" + line for line in lines))
        training = Training(
            name="invoices", path=PATH, start=skill(start), best=best, steps=steps(lines), run_id=run,
            base_sha=base.sha, policy_sha="c" * 40, history=history,
        )  # fmt: skip
        made = propose(training, [changes.pop("body", "Improvement shown.")])
        wanted = Publication(proposal=made, skill=PATH, start=skill(start).text.encode(), base=base, **changes)
        return publish(self.repository, wanted, lambda: self.hub.store.clock)

    @property
    def branch(self) -> str:
        """The skill's branch."""
        return propose_branch()


def propose_branch() -> str:
    """The name of the skill's branch."""
    from skillopt_ci.forge.proposal import branch_name

    return branch_name("invoices", PATH)


def client(hub: FakeGitHub, slept: list[float], *, token: str = "", login: str = "", **changes: Any) -> Repository:
    """Our client of the fake; it sleeps on the fake's clock."""

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        hub.store.clock += seconds

    connection = Connection(
        repository=changes.get("repository", hub.store.full_name), token=token or hub.token, api_url=hub.url
    )
    api = GitHub(connection, Waiter(now=lambda: hub.store.clock, sleep=sleep), changes.get("scrub", lambda text: text))
    return Repository(api, login)


@contextmanager
def world(folder: Path, **changes: Any) -> Iterator[World]:
    """A repository whose default branch has the skill."""
    with FakeGitHub(folder, **changes) as hub:
        hub.store.put("main", {PATH: skill(START).text, "README.md": "hello\n"})
        slept: list[float] = []
        made = World(hub, client(hub, slept), slept)
        yield made
        made.repository.api.close()


assert history_path("invoices") == HISTORY
