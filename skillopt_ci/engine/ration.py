"""A ration of rollouts: the same number for every method that is compared, or what a run was planned to take."""

from collections.abc import Callable, Collection

from skillopt_ci.core.rollout import Sample
from skillopt_ci.errors import BudgetReachedError

LIMIT = "rollouts"  # the name of what ends a run here
READ = ("train/", "slow/")  # streams of rollouts that an optimizer is asked about


def _nothing(*_rollouts: int) -> int:
    """Only rollouts count."""
    return 0


class Ration:
    """So many rollouts may be taken, bought or replayed alike, so that order and interruptions change nothing.

    A batch that does not fit is not begun. What was taken once is free: a decision that the ration cut short and that
    is begun again does not pay for its first tasks twice.
    """

    def __init__(
        self, rollouts: int, beside: Callable[[], int] = _nothing, reading: Callable[[int], int] = _nothing
    ) -> None:
        """Nothing is taken yet.

        Args:
            rollouts: that there are.
            beside: what else has used it up when a batch begins.
            reading: what else so many rollouts are going to take, once an optimizer reads them.
        """
        self.rollouts = rollouts
        self._beside = beside
        self._reading = reading
        self._taken: set[tuple[str, Sample]] = set()
        self._kept_back = 0

    @property
    def used(self) -> int:
        """Rollouts that were taken."""
        return len(self._taken)

    def take(self, rollouts: Collection[tuple[str, Sample]]) -> None:
        """Use up some: (digest of the skill, sample).

        Raises:
            BudgetReachedError: fewer are left, less what is kept back.
        """
        after = self._taken.union(rollouts)
        read = sum(sample.stream.startswith(READ) for _, sample in rollouts)
        if len(after) + self._beside() + self._reading(read) > self.rollouts - self._kept_back:
            raise BudgetReachedError(
                f"{self.used} of the {self.rollouts} rollouts of this method are used", limit=LIMIT
            )
        self._taken = after

    def keep_back(self, rollouts: int) -> None:
        """Keep so many for the end; 0 releases them."""
        self._kept_back = rollouts
