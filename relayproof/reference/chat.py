"""POST /v1/chat/completions, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from relayproof import schema
from relayproof.pointer import find, get
from relayproof.reference import gpts, mind
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.models import known

PICTURE_TOKENS = 85
A_TOKEN_TAKES = 0.003
CONTEXT = 16_000
ELSEWHERE = "https://relay.example"


async def create(request: Request) -> Response:
    """Answer a chat request, as one object or as a stream of chunks."""
    body = await json_body(request)
    known(body.get("model"))
    check(body)
    request.app.state.count += 1
    name = f"chatcmpl-{mind.digest(body, request.app.state.count)}"
    whole = completion(body, name, str(request.base_url).rstrip("/"))
    if not body.get("stream"):
        return JSONResponse(whole)
    return event_stream(chunks(whole, body))


def event_stream(documents: Iterator[dict[str, Any]]) -> StreamingResponse:
    """Server-sent events of JSON documents, [DONE] behind them."""

    async def lines() -> AsyncIterator[str]:
        for document in documents:
            yield f"data: {json.dumps(document, ensure_ascii=False)}\n\n"
            await asyncio.sleep(A_TOKEN_TAKES)
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def check(body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema. Raises Refusal (400) naming the field."""
    wrong = next(schema.mismatches("openai/chat_request", body), None)
    if wrong is not None:
        raise Refusal(400, f"Invalid request: {wrong.what}", param=wrong.where.strip("/").replace("/", ".") or None)
    if any(kind == "custom" for _, kind in find(body, "/tools/*/type", str)):
        raise Refusal(400, "This model takes no custom tools.", param="tools", code="unsupported_value")
    named = get(body, "/tool_choice/function/name", str)
    if named is not None and named not in [name for _, name in find(body, "/tools/*/function/name", str)]:
        raise Refusal(400, f"Tool choice '{named}' is not among the tools.", param="tool_choice")
    if prompt_tokens(body) > CONTEXT:
        raise Refusal(
            400, f"The context is limited to {CONTEXT} tokens", param="messages", code="context_length_exceeded"
        )


def completion(body: dict[str, Any], name: str, base: str = ELSEWHERE) -> dict[str, Any]:
    """The whole chat.completion object for a request. `base` is where links in the text begin."""
    choices = [choice(body, index, base) for index in range(body.get("n") or 1)]
    prompt, said = prompt_tokens(body), sum(spoken_tokens(each["message"]) for each in choices)
    details = {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": said,
        "total_tokens": prompt + said,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": details,
    }
    return {
        "id": name,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": choices,
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_relayproof",
    }


def choice(body: dict[str, Any], index: int, base: str = ELSEWHERE) -> dict[str, Any]:
    """One choice: calls where tools are to be called, else text within limits and stop sequences."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    calls = wanted_calls(body)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if calls:
        reason = _call(message, calls, body)
        if limit is not None and spoken_tokens(message) > limit:
            reason = _cut_call(message, limit)
    else:
        message["content"], reason = mind.cut(text(body, index, base), limit, stops(body))
    return {"index": index, "message": message, "logprobs": logprobs(body, message), "finish_reason": reason}


def _call(message: dict[str, Any], calls: list[tuple[str, str]], body: dict[str, Any]) -> str:
    if body.get("functions"):
        message["function_call"] = {"name": calls[0][0], "arguments": calls[0][1]}
        return "function_call"
    message["tool_calls"] = [
        {
            "id": f"call_{mind.digest(body['messages'], name, number)}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for number, (name, arguments) in enumerate(calls)
    ]
    return "stop" if isinstance(body.get("tool_choice"), dict) else "tool_calls"


def _cut_call(message: dict[str, Any], limit: int) -> str:
    """Leave of the calls what fits into the limit: the first name, and as much of its arguments as it has room for."""
    functions = [call["function"] for call in message.get("tool_calls", [])] or [message["function_call"]]
    room = max(limit - len(mind.tokens(functions[0]["name"])), 0)
    functions[0]["arguments"] = "".join(mind.tokens(functions[0]["arguments"])[:room])
    if message.get("tool_calls"):
        message["tool_calls"] = message["tool_calls"][:1]
    return "length"


def wanted_calls(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, arguments as JSON text) of the functions to call; none when text is to be said."""
    tools = [tool for path in ("/tools/*/function", "/functions/*") for _, tool in find(body, path, dict)]
    choice = body.get("tool_choice", body.get("function_call", "auto"))
    if choice == "none" or not tools:
        return []
    named = get(choice, "/function/name", str) or get(choice, "/name", str)
    if named:
        tools = [tool for tool in tools if tool["name"] == named]
    elif choice == "required":
        tools = [tool for tool in tools if _meant(tool, body)] or tools[:1]
    elif body["messages"][-1].get("role") in ("tool", "function"):
        return []
    else:
        tools = [tool for tool in tools if _meant(tool, body)]
    if body.get("parallel_tool_calls") is False or body.get("functions"):
        tools = tools[:1]
    return [(tool["name"], json.dumps(mind.arguments(tool.get("parameters")))) for tool in tools]


