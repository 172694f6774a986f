"""`sandbox: off`: commands with the whole machine before them. Only their environment is their own."""

import sys
from pathlib import Path

from skillopt_ci.sandbox import running
from skillopt_ci.sandbox.base import WORK, Command, Door, Finished, Stop


class Unconfined:
    """Runs commands as this user. Limits of processes, memory and disk are watched where there is a /proc."""

    confined = False

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._modules = running.inside()

    def view(self, root: Path, /) -> Path:
        """The root itself."""
        return root

    def gateway_url(self, door: Door, /) -> str:
        """The gateway's own port."""
        return f"http://127.0.0.1:{door.port}"

    def run(self, command: Command, /) -> Finished:
        """As `Sandbox.run`."""
        plan = running.Plan(
            launch=(sys.executable, "-I", "-S", "-B"),
            modules=self._modules,
            root=str(command.root),
            cwd=str(command.root / WORK),
            alone=False,
            port=None,
        )
        return running.run(plan, command, self._stop)
