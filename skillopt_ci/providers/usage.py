"""Tokens as the vendors report them, in one form: to the providers here, and to agents through the gateway."""

from collections.abc import Mapping

from skillopt_ci.core.json_values import count, mapping
from skillopt_ci.core.trajectory import Usage


def anthropic_usage(usage: Mapping[str, object]) -> Usage:
    """Of an answer of Anthropic's: what is read from and written to its cache stands beside the input."""
    read = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")) + read + written,
        cached_tokens=read,
        written_tokens=written,
        output_tokens=count(usage.get("output_tokens")),
    )


def chat_usage(usage: Mapping[str, object]) -> Usage:
    """Of a chat completion.

    Reasoning is paid as output. OpenAI has it in `completion_tokens`; servers of others (Gemini's and xAI's) leave it
    out there, and only their total tells of it.
    """
    asked, answered = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    beside = max(0, count(usage.get("total_tokens")) - asked - answered) if asked else 0
    details = mapping(usage.get("completion_tokens_details"))
    if "reasoning_tokens" in details:  # then nothing else that a total may hold is taken for it
        beside = min(beside, count(details["reasoning_tokens"]))
    return Usage(
        input_tokens=asked,
        cached_tokens=count(mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        output_tokens=answered + beside,
    )


def responses_usage(usage: Mapping[str, object]) -> Usage:
    """Of an answer of the responses API."""
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        cached_tokens=count(mapping(usage.get("input_tokens_details")).get("cached_tokens")),
        output_tokens=count(usage.get("output_tokens")),
    )
