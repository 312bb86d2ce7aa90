"""Which requests go over a kept connection by an exchange of ours (`_exchange`), and what of httpcore's that needs.

What is traced, logged or patched goes httpcore's way, and so do any other kind of connection and a body that is not at
hand.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from ._exchange import AsyncExchange, SyncExchange

if TYPE_CHECKING:
    from ._exchange import Leaves
    from ._httpcore import Core

__all__ = ["Ways", "ways"]

_OF_IT = (
    *("READ_NUM_BYTES", "_expire_at", "_h11_state", "_network_stream", "_request_count", "_response_closed", "_state"),
    "_state_lock",
)
_OF_CLASS = "_send_event"
_IN_MODULE = ("HTTPConnectionState", "h11", "logger")
_STATES = ("ACTIVE", "IDLE")
"""Private names that are used: of a connection, of its class, in that one's module, and of its states there."""


class Ways:
    """What exchanges over one kind of connections need of httpcore, and which requests may go this way.

    Args:
        core: httpcore or httpcore2.
        module: that in which its connection's working is written.
        prefix: of its async names.
    """

    def __init__(self, core: Core, module: Any, prefix: str) -> None:
        self._method = "handle_async_request" if prefix else "handle_request"
        self._outer, self._inner = (getattr(core, f"{prefix}{name}") for name in ("HTTPConnection", "HTTP11Connection"))
        self._plain = self._methods()
        self._logger: logging.Logger = module.logger
        self._body = _body(core)
        self._seen = False  # whether a connection has all that is used of it
        self.kind = AsyncExchange if prefix else SyncExchange
        self.h11: Any = module.h11
        self.active, self.idle = module.HTTPConnectionState.ACTIVE, module.HTTPConnectionState.IDLE
        self.shield: Any = getattr(module, f"{prefix}ShieldCancellation")
        self.upgraded: Any = getattr(module, f"{prefix}HTTP11UpgradeStream")
        self.gone = core.ConnectionNotAvailable
        self.local_error, self.remote_error = core.LocalProtocolError, core.RemoteProtocolError
        self.write_error = core.WriteError

    def exchange(self, taken: Any, pool: Leaves) -> Any | None:
        """The exchange for a request that was given its connection; None if it is not to go this way."""
        request, connection = taken.request, taken.connection
        if type(connection) is not self._outer or type(request.stream) is not self._body:
            return None
        inner = getattr(connection, "_connection", None)
        if not self._seen:
            self._seen = all(hasattr(inner, name) for name in _OF_IT)
        if not self._seen or type(inner) is not self._inner or self._methods() != self._plain:
            return None
        if "trace" in request.extensions or self._logger.isEnabledFor(logging.DEBUG):
            return None
        return self.kind(self, inner, taken, pool)

    def are_plain(self, package: str) -> bool:
        """Whether nobody had patched how connections send when this was made. (What is patched since is seen later.)
        A wrapper tells the name and module of what it wraps, but not its globals."""
        for method in self._plain:
            name = getattr(method, "__module__", "")
            globals_of = vars(sys.modules[name]) if name.startswith(package) and name in sys.modules else None
            if globals_of is None or getattr(method, "__globals__", None) is not globals_of:
                return False
        return True

    def _methods(self) -> tuple[Any, Any]:
        return getattr(self._outer, self._method), getattr(self._inner, self._method)


def ways(core: Core, *, is_async: bool) -> Ways | None:
    """The ways over kept connections of httpcore's or httpcore2's; None if a name is missing that is used."""
    prefix = "Async" if is_async else ""
    kind = getattr(core, f"{prefix}HTTP11Connection", None)
    # (The class itself tells the package as its module.)
    module: Any = sys.modules.get(getattr(getattr(kind, _OF_CLASS, None), "__module__", ""))
    names = (*_IN_MODULE, f"{prefix}ShieldCancellation", f"{prefix}HTTP11UpgradeStream")
    if not all(hasattr(module, name) for name in names):
        return None
    if not all(hasattr(module.HTTPConnectionState, name) for name in _STATES):
        return None
    found = Ways(core, module, prefix)
    return found if found.are_plain(f"{core.__name__}.") else None


def _body(core: Core) -> Any:
    """The class of bodies that are there, all of them, to be read without waiting. (Others may want to be closed.)"""
    return getattr(sys.modules.get(core.__name__.replace("core", "x")), "ByteStream", None)
