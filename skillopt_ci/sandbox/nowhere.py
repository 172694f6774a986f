"""The sandbox of a replay, which runs nothing: it needs none on this machine."""

from pathlib import Path

from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.base import Command, Door, Finished


class Nowhere:
    """Refuses every command. `confined`: whether what is replayed ran in a sandbox."""

    def __init__(self, *, confined: bool) -> None:
        self.confined = confined

    def view(self, root: Path, /) -> Path:
        """The root itself."""
        return root

    def gateway_url(self, door: Door, /) -> str:
        """As of one without a sandbox."""
        return f"http://127.0.0.1:{door.port}"

    def run(self, command: Command, /) -> Finished:
        """Raises `CallFailedError` of kind `sandbox`."""
        raise CallFailedError("sandbox", f"'{command.argv[0]}' is not run: this is a replay")
