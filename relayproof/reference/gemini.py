"""POST /v1beta/models/{model}:generateContent and :streamGenerateContent (events and array), countTokens, the list."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from relayproof import gemini, schema
from relayproof.reference import mind, models
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.chat import A_TOKEN_TAKES, PICTURE_TOKENS

CONTEXT = 200_000
A_MESSAGE = 3
TOKENS_A_CHUNK = 3
SEARCH_TOKENS = 57
THOUGHT = "The question is a plain one, so the answer can be short."
BLOCKED = re.compile(r"(?i)\b(pipe bomb|nerve gas)\b")
METHODS = ["generateContent", "streamGenerateContent", "countTokens"]
Chunk = dict[str, Any]


async def call(request: Request) -> Response:
    """Do what stands behind the colon of the path."""
    model, _, action = request.path_params["call"].partition(":")
    body = gemini.camel(await json_body(request))
    models.known(model)
    if action not in METHODS:
        raise Refusal(404, f"models/{model} is not supported for {action or 'POST'}.")
    check(body)
    if action == "countTokens":
        return JSONResponse({"totalTokens": prompt_tokens(body)})
    request.app.state.count += 1
    whole = answer(body, model, mind.digest(body, request.app.state.count))
    if action == "generateContent":
        return JSONResponse(whole)
    return _stream(list(chunks(whole)), as_events=request.query_params.get("alt") == "sse")


def _stream(documents: list[Chunk], *, as_events: bool) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for document in documents:
            yield f"data: {_dump(document)}\n\n"
            await asyncio.sleep(A_TOKEN_TAKES)

    async def array() -> AsyncIterator[str]:
        for number, document in enumerate(documents):
            yield ("[" if number == 0 else ",\n") + _dump(document)
            await asyncio.sleep(A_TOKEN_TAKES)
        yield "\n]"

    kind = "text/event-stream" if as_events else "application/json"
    return StreamingResponse(events() if as_events else array(), media_type=kind, headers={"Cache-Control": "no-cache"})


def _dump(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def check(body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema or the rules between fields. Raises Refusal (400)."""
    wrong = next(schema.mismatches("gemini/generate_request", body), None)
    if wrong is not None:
        raise Refusal(400, f"Invalid value at '{wrong.where.strip('/').replace('/', '.') or 'body'}': {wrong.what}")
    strangers = set(gemini.allowed(body)) - set(gemini.functions(body))
    if strangers:
        raise Refusal(400, f"allowed_function_names: {', '.join(sorted(strangers))} is not declared.")
    if gemini.wanted_schema(body) and gemini.setting(body, "responseMimeType") in (None, "text/plain"):
        raise Refusal(400, "response_schema: responseMimeType must be application/json or text/x.enum.")
    if prompt_tokens(body) > CONTEXT:
        raise Refusal(400, f"The input token count exceeds the maximum number of tokens allowed ({CONTEXT}).")


def answer(body: dict[str, Any], model: str, name: str) -> dict[str, Any]:
    """The whole GenerateContentResponse."""
    head = {"modelVersion": model, "responseId": name}
    if BLOCKED.search(question(body)):
        prompt = prompt_tokens(body)
        usage = {"promptTokenCount": prompt, "totalTokenCount": prompt}
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage} | head
    found = [candidate(body, index) for index in range(gemini.setting(body, "candidateCount", int, 1))]
    return {"candidates": found, "usageMetadata": usage_of(body, found)} | head


def candidate(body: dict[str, Any], index: int) -> dict[str, Any]:
    """One candidate: thoughts where they are asked for, then calls, or text within limits and stop sequences."""
    thoughts = [{"text": THOUGHT, "thought": True}] if _thinks(body) else []
    limit = gemini.setting(body, "maxOutputTokens", int)
    room = None if limit is None else max(limit - _tokens(thoughts), 0)
    calls = [_call(function, body, number) for number, function in enumerate(wanted(body))]
    made: dict[str, Any] = {"content": {"parts": thoughts + calls, "role": "model"}, "finishReason": "STOP"}
    if not calls or (room is not None and _tokens(calls) > room):
        spoken, reason = mind.cut(mind.SEA, room, []) if calls else mind.cut(text(body, index), room, _stops(body))
        made["content"]["parts"] = thoughts + ([{"text": spoken}] if spoken else [])
        made["finishReason"] = "MAX_TOKENS" if calls or reason == "length" else "STOP"
    if not made["content"]["parts"]:
        del made["content"]["parts"]
    if searched(body) and not calls:
        made["groundingMetadata"] = _grounding(body)
    return made | {"index": index}


