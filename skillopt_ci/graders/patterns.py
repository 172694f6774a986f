"""Patterns of strangers: compiled once, and searched with a time limit."""

import warnings
from functools import lru_cache

import regex

from skillopt_ci.core.repeats import too_large
from skillopt_ci.errors import CallFailedError, ConfigError

TIMEOUT_SECONDS = 1.0
_FLAGS = {"a": regex.ASCII, "i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "x": regex.VERBOSE}

Pattern = regex.Pattern[str]


@lru_cache(maxsize=1024)
def compiled(grader: str, pattern: str, flags: str = "") -> Pattern:
    """Compile a pattern of a grader; flags are letters of `aimsx`.

    Raises:
        ConfigError: an unknown flag, an empty or an invalid pattern, and where; repeats without measure.
    """
    unknown = sorted(set(flags) - set(_FLAGS))
    if unknown:
        known = ", ".join(_FLAGS)
        raise ConfigError(f"grader '{grader}': unknown regex flag '{unknown[0]}' (it takes: {known})")
    if not pattern:
        raise ConfigError(f"grader '{grader}': the pattern is empty")
    if too_large(pattern, flags):
        raise ConfigError(
            f"grader '{grader}': the pattern {pattern[:80]!r} is too large when its repeats are written out"
        )
    bits = 0
    for letter in flags:
        bits |= _FLAGS[letter]
    try:
        with warnings.catch_warnings():  # `[[a]` may mean something else one day: no word for a user's terminal
            warnings.simplefilter("ignore", FutureWarning)
            return regex.compile(pattern, bits)
    except (regex.error, OverflowError, RecursionError, ValueError, MemoryError) as error:
        raise ConfigError(f"grader '{grader}': invalid pattern {pattern[:80]!r}: {error}") from error


def found(pattern: Pattern, text: str, grader: str) -> bool:
    """Whether the pattern occurs in the text.

    Raises:
        CallFailedError: kind `grader`, after one second: backtracking without end is no answer.
    """
    try:
        return pattern.search(text, timeout=TIMEOUT_SECONDS, concurrent=True) is not None
    except TimeoutError as error:
        words = f"a pattern of grader '{grader}' ran over {TIMEOUT_SECONDS:g} s on an answer; make it simpler"
        raise CallFailedError("grader", words) from error
