"""POST /v1/messages, whole and streamed, with its prompt cache; count_tokens; the model list in Anthropic's form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from relayproof import schema
from relayproof.pointer import find, get
from relayproof.reference import mind, models
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.chat import A_TOKEN_TAKES, PICTURE_TOKENS

CONTEXT = 200_000
SMALLEST_CACHED = 1024
A_MESSAGE = 3
THOUGHT = "The question is a plain one, so the answer can be short."
CREATED = "2024-10-22T00:00:00Z"
Event = dict[str, Any]


async def create(request: Request) -> Response:
    """Answer a Messages request, as one object or as a stream of events."""
    body = await json_body(request)
    models.known(body.get("model"))
    check(body)
    state = request.app.state
    if not hasattr(state, "prefixes"):
        state.prefixes = set()
    state.count += 1
    whole = message(body, f"msg_{mind.digest(body, state.count)}", state.prefixes)
    headers = {"request-id": f"req_{mind.digest(whole['id'])}"}
    if not body.get("stream"):
        return JSONResponse(whole, headers=headers)
    return StreamingResponse(_lines(events(whole)), media_type="text/event-stream", headers=headers | QUIET)


QUIET = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def _lines(documents: Iterator[Event]) -> AsyncIterator[str]:
    for document in documents:
        yield f"event: {document['type']}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n"
        await asyncio.sleep(A_TOKEN_TAKES)


async def count(request: Request) -> Response:
    """POST /v1/messages/count_tokens."""
    body = await json_body(request)
    models.known(body.get("model"))
    check(body | {"max_tokens": 1})
    return JSONResponse({"input_tokens": prompt_tokens(body)})


async def listing(request: Request) -> Response:
    """GET /v1/models: Anthropic's page for its headers, the common list for all others."""
    if "anthropic-version" not in request.headers:
        return await models.listing(request)
    data = [_card(name) for name in models.MODELS]
    return JSONResponse({"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})


async def single(request: Request) -> Response:
    """GET /v1/models/{model}, by the same rule."""
    if "anthropic-version" not in request.headers:
        return await models.single(request)
    return JSONResponse(_card(models.known(request.path_params["model"])))


def _card(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name.replace("-", " ").title(), "created_at": CREATED}


def check(body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema or the rules between fields. Raises Refusal (400)."""
    wrong = next(schema.mismatches("anthropic/message_request", body), None)
    if wrong is not None:
        raise Refusal(400, f"{wrong.where.strip('/').replace('/', '.') or 'body'}: {wrong.what}")
    if not body["messages"]:
        raise Refusal(400, "messages: at least one message is required")
    named = get(body, "/tool_choice/name", str)
    if get(body, "/tool_choice/type") == "any" and not wanted(body):
        raise Refusal(400, "tool_choice: there is no tool to choose from")
    if named is not None and named not in [name for _, name in find(body, "/tools/*/name", str)]:
        raise Refusal(400, f"tool_choice: '{named}' is not among the tools")
    budget = get(body, "/thinking/budget_tokens", int)
    if budget is not None and budget >= body["max_tokens"]:
        raise Refusal(400, "max_tokens: must be greater than thinking.budget_tokens")
    if prompt_tokens(body) > CONTEXT:
        raise Refusal(400, f"prompt is too long: {prompt_tokens(body)} tokens > {CONTEXT} maximum")


def message(body: dict[str, Any], name: str, prefixes: set[str]) -> dict[str, Any]:
    """The whole message. `prefixes` holds the digests of what is in the prompt cache, and is added to."""
    content, reason, met, output = answer(body)
    return {
        "id": name,
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": met,
        "usage": usage(body, prefixes) | {"output_tokens": output, "service_tier": "standard"},
    }


def answer(body: dict[str, Any]) -> tuple[list[dict[str, Any]], str, str | None, int]:
    """(content blocks, stop_reason, stop_sequence, output tokens)."""
    content = [_thinking(body)] if get(body, "/thinking/type") == "enabled" and not _results(body) else []
    spent = sum(len(mind.tokens(block["thinking"])) for block in content)
    room = body["max_tokens"] - spent
    calls = [_call(tool, body, number) for number, tool in enumerate(wanted(body))]
    cost = sum(len(mind.tokens(call["name"] + json.dumps(call["input"]))) for call in calls)
    if calls and cost <= room:
        return content + calls, "tool_use", None, spent + cost
    words = "I will look that up." if calls else text(body)
    spoken, reason = mind.cut(words, room, body.get("stop_sequences") or [])
    met = _met(words, body.get("stop_sequences") or []) if reason == "stop" else None
    if calls:
        reason = "length"
    content += [{"type": "text", "text": spoken}] if spoken else []
    said = room if calls else len(mind.tokens(spoken))
    reasons = {"length": "max_tokens", "stop": "stop_sequence" if met else "end_turn"}
    return content, reasons[reason], met, max(spent + said, 1)


def _thinking(body: dict[str, Any]) -> dict[str, Any]:
    return {"type": "thinking", "thinking": THOUGHT, "signature": mind.digest(body["messages"], length=64)}


def _call(tool: dict[str, Any], body: dict[str, Any], number: int) -> dict[str, Any]:
    name = f"toolu_{mind.digest(body['messages'], tool['name'], number)}"
    return {"type": "tool_use", "id": name, "name": tool["name"], "input": mind.instance(tool["input_schema"])}


def _met(words: str, stops: list[str]) -> str | None:
    """The stop sequence that comes first in the text."""
    found = [stop for stop in stops if stop in words]
    return min(found, key=words.index) if found else None


def wanted(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools to call; none when text is to be said. Tools that a server brings along are never called."""
    tools = [tool for _, tool in find(body, "/tools/*", dict) if "input_schema" in tool]
    choice = get(body, "/tool_choice", dict, {"type": "auto"})
    if choice["type"] == "tool":
        tools = [tool for tool in tools if tool["name"] == choice["name"]]
    elif choice["type"] == "any":
        tools = [tool for tool in tools if _meant(tool, body)] or tools[:1]
    elif choice["type"] == "none" or _results(body):
        return []
    else:
        tools = [tool for tool in tools if _meant(tool, body)]
    return tools[:1] if choice.get("disable_parallel_tool_use") else tools


def _meant(tool: dict[str, Any], body: dict[str, Any]) -> bool:
    asked = question(body).lower()
    return "use the tools" in asked or any(word in asked for word in tool["name"].lower().split("_") if len(word) > 3)


def _results(body: dict[str, Any]) -> bool:
    last = body["messages"][-1]
    return any(kind == "tool_result" for _, kind in find(last, "/content/*/type"))


def question(body: dict[str, Any]) -> str:
    """The last text that was said to the model."""
    for said in reversed(body["messages"]):
        words = " ".join(_texts(said["content"]))
        if words:
            return words
    return ""


def text(body: dict[str, Any]) -> str:
    """What is said: JSON where a format is asked for, else an answer to the question."""
    wanted_schema = get(body, "/output_config/format/schema", dict)
    if wanted_schema is not None:
        return json.dumps(mind.instance(wanted_schema))
    pictures = sum(kind == "image" for _, kind in find(body["messages"][-1], "/content/*/type"))
    return mind.answer(question(body), pictures=pictures)


def _texts(content: Any) -> list[str]:
    return [content] if isinstance(content, str) else [words for _, words in find(content, "/*/text", str)]


def prompt_tokens(body: dict[str, Any]) -> int:
    """All tokens of the prompt."""
    return sum(tokens for tokens, _, _ in _weighed(body))


def usage(body: dict[str, Any], prefixes: set[str]) -> dict[str, Any]:
    """The counts of the prompt: what the cache held is read, what is marked and new is written, the rest is input."""
    read = written = position = total = 0
    seen, marks = "", []
    for number, (tokens, digest, marked) in enumerate(_weighed(body)):
        total, seen = total + tokens, mind.digest(body["model"], seen, digest)
        if marked and total >= SMALLEST_CACHED:
            marks.append((number, total, seen))
    for number, size, name in marks:
        if name in prefixes:
            read, position = size, number
    if marks and (not read or marks[-1][0] > position):
        written = marks[-1][1] - read
    prefixes.update(name for *_, name in marks)
    return {
        "input_tokens": total - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
    }


def _weighed(body: dict[str, Any]) -> Iterator[tuple[int, str, bool]]:
    """(tokens, digest, marked for the cache) of each part of the prompt: tools, system, messages."""
    for _, tool in find(body, "/tools/*", dict):
        yield len(mind.tokens(json.dumps(_plain(tool)))), mind.digest(_plain(tool)), "cache_control" in tool
    for part in _listed(body.get("system") or []):
        yield _weigh(part)
    for said in body["messages"]:
        yield A_MESSAGE, mind.digest(said["role"]), False
        for part in _listed(said["content"]):
            yield _weigh(part)


def _listed(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _weigh(part: dict[str, Any]) -> tuple[int, str, bool]:
    plain = _plain(part)
    if part["type"] == "image":
        size = PICTURE_TOKENS
    elif part["type"] == "text":
        size = len(mind.tokens(part["text"]))
    else:
        size = len(mind.tokens(json.dumps(plain, ensure_ascii=False)))
    return size, mind.digest(plain), "cache_control" in part


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "cache_control"}


def events(whole: dict[str, Any]) -> Iterator[Event]:
    """The events that add up to a message."""
    start = whole | {"content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = whole["usage"] | {"output_tokens": 1}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(whole["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": block | EMPTY[block["type"]]}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {key: whole[key] for key in ("stop_reason", "stop_sequence")}
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    yield {"type": "message_delta", "delta": end, "usage": {key: whole["usage"][key] for key in counts}}
    yield {"type": "message_stop"}


EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pieces of one block."""
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in mind.tokens(block["text"]))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in mind.tokens(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        pieces = ["", *mind.tokens(json.dumps(block["input"]))] if block["input"] else [""]
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


ROUTES = [
    Route("/v1/messages", create, methods=["POST"]),
    Route("/v1/messages/count_tokens", count, methods=["POST"]),
    Route("/v1/models", listing, methods=["GET"]),
    Route("/v1/models/", listing, methods=["GET"]),
    Route("/v1/models/", listing, methods=["GET"]),
    Route("/v1/models/{model:path}", single, methods=["GET"]),
]
