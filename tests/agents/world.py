"""Rollouts of the real agents, in the real sandbox, against a loopback server that plays the model."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from scripts.agents import Agent as Tool
from scripts.agents import NotHereError, install
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill, parse_skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import Attachment, Source, Task
from skillopt_ci.harnesses import claude_code, codex
from skillopt_ci.harnesses.agency import Agency
from skillopt_ci.harnesses.agent import Agent
from skillopt_ci.harnesses.rollout import AgentHarness, Bench
from skillopt_ci.ledger import Ledger
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from skillopt_ci.sandbox.bubblewrap import preflight
from tests.agents.models import Turn, texts, uses
from tests.loopback import Handler, Loopback

KEY = "sk-the-real-key-0123456789"
MODELS = {"claude-code": "claude-sonnet-4-6", "codex": "gpt-5.5"}
BODY = "# Invoices\n\n- BODYMARK Answer with only the value that the question asks for.\n"
SKILL = f"---\nname: invoices\ndescription: Reads invoices. Use when somebody asks about a bill.\n---\n\n{BODY}"
SCRIPT = '#!/bin/sh\necho total $(cat "$1" | wc -c)\n'


def tools() -> dict[str, Tool]:
    """The installed command lines by harness; skips the test where they cannot be had."""
    try:
        return {tool.name: tool for tool in install()}
    except NotHereError as why:
        pytest.skip(str(why))


def need_sandbox() -> None:
    """Skips the test where there is no sandbox."""
    why = preflight() if sys.platform == "linux" else "there is no bubblewrap on this system"
    if why:
        pytest.skip(why)


def skill(text: str = SKILL, **files: str) -> Skill:
    bundle = {name.replace("__", "/"): data.encode() for name, data in files.items()}
    return parse_skill(text.encode(), path="SKILL.md", name="invoices", bundle=bundle)


def task(prompt: str = "What is the due date?", files: Mapping[str, str] | None = None, **more: object) -> Task:
    attached = tuple(Attachment(name=n, data=d.encode()) for n, d in (files or {}).items())
    return Task(id="t1", prompt=prompt, source=Source(file="t", line=1), files=attached, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class World:
    """A harness at work. `server` is the model."""

    name: str
    harness: AgentHarness
    server: Loopback
    ledger: Ledger
    meter: Meter
    pool: Pool

    def run(self, of: Task, with_skill: Skill | None = None, n: int = 0):  # type: ignore[no-untyped-def]
        sample = Sample(task_id=of.id, stream="test", n=n)
        return self.harness.run(with_skill or skill(), of, sample)


def options(name: str, **more: object) -> dict[str, object]:
    """Options that name the installed command line."""
    return {"path": str(tools()[name].path), "max_turns": 6, "seconds": 60.0, **more}


def make(name: str, **more: object) -> Agent:
    """The agent with its options."""
    kind = claude_code.KIND if name == "claude-code" else codex.KIND
    return kind.make(options(name, **more))


def no_key(at: World, *seen: object) -> None:
    """Neither the key nor a rollout's token is in anything that is kept, or that the agent sent."""
    kept = json.dumps(at.ledger.export(), default=str) + repr(seen) + json.dumps(at.ledger.failures(100))
    assert KEY not in kept
    assert not re.search(r"rollout-[\w-]{40}", kept)
    for call in at.server.calls:
        assert KEY not in texts(call)
        assert KEY in (call.headers.get("x-api-key"), call.headers.get("authorization", "").removeprefix("Bearer "))


@contextmanager
def world(
    name: str, handler: Handler, *, confined: bool = True, patience: float = 30.0, **more: object
) -> Iterator[World]:
    """A harness with a server that plays the model."""
    agent = make(name, **more)
    if confined:
        need_sandbox()
    pool = Pool(2)
    with Loopback(handler) as server, Ledger(None) as ledger:
        agency = Agency(pool.stop, confined=confined)
        kind = "anthropic" if name == "claude-code" else "openai"
        url = server.url if name == "claude-code" else server.openai_url
        meter = Meter(Limits())
        try:
            bench = Bench(
                sandbox=agency.sandbox(),
                gateway=agency.gateway(),
                upstream=agency.upstream(
                    ProviderOptions(name=kind, type=kind, api_key=KEY, base_url=url, timeout_seconds=patience)
                ),
                ledger=ledger,
                meters=[meter],
                pricer=Pricer(kind, price_as=None, prices={"input": 1, "output": 2}),  # type: ignore[dict-item]
                model=MODELS[name],
                provider=kind,
                run="r",
            )
            made = World(
                name=name, harness=AgentHarness(agent, bench), server=server, ledger=ledger, meter=meter, pool=pool
            )
            yield made
            no_key(made)  # whatever happened in the rollouts
        finally:
            agency.close()


def shell(name: str, command: str) -> Turn:
    """The model calls the shell."""
    return uses("Bash", command=command) if name == "claude-code" else uses("exec_command", cmd=command)


def opens(name: str, which: str = "invoices") -> Turn:
    """The model opens a skill."""
    if name == "claude-code":
        return uses("Skill", skill=which)
    return uses("exec_command", cmd=f"cat /rollout/state/codex/skills/{which}/SKILL.md")
