"""One error tree. The class decides the exit code; the message says what, where and what to do.

Exit codes (the same table as in `docs/commands.md`): 0 done, 1 regression, 2 usage or configuration,
3 inconclusive, 4 budget, 5 provider, authentication, git or forge, 130 interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class SkilloptError(Exception):
    """Anything a person is told in one line, without a traceback."""

    exit_code = 2
    reason = "error"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file. `line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}"
            if self.column:
                where += f":{self.column}"
        return f"{where}: {'warning: ' if self.warning else ''}{self.message}"


class ConfigError(SkilloptError):
    """Configuration, tasks or skills that cannot be used; carries every problem found, not only the first."""

    reason = "config"

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(str(p) for p in self.problems))

    @classmethod
    def about(cls, path: str, message: str) -> "ConfigError":
        """One thing wrong in a file as a whole."""
        return cls([Problem(path, 0, 0, message)])


class MissingKeyError(ConfigError):
    """A provider needs a key, and its environment variable is not set."""


class UsageError(SkilloptError):
    """The command line asks for something that does not exist or does not fit."""

    reason = "config"


class LedgerError(SkilloptError):
    """The ledger cannot be read or written."""

    reason = "config"


MEND_LEDGER = "move the file away, and `skillopt-ci ledger merge THAT-FILE` takes over what is whole in it"
"""What to do about a damaged ledger: nothing that is well is lost."""


class LedgerMissError(LedgerError):
    """`--replay-only`, and a call that was never bought."""

    reason = "replay-miss"


class InconclusiveError(SkilloptError):
    """Too little was measured to say anything."""

    exit_code = 3
    reason = "infrastructure"


class BudgetReachedError(SkilloptError):
    """A limit of the budget was reached; what was bought is in the ledger."""

    exit_code = 4
    reason = "budget"

    def __init__(self, message: str, *, limit: str = "") -> None:
        self.limit = limit
        """Which one: usd, calls, minutes or month_usd."""
        super().__init__(message)


class ProviderDownError(SkilloptError):
    """The provider refuses the key or does not answer at all: no point in asking again."""

    exit_code = 5
    reason = "provider"


class GitError(SkilloptError):
    """git, or the repository, does not have what was asked for."""

    exit_code = 5
    reason = "git"


class ForgeError(SkilloptError):
    """GitHub does not answer, or refuses; the message says which setting or permission is missing."""

    exit_code = 5
    reason = "forge"


class InterruptedRunError(SkilloptError):
    """Ctrl-C or a termination signal; the same command continues."""

    exit_code = 130
    reason = "interrupted"


class CallFailedError(Exception):
    """One model call or grader run gave no result. Becomes a `Failure` of its rollout, never a score.

    Args:
        kind: a stable word: timeout, rate-limit, server, network, request, malformed, grader, ...
        message: for people, already free of secrets.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(f"{kind}: {message}")
