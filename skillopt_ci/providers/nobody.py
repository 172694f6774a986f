"""The provider of a replay: nobody is asked, so it needs no key and no address."""

from skillopt_ci.errors import CallFailedError
from skillopt_ci.providers.base import Completion, Request


class Nobody:
    """Answers nothing. The ledger of a replay says first that a call was never bought."""

    def complete(self, request: Request, /) -> Completion:
        """Raises `CallFailedError` of kind `not-asked`."""
        raise nobody(request.label)


def nobody(label: str) -> CallFailedError:
    """What a call says that nobody is asked for."""
    return CallFailedError("not-asked", f"{label}: this is a replay, which asks nobody")
