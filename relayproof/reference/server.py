"""The reference relay on a real socket of the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from relayproof.reference.app import KEY, make_app

START_SECONDS = 10


class CannotServe(RuntimeError):
    """The address is taken, or the server did not start."""


@contextlib.contextmanager
def serving(app: Any = None, *, host: str = "127.0.0.1", port: int = 0, key: str = KEY) -> Iterator[str]:
    """Serve an application (the reference relay by default) in a thread; yields its base URL. Raises CannotServe."""
    listener = bind(host, port)
    config = uvicorn.Config(app or make_app(key), log_level="critical", lifespan="off", http="h11", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises CannotServe."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only where the protocol is named
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(f"can't listen on {host}:{port}: {error.strerror}") from None
    return listener


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise CannotServe("the embedded server did not start")
        time.sleep(0.005)
