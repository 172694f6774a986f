"""How often a test split was looked at: the more often, the less it is held out."""

from skillopt_ci.core.task import Suite
from skillopt_ci.ledger import Ledger


def times_opened(ledger: Ledger, suite: Suite, run: str) -> int:
    """How many runs or confirmations have opened this suite's test split up to this one, which is noted as one of them.

    Other train or validation tasks do not make it a new one.
    """
    lineage = f"test/{Suite(tasks=suite.of(['test'])).digest}"
    runs = list(dict.fromkeys(e.run for e in ledger.run_events(lineage)))
    if run not in runs:
        runs.append(run)
        if not ledger.replay_only:
            ledger.note_run(run, lineage, 1, "opened", {})
    return runs.index(run) + 1
