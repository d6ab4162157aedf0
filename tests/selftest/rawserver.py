"""A server of bare bytes on the loopback interface, for answers that no framework would send."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket, bytes], None]
HOST = "127.0.0.1"


@contextlib.contextmanager
def raw(answer: Answer | bytes) -> Iterator[str]:
    """Answer every request with the bytes, or by the function (connection, request); then close. Yields the URL."""
    listener = socket.create_server((HOST, 0), backlog=64)
    stopped = threading.Event()
    script = answer if callable(answer) else lambda connection, request: connection.sendall(answer)
    thread = threading.Thread(target=_serve, args=(listener, script, stopped), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        with contextlib.suppress(OSError):
            socket.create_connection(listener.getsockname(), timeout=1).close()
        thread.join(5)
        listener.close()


def _serve(listener: socket.socket, script: Answer, stopped: threading.Event) -> None:
    workers = []
    while True:
        connection, _ = listener.accept()
        if stopped.is_set():
            connection.close()
            break
        workers.append(threading.Thread(target=_answer, args=(connection, script), daemon=True))
        workers[-1].start()
    for worker in workers:
        worker.join(5)


def _answer(connection: socket.socket, script: Answer) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        script(connection, _request(connection))


def _request(connection: socket.socket) -> bytes:
    """The whole request: its head, and as much body as it announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def wait_for_end(connection: socket.socket) -> None:
    """Say nothing more until the client hangs up."""
    while connection.recv(65536):
        pass


def free_address() -> str:
    """A URL on which nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        return f"http://{HOST}:{listener.getsockname()[1]}"
