"""Whether an agent can run on this machine, before anything is bought."""

from typing import Protocol, runtime_checkable

from skillopt_ci.errors import ConfigError
from skillopt_ci.gateway.protocols import SPEAKS, cannot_be_used
from skillopt_ci.harnesses.agent import Agent


@runtime_checkable
class Findable(Protocol):
    """An agent that can be looked for without running it; those of other packages need not be."""

    @property
    def package(self) -> str:
        """What npm installs it from, `name@version`; empty when it is not known."""
        ...

    def missing(self, *, confined: bool) -> str:
        """Why it cannot run here, as far as that is seen without running anything; empty when nothing is seen."""
        ...


def missing(agent: Agent, *, confined: bool) -> str:
    """As `Findable.missing`; empty for an agent that cannot be looked for."""
    return agent.missing(confined=confined) if isinstance(agent, Findable) else ""


def package(agent: Agent) -> str:
    """As `Findable.package`."""
    return agent.package if isinstance(agent, Findable) else ""


def unfit(agent: Agent, provider: str, kind: str) -> str:
    """Why an agent cannot ask a provider of this type, wherever it runs; empty when it can."""
    if kind not in SPEAKS:
        return cannot_be_used(provider, kind)
    protocol = getattr(agent, "protocol", None)  # an agent of its own makes speaks one; `command` may speak any
    if protocol is None or protocol in SPEAKS[kind]:
        return ""
    wanted = next((k for k, spoken in SPEAKS.items() if protocol in spoken), "that speaks it")
    return (
        f"the agent speaks the '{protocol}' protocol and the target's provider '{provider}' does not: "
        f"give it a provider of type '{wanted}'"
    )


def require(agent: Agent, harness: str, *, confined: bool) -> str:
    """The version of an agent that can run here; asks the program.

    Raises:
        ConfigError: it is not there, or another version is; names the harness and what to do.
    """
    why = missing(agent, confined=confined)
    try:
        if not why:
            _ = agent.readable  # of a pinned one this asks for its version
            return str(agent.identity().get("version", ""))
    except ConfigError as error:
        why = str(error)
    raise ConfigError(f"harness '{harness}': {why}")
