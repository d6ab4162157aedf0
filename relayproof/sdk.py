"""The official SDKs: what each would send for a call, and what each makes of an answer. Their only door.

Nothing is sent from here: a stub stands where an SDK has its network. What a call is written as in a user's code is
named as in the SDK: "chat.completions.create". SDKs are optional, and imported only when one is needed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relayproof.exchange import Exchange
from relayproof.rule import Untested

OPENAI, ANTHROPIC, GOOGLE = "openai", "anthropic", "google-genai"
CREATE, LIST = "chat.completions.create", "models.list"
MESSAGE, MESSAGE_STREAM = "messages.create", "messages.stream"
GENERATE, GENERATE_STREAM = "models.generate_content", "models.generate_content_stream"

KEY = "sk-relayproof-stands-in-for-the-key"
LONGEST = 160
NOWHERE = "http://relay.invalid"
ROOTS = {OPENAI: "/v1", ANTHROPIC: "", GOOGLE: ""}
MODULES = {OPENAI: "openai", ANTHROPIC: "anthropic", GOOGLE: "google.genai"}
FORMS = {"authorization": "bearer", "x-api-key": "x-api-key", "x-goog-api-key": "x-goog-api-key"}
OWN_HEADERS = re.compile(r"accept|content-type|user-agent|x-stainless-.*|anthropic-(version|beta)|x-goog-api-client")
FRAMING = ("content-encoding", "content-length", "transfer-encoding", "connection")
LOGGERS = ("openai", "anthropic", "google_genai")
_one_at_a_time = threading.Lock()

View = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """The request that an SDK would send, without the key: `auth` is the header form in which it stood."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    auth: str


class Raised(Exception):
    """What an SDK raised over an answer: `kinds` are the names of its classes, the nearest first."""

    def __init__(self, error: Exception) -> None:
        told = " ".join(str(error).split())[:LONGEST]
        super().__init__(f"{type(error).__name__}: {told}".rstrip(": "))
        self.kinds = tuple(kind.__name__ for kind in type(error).__mro__)


def ask(sdk: str, call: str, arguments: Mapping[str, Any], root: str | None = None) -> Asked:
    """What the SDK would send. `root` is what its base URL ends with. Raises Untested when there is no such SDK."""
    seen: list[Any] = []

    def catch(request: Any) -> Any:
        seen.append(request)
        raise ConnectionAbortedError("caught")

    with _client(sdk, catch, ROOTS[sdk] if root is None else root) as client:
        try:
            USES[sdk, call](client, arguments)
        except Exception as error:
            if not seen:
                raise Untested(f"the {sdk} SDK could not make the request: {error}") from error
    return _asked(seen[0])


def _asked(request: Any) -> Asked:
    every = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    headers = {name: value for name, value in every if OWN_HEADERS.fullmatch(name.lower())}
    auth = next((form for name, form in FORMS.items() if KEY in request.headers.get(name, "")), "bearer")
    return Asked(request.method, request.url.raw_path.decode(), headers, request.read(), auth)


def read(sdk: str, call: str, exchange: Exchange) -> View:
    """What a user's code gets from the SDK for a recorded answer. Raises Raised, and Untested when there is no SDK."""
    response = exchange.answered
    headers = [(name, value) for name, value in response.headers if name.lower() not in FRAMING]
    http = _http(sdk)

    def play(request: Any) -> Any:
        return http.Response(response.status, headers=headers, content=response.decoded, request=request)

    arguments = _least(call, exchange)
    with _client(sdk, play, ROOTS[sdk]) as client:
        try:
            return USES[sdk, call](client, arguments)
        except Exception as error:
            raise Raised(error) from error


def _least(call: str, exchange: Exchange) -> dict[str, Any]:
    """The least that a call needs: what it asked for has no part in how the answer is read, but for the stream."""
    model = exchange.model or "model"
    if call == CREATE:
        return {"model": model, "messages": [], "stream": exchange.asked("/stream") is True}
    if call in (MESSAGE, MESSAGE_STREAM):
        return {"model": model, "messages": [], "max_tokens": 1}
    return {} if call == LIST else {"model": model, "contents": "Hi"}


@contextlib.contextmanager
def _client(sdk: str, handler: Callable[[Any], Any], root: str) -> Iterator[Any]:
    """A client of the SDK over a stub. One at a time: warnings are a setting of the whole process."""
    http = _http(sdk)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _silence()
        with http.Client(transport=http.MockTransport(handler), follow_redirects=True) as stub:
            yield _built(sdk, stub, NOWHERE + root)


@functools.cache
def _silence() -> None:
    """What an SDK logs is for its own users: without a handler, Python would print it."""
    for name in LOGGERS:
        logging.getLogger(name).addHandler(logging.NullHandler())


