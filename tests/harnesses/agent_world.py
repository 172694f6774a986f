"""Agents for tests: small Python programs that talk to the gateway, in a sandbox of either kind."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Event
from typing import Any

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill, parse_skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import Attachment, Source, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.harnesses.agency import Agency
from skillopt_ci.harnesses.command import make
from skillopt_ci.harnesses.rollout import AgentHarness, Bench
from skillopt_ci.ledger import Ledger
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from tests.loopback import Handler, Loopback
from tests.sandbox.places import of_kind

KEY = "sk-the-real-key-0123456789"
SKILL = parse_skill(
    b"---\nname: invoices\n---\n\n# Invoices\n\nWrite the total into total.txt and say it.\n",
    path="p",
    name="invoices",
    bundle={"scripts/add.sh": b"#!/bin/sh\necho 3\n", "references/a.md": b"about\n"},
)
TASK = Task(
    id="t1",
    prompt="What is the total?",
    source=Source(file="t", line=1),
    files=(Attachment(name="in.txt", data=b"1 2\n"),),
    setup=("echo made > setup.txt",),
)
SAMPLE = Sample(task_id="t1", stream="val")
# By hand, as hundreds of these are started: an HTTP client takes longer to import than all the rest of them.
ASK = """
import json, os, socket, sys
def ask(text, model=os.environ.get("MODEL", "m")):
    body = json.dumps({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}).encode()
    head = ["POST /v1/messages HTTP/1.0", "content-type: application/json", f"content-length: {len(body)}"]
    head.append("x-api-key: " + os.environ["TOKEN"])
    host, port = os.environ["URL"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall("".join(f"{row}\\r\\n" for row in [*head, ""]).encode() + body)
        answer = line.makefile("rb").read()
    head, _, body = answer.partition(b"\\r\\n\\r\\n")
    if b" 200 " not in head.splitlines()[0]:
        sys.stderr.write(body.decode())
        sys.exit(1)
    return json.loads(body)["content"][0]["text"]
"""


def options(program: str, **changes: Any) -> Mapping[str, object]:
    """A `command` harness whose agent is this Python program; `ask(text)` is there."""
    return {
        "run": ["python3", "{home}/agent.py", "{workspace}", "{skill_dir}"],
        "files": {"home/agent.py": ASK + program},
        "env": {"URL": "{url}", "TOKEN": "{token}", "MODEL": "{model}"},
        "version": "1.0",
        "seconds": 60,
        **changes,
    }


@dataclass
class World:
    server: Loopback
    kind: str
    ledger: Ledger
    meter: Meter
    agency: Agency
    stop: Event
    clean: Callable[[str], str] = str
    extra: dict[str, Any] = field(default_factory=dict)

    def harness(
        self, given: Mapping[str, object], meter: Meter | None = None, *, chooses: bool = False
    ) -> AgentHarness:
        return AgentHarness(
            make(given),
            Bench(
                sandbox=self.agency.sandbox(),
                gateway=self.agency.gateway(),
                upstream=self.agency.upstream(
                    ProviderOptions(name="p", type="anthropic", api_key=KEY, base_url=self.server.url)
                ),
                ledger=self.ledger,
                meters=[meter or self.meter],
                pricer=Pricer("anthropic", prices={"input": Decimal(1), "output": Decimal(10)}),
                model="m",
                provider="anthropic/p",
                run="r",
                chooses=chooses,
                clean=self.clean,
            ),
        )

    def run(self, program: str, task: Task = TASK, skill: Skill = SKILL, **changes: Any) -> Trajectory:
        return self.harness(options(program, **changes)).run(skill, task, SAMPLE)


@contextmanager
def agents(kind: str, handler: Handler, limits: Limits = Limits(), ledger: Ledger | None = None) -> Iterator[World]:  # noqa: B008
    """A world with a sandbox of this kind."""
    of_kind(kind)  # skips where there is none
    stop = Event()
    agency = Agency(stop, confined=kind == "bubblewrap")
    with Loopback(handler) as server, nullcontext(ledger) if ledger else Ledger(None) as book:
        try:
            yield World(server, kind, book, Meter(limits, ["r"]), agency, stop)
        finally:
            agency.close()


def stored(trajectory: Trajectory) -> str:
    """Everything that is kept of a trajectory, as one text."""
    parts = [m.content for m in trajectory.messages] + [trajectory.diff, *trajectory.omitted]
    parts += [json.dumps([t.name, t.arguments, t.result]) for t in trajectory.tool_calls]
    parts += [a.data.decode("utf-8", "replace") for a in trajectory.artifacts]
    return "\n".join(parts) + sys.byteorder
