"""The method `gepa`, which needs a package that is not installed with ours."""

from collections.abc import Callable, Sequence

from skillopt_ci.core.history import Rejected
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.method import Method, Training
from skillopt_ci.engine.state import Workbench
from skillopt_ci.errors import UsageError
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model


def make(model: Callable[[], Model], pool: Pool) -> Method:
    """The method. Raises `UsageError` when the package is not installed."""
    del pool
    played = model()
    try:
        from skillopt_ci.engine.gepa_search import gepa_search
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "gepa":
            raise
        raise UsageError(
            "train.method gepa needs the package gepa: pip install 'skillopt-ci[gepa]', or choose another method"
        ) from error

    def method(bench: Workbench, start: Skill, remembered: Sequence[Rejected], /) -> Training:
        return gepa_search(bench, played, start, remembered)

    return method
