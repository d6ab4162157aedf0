"""A transport on which every wait ends by the deadline of its exchange.

httpx bounds each read by itself: a server that drips one byte a second, or says `100 Continue` for ever, never meets
that bound.
"""

from __future__ import annotations

import contextlib
import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

PIECE = 2**16
Options = Iterable[Any] | None


class Deadline(threading.local):
    """When the exchange of this thread is over."""

    at = math.inf

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Everything inside ends in so many seconds; `extend` moves that."""
        self.extend(seconds)
        try:
            yield
        finally:
            self.at = math.inf

    def extend(self, seconds: float) -> None:
        """So many seconds from now."""
        self.at = time.monotonic() + seconds

    def cut(self, timeout: float | None, over: type[Exception]) -> float | None:
        """The time-out of one step, no longer than what is left. Raises `over` when nothing is."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise over("the exchange took too long")
        return timeout if math.isinf(left) else min(left, math.inf if timeout is None else timeout)


class TimedTransport(httpx.HTTPTransport):
    """httpx's own transport, its connections bound to `deadline`."""

    def __init__(self, deadline: Deadline, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=verify, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(deadline),
        )


class _Backend(httpcore.SyncBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options = None,
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.cut(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            self._stream.write(buffer[start : start + PIECE], self._deadline.cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.cut(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