def _thinks(body: dict[str, Any]) -> bool:
    config = gemini.setting(body, "thinkingConfig", dict, {})
    return gemini.member(config, "includeThoughts") is True and gemini.member(config, "thinkingBudget", int, 1) != 0


def _stops(body: dict[str, Any]) -> list[str]:
    return list(gemini.setting(body, "stopSequences", list, []))


def _call(function: dict[str, Any], body: dict[str, Any], number: int) -> dict[str, Any]:
    name, arguments = function["name"], mind.arguments(gemini.parameters(function))
    return {
        "functionCall": {"id": mind.digest(body["contents"], name, number, length=8), "name": name, "args": arguments}
    }


def wanted(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions to call; none when text is to be said."""
    mode, declared, names = gemini.mode(body), gemini.functions(body), gemini.allowed(body)
    last = list(gemini.parts(body["contents"][-1]))
    if mode == "NONE":
        return []
    if mode == "ANY":
        allowed = [each for name, each in declared.items() if not names or name in names]
        return [each for each in allowed if _meant(each, body)] or allowed[:1]
    if any(gemini.member(part, "functionResponse") for part in last):
        return []
    return [each for each in declared.values() if _meant(each, body)]


def _meant(function: dict[str, Any], body: dict[str, Any]) -> bool:
    words = question(body).lower()
    return "use the tools" in words or any(
        word in words for word in function["name"].lower().split("_") if len(word) > 3
    )


def question(body: dict[str, Any]) -> str:
    """The text of the last content."""
    return gemini.said(body["contents"][-1])


def text(body: dict[str, Any], index: int) -> str:
    """What is said: JSON or a value where a format is asked for, else an answer to the question."""
    kind, form = gemini.setting(body, "responseMimeType"), gemini.wanted_schema(body)
    if kind == "application/json":
        return json.dumps(mind.instance(form) if form else {"city": "Paris"})
    if kind == "text/x.enum":
        return str(mind.instance(form))
    return mind.answer(question(body), variant=index, pictures=pictures(body["contents"][-1:]))


def pictures(contents: list[Any]) -> int:
    """How many pictures and files stand in these contents."""
    found = (
        gemini.member(part, name)
        for each in contents
        for part in gemini.parts(each)
        for name in ("inlineData", "fileData")
    )
    return sum(1 for each in found if each)


def searched(body: dict[str, Any]) -> bool:
    """True when Google's search was offered: it is then used."""
    return bool(gemini.server_tools(body) & {"googleSearch", "googleSearchRetrieval"})


def _grounding(body: dict[str, Any]) -> dict[str, Any]:
    source = {"web": {"uri": "https://relayproof.example/sea", "title": "relayproof.example"}}
    return {"webSearchQueries": [question(body)[:80]], "groundingChunks": [source], "groundingSupports": []}


def prompt_tokens(body: dict[str, Any]) -> int:
    """Tokens of the prompt: texts, 3 a content, 85 a picture, and the tools as JSON."""
    offered = mind.tokens(json.dumps(body["tools"])) if body.get("tools") else []
    words = len(mind.tokens(gemini.prompt(body))) + A_MESSAGE * len(body["contents"])
    return words + PICTURE_TOKENS * pictures(body["contents"]) + len(offered)


def _tokens(parts: list[dict[str, Any]]) -> int:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    called = sum(len(mind.tokens(each["name"] + json.dumps(each["args"]))) for each in calls)
    return called + sum(len(mind.tokens(part.get("text", ""))) for part in parts)


def usage_of(body: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts; those that are 0 are left out, as Google does."""
    every = [part for each in found for part in gemini.parts(each["content"])]
    thoughts = [part for part in every if part.get("thought")]
    shown = pictures(body["contents"]) * PICTURE_TOKENS
    prompt, said, thought = prompt_tokens(body), _tokens(every) - _tokens(thoughts), _tokens(thoughts)
    search = SEARCH_TOKENS if any("groundingMetadata" in each for each in found) else 0
    details = [{"modality": "TEXT", "tokenCount": prompt - shown}]
    details += [{"modality": "IMAGE", "tokenCount": shown}] if shown else []
    optional = {"candidatesTokenCount": said, "thoughtsTokenCount": thought, "toolUsePromptTokenCount": search}
    told = {name: tokens for name, tokens in optional.items() if tokens}
    total = prompt + said + thought + search
    return {"promptTokenCount": prompt, "totalTokenCount": total, "promptTokensDetails": details} | told


def chunks(whole: dict[str, Any]) -> Iterator[Chunk]:
    """The chunks that add up to an answer: counts grow from chunk to chunk, the reason stands in the last."""
    head = {key: whole[key] for key in ("modelVersion", "responseId")}
    if "candidates" not in whole:
        yield whole
        return
    said = {"candidatesTokenCount": 0, "thoughtsTokenCount": 0}
    for each in whole["candidates"]:
        pieces: list[dict[str, Any] | None] = [
            piece for part in gemini.parts(each["content"]) for piece in _pieces(part)
        ]
        for number, part in enumerate(pieces or [None]):
            last = number >= len(pieces) - 1
            if part is not None:
                said["thoughtsTokenCount" if part.get("thought") else "candidatesTokenCount"] += _tokens([part])
            final = last and each is whole["candidates"][-1]
            usage = whole["usageMetadata"] if final else _so_far(whole["usageMetadata"], said)
            yield {"candidates": [_piece(each, part, last=last)], "usageMetadata": usage} | head


def _pieces(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "text" not in part:
        yield part
        return
    words = mind.tokens(part["text"])
    for start in range(0, len(words), TOKENS_A_CHUNK):
        yield part | {"text": "".join(words[start : start + TOKENS_A_CHUNK])}


def _piece(whole: dict[str, Any], part: dict[str, Any] | None, *, last: bool) -> dict[str, Any]:
    content = {"parts": [part], "role": "model"} if part is not None else {"role": "model"}
    rest = {key: value for key, value in whole.items() if key not in ("content", "index")} if last else {}
    return {"content": content} | rest | {"index": whole["index"]}


def _so_far(usage: dict[str, Any], said: dict[str, int]) -> dict[str, Any]:
    told = {name: tokens for name, tokens in said.items() if tokens}
    prompt = {key: usage[key] for key in ("promptTokenCount", "promptTokensDetails")}
    return prompt | told | {"totalTokenCount": usage["promptTokenCount"] + sum(told.values())}


def card(name: str) -> dict[str, Any]:
    """One model of Gemini's list."""
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "description": "A stand-in that says little.",
        "inputTokenLimit": CONTEXT,
        "outputTokenLimit": 8192,
        "supportedGenerationMethods": METHODS,
        "temperature": 1.0,
        "maxTemperature": 2.0,
        "topP": 0.95,
        "topK": 40,
    }


async def listing(request: Request) -> Response:
    """GET /v1beta/models: the models that Google makes."""
    return JSONResponse({"models": [card(name) for name, owner in models.MODELS.items() if owner == "google"]})


async def single(request: Request) -> Response:
    """GET /v1beta/models/{model}."""
    return JSONResponse(card(models.known(request.path_params["model"])))


ROUTES = [
    Route("/v1beta/models", listing, methods=["GET"]),
    Route("/v1beta/models/{model}", single, methods=["GET"]),
    Route("/v1beta/models/{call}", call, methods=["POST"]),
    Route("/v1/models/{call}", call, methods=["POST"]),
]