def _built(sdk: str, stub: Any, base: str) -> Any:
    try:
        module = importlib.import_module(MODULES[sdk])
        if sdk == OPENAI:
            return module.OpenAI(api_key=KEY, base_url=base, max_retries=0, http_client=stub)
        if sdk == ANTHROPIC:
            return module.Anthropic(api_key=KEY, base_url=base, max_retries=0, http_client=stub)
        options = {"base_url": base, "api_version": "v1beta", "httpx_client": stub}
        return module.Client(api_key=KEY, vertexai=False, http_options=options)
    except ImportError:
        raise missing(sdk) from None
    except Exception as error:
        raise Untested(f"the {sdk} SDK that is installed can't be used: {error}") from error


def _http(sdk: str) -> Any:
    """The HTTP library that the installed SDK is built on: httpx, or its fork httpx2."""
    try:
        needs = importlib.metadata.requires(sdk) or []
        forked = any(re.match(r"httpx2\b(?!.*extra)", need) for need in needs)
        return importlib.import_module("httpx2" if forked else "httpx")
    except ImportError:
        raise missing(sdk) from None


def missing(sdk: str) -> Untested:
    """The word for an SDK that is not there."""
    return Untested(f"the {sdk} SDK is not installed: pip install 'relayproof[sdk]'")


def view(text: Any, reason: Any, calls: list[tuple[Any, Any]], usage: tuple[Any, ...] | None) -> View:
    """What code reads of an answer: its text, why it ended, the calls as (name, arguments), and the counted tokens."""
    return {"text": text or "", "finish_reason": reason, "tool_calls": calls, "usage": usage}


def _completion(client: Any, arguments: Mapping[str, Any]) -> View:
    if arguments.get("stream"):
        return _chunks(client, arguments)
    answer = client.chat.completions.create(**arguments)
    choice = answer.choices[0]
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
    return view(choice.message.content, choice.finish_reason, calls, _openai_usage(answer))


def _openai_usage(answer: Any) -> tuple[Any, ...] | None:
    told = answer.usage
    return (told.prompt_tokens, told.completion_tokens, told.total_tokens) if told else None


def _chunks(client: Any, arguments: Mapping[str, Any]) -> View:
    whole = view("", None, [], None)
    calls: dict[int, list[str]] = {}
    with client.chat.completions.create(**arguments) as chunks:
        for chunk in chunks:
            whole["usage"] = _openai_usage(chunk) or whole["usage"]
            for choice in (choice for choice in chunk.choices if choice.delta and not choice.index):
                whole["text"] += choice.delta.content or ""
                whole["finish_reason"] = choice.finish_reason or whole["finish_reason"]
                for call in choice.delta.tool_calls or ():
                    gathered = calls.setdefault(call.index, ["", ""])
                    gathered[0] = gathered[0] or call.function.name or ""
                    gathered[1] += call.function.arguments or ""
    whole["tool_calls"] = [(name, words) for _, (name, words) in sorted(calls.items())]
    return whole


def _models(client: Any, arguments: Mapping[str, Any]) -> View:
    return {"models": [model.id for model in client.models.list()]}


def _message(client: Any, arguments: Mapping[str, Any]) -> View:
    return _of_message(client.messages.create(**arguments))


def _message_stream(client: Any, arguments: Mapping[str, Any]) -> View:
    with client.messages.stream(**arguments) as events:
        return _of_message(events.get_final_message())


def _of_message(answer: Any) -> View:
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
    return view(text, answer.stop_reason, calls, (answer.usage.input_tokens, answer.usage.output_tokens))


def _generated(client: Any, arguments: Mapping[str, Any]) -> View:
    return _of_answers([client.models.generate_content(**arguments)])


def _generated_stream(client: Any, arguments: Mapping[str, Any]) -> View:
    return _of_answers(list(client.models.generate_content_stream(**arguments)))


def _of_answers(answers: list[Any]) -> View:
    whole = view("", None, [], None)
    for answer in answers:
        told, candidates = answer.usage_metadata, answer.candidates or ()
        whole["text"] += answer.text or ""
        whole["tool_calls"] += [(call.name, call.args) for call in answer.function_calls or ()]
        for reason in (candidate.finish_reason for candidate in candidates[:1] if candidate.finish_reason):
            whole["finish_reason"] = reason.value
        if told:
            whole["usage"] = (told.prompt_token_count, told.candidates_token_count, told.total_token_count)
    return whole


USES: dict[tuple[str, str], Callable[[Any, Mapping[str, Any]], View]] = {
    (OPENAI, CREATE): _completion,
    (OPENAI, LIST): _models,
    (ANTHROPIC, MESSAGE): _message,
    (ANTHROPIC, MESSAGE_STREAM): _message_stream,
    (GOOGLE, GENERATE): _generated,
    (GOOGLE, GENERATE_STREAM): _generated_stream,
}