def _meant(tool: dict[str, Any], body: dict[str, Any]) -> bool:
    asked = question(body).lower()
    return "use the tools" in asked or any(word in asked for word in tool["name"].lower().split("_") if len(word) > 3)


def question(body: dict[str, Any]) -> str:
    """The text of the last message."""
    content = body["messages"][-1].get("content")
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def text(body: dict[str, Any], index: int, base: str = ELSEWHERE) -> str:
    """What is said: JSON where a format is asked for, a song or a drawing where the model sells one, else text."""
    form = get(body, "/response_format/type")
    if form == "json_schema":
        return json.dumps(mind.instance(get(body, "/response_format/json_schema/schema", dict, {})))
    if form == "json_object":
        return json.dumps({"city": "Paris"})
    pictures = len([1 for _, kind in find(body, "/messages/*/content/*/type") if kind == "image_url"])
    sold = None if pictures else gpts.said(body["model"], question(body), base)
    return sold if sold is not None else mind.answer(question(body), variant=index, pictures=pictures)


def stops(body: dict[str, Any]) -> list[str]:
    """The stop sequences as a list."""
    stop = body.get("stop") or []
    return [stop] if isinstance(stop, str) else stop


def prompt_tokens(body: dict[str, Any]) -> int:
    """Tokens of the prompt: texts, 3 a message, 85 a picture, and the tools as JSON."""
    count = 0
    for message in body["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content or ""}]
        count += 3 + sum(len(mind.tokens(part.get("text") or "")) for part in parts if isinstance(part, dict))
        count += PICTURE_TOKENS * sum(part.get("type") == "image_url" for part in parts if isinstance(part, dict))
    offered = body.get("tools") or body.get("functions")
    return count + (len(mind.tokens(json.dumps(offered))) if offered else 0)


def spoken_tokens(message: dict[str, Any]) -> int:
    """Tokens of what was said or called."""
    calls = [call for _, call in find(message, "/tool_calls/*/function", dict)]
    calls += [message["function_call"]] if message.get("function_call") else []
    called = sum(len(mind.tokens(call["name"] + call["arguments"])) for call in calls)
    return called + len(mind.tokens(message["content"] or ""))


def logprobs(body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any] | None:
    """One entry a token, with as many alternatives as were asked for; None when nobody asked."""
    if not body.get("logprobs"):
        return None
    entries = [_logprob(token, body.get("top_logprobs") or 0) for token in mind.tokens(message["content"] or "")]
    return {"content": entries, "refusal": None}


def _logprob(token: str, alternatives: int) -> dict[str, Any]:
    def entry(word: str, logprob: float) -> dict[str, Any]:
        return {"token": word, "logprob": logprob, "bytes": list(word.encode())}

    others = [entry(token if rank == 0 else f" alt{rank}", -0.1 - rank) for rank in range(alternatives)]
    return entry(token, -0.1) | {"top_logprobs": others}


def chunks(whole: dict[str, Any], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks that add up to a completion, choice by choice, the usage last when it was asked for."""
    wants_usage = get(body, "/stream_options/include_usage") is True
    head = {key: whole[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    head |= {"object": "chat.completion.chunk"} | ({"usage": None} if wants_usage else {})
    for each in whole["choices"]:
        for delta, logprob in deltas(each):
            yield head | {
                "choices": [{"index": each["index"], "delta": delta, "logprobs": logprob, "finish_reason": None}]
            }
        last = {"index": each["index"], "delta": {}, "logprobs": None, "finish_reason": each["finish_reason"]}
        yield head | {"choices": [last]}
    if wants_usage:
        yield head | {"choices": [], "usage": whole["usage"]}


def deltas(choice: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """(delta, logprobs) of one choice in order: the role, then text by the token, then calls fragment by fragment."""
    message = choice["message"]
    yield {"role": "assistant", "content": "" if message["content"] is not None else None, "refusal": None}, None
    entries = (choice["logprobs"] or {}).get("content")
    for number, token in enumerate(mind.tokens(message["content"] or "")):
        yield {"content": token}, {"content": [entries[number]], "refusal": None} if entries else None
    for number, call in enumerate(message.get("tool_calls", ())):
        opening = {"name": call["function"]["name"], "arguments": ""}
        yield {"tool_calls": [{"index": number, "id": call["id"], "type": "function", "function": opening}]}, None
        for piece in mind.tokens(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, None
    if message.get("function_call"):
        yield {"function_call": {"name": message["function_call"]["name"], "arguments": ""}}, None
        for piece in mind.tokens(message["function_call"]["arguments"]):
            yield {"function_call": {"arguments": piece}}, None


ROUTES = [Route("/v1/chat/completions", create, methods=["POST"])]
