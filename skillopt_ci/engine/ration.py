"""A ration of rollouts: the same number for every method that is compared."""

from skillopt_ci.errors import BudgetReachedError


class Ration:
    """So many rollouts may be taken, bought or replayed alike, so that order and interruptions change nothing.

    A batch that does not fit is not begun.
    """

    def __init__(self, rollouts: int) -> None:
        self.rollouts = rollouts
        self.used = 0
        self._kept_back = 0
        self._lifted = False

    def take(self, rollouts: int) -> None:
        """Use up some. Raises `BudgetReachedError` when there are fewer left, less what is kept back."""
        if self._lifted:
            return
        if self.used + rollouts > self.rollouts - self._kept_back:
            raise BudgetReachedError(
                f"{self.used} of the {self.rollouts} rollouts of this method are used", limit="rollouts"
            )
        self.used += rollouts

    def keep_back(self, rollouts: int) -> None:
        """Keep so many for the end; 0 releases them."""
        self._kept_back = rollouts

    def lift(self) -> None:
        """From here on nothing is counted: the closing measurement is every method's alike."""
        self._lifted = True
