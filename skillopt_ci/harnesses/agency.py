"""What agents and scripts of one command share: the sandbox, the gateway, the ways to the providers."""

import threading
from typing import TYPE_CHECKING

from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.sandbox.base import Sandbox, Stop
from skillopt_ci.sandbox.scratch import sweep

if TYPE_CHECKING:
    from skillopt_ci.gateway.server import Gateway
    from skillopt_ci.gateway.upstream import Upstream


class Agency:
    """Makes each thing once, when it is first needed. Safe for threads."""

    def __init__(self, stop: Stop, *, confined: bool) -> None:
        """Begin with taking away what commands that were killed have left."""
        sweep()
        self._stop = stop
        self._confined = confined
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._gateway: Gateway | None = None
        self._upstreams: dict[str, Upstream] = {}

    def sandbox(self) -> Sandbox:
        """The sandbox. Raises `ConfigError` when there must be one, and there is none."""
        with self._lock:
            if self._sandbox is None:
                from skillopt_ci.sandbox.bubblewrap import Bubblewrap
                from skillopt_ci.sandbox.unconfined import Unconfined

                self._sandbox = Bubblewrap(self._stop) if self._confined else Unconfined(self._stop)
            return self._sandbox

    def gateway(self) -> "Gateway":
        """The gateway."""
        with self._lock:
            if self._gateway is None:
                from skillopt_ci.gateway.server import Gateway

                self._gateway = Gateway(port=not self._confined)
            return self._gateway

    def upstream(self, options: ProviderOptions) -> "Upstream":
        """The way to a provider. Raises `ConfigError` for one that agents cannot use."""
        with self._lock:
            if options.name not in self._upstreams:
                from skillopt_ci.gateway.upstream import Upstream

                self._upstreams[options.name] = Upstream(options)
            return self._upstreams[options.name]

    def close(self) -> None:
        """Stop to listen, and close the connections."""
        with self._lock:
            if self._gateway is not None:
                self._gateway.close()
            for upstream in self._upstreams.values():
                upstream.close()
            self._gateway = None
            self._upstreams.clear()
