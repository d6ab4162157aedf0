"""The client: sends a Call, gives back an Exchange. Never raises for anything a relay does.

One httpx client per relay; every read is kept with its time; whatever way a response ends is a fact in the exchange.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from relayproof import __version__
from relayproof.exchange import Ended, Exchange, Headers, Request, Response
from relayproof.probe import Call, File, dump
from relayproof.relay import Relay
from relayproof.wire.budget import Budget, BudgetSpent
from relayproof.wire.deadline import Deadline, TimedTransport
from relayproof.wire.patience import Patience
from relayproof.wire.room import KEPT, Room
from relayproof.wire.scrub import Scrubber

WRONG_KEY = "sk-relayproof0wrong0key0" + "0" * 24
LONG_AS_A_SECRET = 16
ODD_IN_A_URL = re.compile("[^!-~]+")
LONGEST_URL = 8000
MALFORMED = "no HTTP response"
DROPPED = f"{MALFORMED}: the connection was closed without an answer"
RESET = "broken: the connection was reset"
KEEP_ALIVE = 1.0  # seconds: shorter than any server's, so that no request meets a closing connection
BOUNDARY = "relayproof-form-boundary"
AUTH_HEADERS = {"bearer": "Authorization", "x-api-key": "x-api-key", "x-goog-api-key": "x-goog-api-key"}


class Stopped(BudgetSpent):
    """Nothing more is to be sent: the run was interrupted."""


class Client:
    """Speaks to one relay, within its budget. In tests, `transport` replaces the network and `sleep` the waiting."""

    def __init__(
        self,
        relay: Relay,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self.relay = relay
        self.budget = Budget(relay.limits)
        self.patience = Patience()
        self.room = Room()
        self.scrubber = scrubber(relay)
        self._numbers = itertools.count(1)
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=KEEP_ALIVE)
        self._deadline = Deadline()
        self._http = self._client(transport, limits)
        self._fresh = self._client(transport, httpx.Limits(max_keepalive_connections=0))

    def _client(self, transport: httpx.BaseTransport | None, limits: httpx.Limits) -> httpx.Client:
        return httpx.Client(
            transport=transport or TimedTransport(self._deadline, _certificates(), limits),
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._fresh.close()

    def stop(self) -> None:
        """Send nothing more, and end all waiting, in whatever thread."""
        self._stopped.set()

    def number(self) -> str:
        """The next exchange's id."""
        return f"{next(self._numbers):03d}"

    def send(self, call: Call, probe: str = "", session: str = "run") -> Exchange:
        """Wait as the call says, send, and read to the end. Raises BudgetSpent before it is sent, and nothing else.

        A server may close a kept connection at any time. A request that meets this is sent again, once, on a new one.
        """
        if call.wait:
            self._sleep(call.wait)
        if self._stopped.is_set():
            raise Stopped("the run was interrupted")
        self.patience.check()
        self.room.check()
        reserved = call.most_tokens
        self.budget.reserve(reserved)
        number = self.number()
        started = time.monotonic()
        patience = call.patience if call.elsewhere else self.patience.of(call.patience)
        try:
            request = self._request(call, patience)
        except (ValueError, httpx.InvalidURL) as error:
            return self._unsendable(call, number, probe, session, error)
        response, failure = self._exchange(self._http, request, patience)
        if failure in (DROPPED, RESET):
            with contextlib.suppress(BudgetSpent):
                self.budget.reserve(0)
                response, failure = self._exchange(self._fresh, request, patience)
        if not call.elsewhere:
            in_vain = response is None or response.ended is Ended.TIMED_OUT
            self.patience.note(time.monotonic() - started, in_vain=in_vain)
        exchange = Exchange(
            request=self._record(request),
            response=response,
            id=number,
            probe=probe,
            session=session,
            failure=self.scrubber.text(failure),
            expect=dict(call.expect),
        )
        self.budget.settle(reserved, _used(exchange, reserved))
        return exchange

    def _request(self, call: Call, patience: float) -> httpx.Request:
        given = {"User-Agent": f"relayproof/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        headers = httpx.Headers(given)
        for more in ({} if call.elsewhere else self.relay.headers, self._key_header(call), call.headers):
            headers.update(more)
        if call.expect.get("refusal"):
            headers["Connection"] = "close"  # a server that refuses without reading the body spoils the next request
        body: dict[str, Any] = {}
        if call.form:
            body = _form(call.form)
            headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        elif call.json is not None:
            body = {"content": dump(call.json)}
            headers.setdefault("Content-Type", "application/json")
        elif call.body is not None:
            body = {"content": call.body}
        waits = self.relay.timeouts
        first_byte = waits.first_byte * patience
        timeout = httpx.Timeout(connect=waits.connect, read=first_byte, write=waits.first_byte, pool=waits.whole)
        filled = [(name, value) for name, value in headers.raw if value]
        url = call.path if call.elsewhere else self.relay.address(call.path)
        if len(url) > LONGEST_URL:
            raise ValueError(f"a URL of {len(url):,} characters")
        url = ODD_IN_A_URL.sub(lambda odd: quote(odd.group(), errors="replace"), url)
        url += self._key_parameter(call, url)
        return self._http.build_request(call.method, url, headers=filled, timeout=timeout, **body)

    def _unsendable(self, call: Call, number: str, probe: str, session: str, error: Exception) -> Exchange:
        """An exchange that never was: what the relay named (a model, a link) makes no request that can be sent."""
        request = Request(call.method, self.scrubber.url(call.path[:LONGEST_URL]))
        failure = self.scrubber.text(f"unreachable: the request can't be made: {error}")
        return Exchange(request, None, number, probe, session, failure, dict(call.expect))

    def _key(self, call: Call) -> str | None:
        if call.elsewhere:
            return None
        key = {"own": self.relay.key.reveal(), "wrong": WRONG_KEY, "empty": "", "none": None}[call.key]
        return None if call.key == "own" and not key else key

    def _key_parameter(self, call: Call, url: str) -> str:
        """The key as a part of the query, as Gemini takes it; "" for the other forms."""
        key = self._key(call)
        if key is None or call.auth != "query":
            return ""
        return f"{'&' if '?' in url else '?'}key={quote(key, safe='')}"

    def _key_header(self, call: Call) -> dict[str, str]:
        key = self._key(call)
        if key is None or call.auth == "query":
            return {}
        return {AUTH_HEADERS[call.auth]: f"Bearer {key}".strip() if call.auth == "bearer" else key}

    def _exchange(self, http: httpx.Client, request: httpx.Request, patience: float) -> tuple[Response | None, str]:
        """(response, "") or (None, why). A kept connection that the server closes unseen is no failure: see `send`."""
        started = time.monotonic()
        waits = self.relay.timeouts
        with self._deadline.within(waits.connect + waits.first_byte * patience):
            try:
                answer = http.send(request, stream=True)
            except httpx.HTTPError as error:
                return None, _failure(error)
            except (ValueError, OverflowError) as error:  # a host or a port that no socket takes
                return None, f"unreachable: {error}"
            self._deadline.extend(waits.whole * patience)
            try:
                return self._read(answer, started, patience), ""
            finally:
                answer.close()

    def _read(self, answer: httpx.Response, started: float, patience: float) -> Response:
        answer.request.extensions["timeout"]["read"] = self.relay.timeouts.gap * patience
        reads: list[tuple[float, int]] = []
        chunks: list[bytes] = []
        ended = Ended.COMPLETE
        try:
            for chunk in self._bounded(answer):
                reads.append((round(time.monotonic() - started, 4), len(chunk)))
                chunks.append(chunk)
        except _TooMuch:
            ended = Ended.TOO_LARGE
        except httpx.TimeoutException:
            ended = Ended.TIMED_OUT
        except httpx.HTTPError:
            ended = Ended.CUT
        return self._response(answer, b"".join(chunks), tuple(reads), ended, time.monotonic() - started)

    def _bounded(self, answer: httpx.Response) -> Iterator[bytes]:
        size = 0
        for chunk in answer.iter_raw():
            size += len(chunk)
            yield chunk
            if size > self.relay.limits.body:
                raise _TooMuch

    def _response(
        self, answer: httpx.Response, body: bytes, reads: tuple[tuple[float, int], ...], ended: Ended, seconds: float
    ) -> Response:
        given = Response(answer.status_code, _decoded(answer.headers.raw), body, reads, ended, round(seconds, 4))
        if not self.room.take(len(body), given) and ended is Ended.COMPLETE:
            given = replace(given, ended=Ended.TOO_LARGE)
        if given.ended is Ended.TOO_LARGE:
            given = replace(given, body=body[:KEPT])
        return self.scrubber.response(given)

    def _record(self, request: httpx.Request) -> Request:
        url = urlsplit(str(request.url))
        path = url.path + (f"?{url.query}" if url.query else "")
        headers = tuple(
            (name, "***" if name.lower() in self._own_headers else value)
            for name, value in self.scrubber.headers(_decoded(request.headers.raw))
        )
        return Request(request.method, self.scrubber.url(path), headers, self.scrubber.body(request.read()))

    @property
    def _own_headers(self) -> set[str]:
        return {name.lower() for name in self.relay.headers}


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The authorities to trust, read once: that takes longer than a whole exchange over the loopback interface."""
    return httpx.create_ssl_context(trust_env=False)


class _TooMuch(Exception):
    """The body is larger than the relay's limit."""


def scrubber(relay: Relay) -> Scrubber:
    """What takes a relay's secrets out: its key, and those of its extra headers that look like one."""
    return Scrubber([relay.key.reveal(), *filter(None, map(_secret_in, relay.headers.values()))])


def _secret_in(value: str) -> str:
    """What looks like a secret in the value of a header: one long word, after a scheme (`Bearer`) or not."""
    scheme, _, word = value.rpartition(" ")
    return word if len(word) >= LONG_AS_A_SECRET and " " not in scheme and "://" not in word else ""


def _decoded(raw: list[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def _form(form: tuple[tuple[str, str | File], ...]) -> dict[str, Any]:
    files: list[tuple[str, Any]] = []
    for name, value in form:
        if isinstance(value, File):
            files.append((name, (value.filename, value.data, value.content_type)))
        else:
            files.append((name, (None, value)))
    return {"files": files}


def _failure(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        return f"unreachable: {error}"
    if isinstance(error, httpx.TimeoutException):
        return f"timed-out: no answer began ({type(error).__name__})"
    if isinstance(error, httpx.RemoteProtocolError):
        return DROPPED if "disconnected" in str(error) else f"{MALFORMED}: {error}"
    return RESET if any(word in str(error) for word in ("reset", "Broken pipe")) else f"broken: {error}"


def _used(exchange: Exchange, reserved: int) -> int:
    """What the relay says it used; an error costs nothing; without a word from the relay, all that was possible."""
    if exchange.response is not None and not exchange.succeeded:
        return 0
    return exchange.cost or reserved
