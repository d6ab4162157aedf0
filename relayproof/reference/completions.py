"""POST /v1/completions, whole and streamed: the same stand-in as for chat, asked without roles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof import schema
from relayproof.pointer import get, is_a
from relayproof.reference import mind
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.chat import event_stream, stops
from relayproof.reference.models import known

DEFAULT_LIMIT = 16
UNSUPPORTED = ("suffix", "best_of")


async def create(request: Request) -> Response:
    """Answer a completion request, as one object or as a stream of chunks."""
    body = await json_body(request)
    known(body.get("model"))
    check(body)
    request.app.state.count += 1
    whole = completion(body, f"cmpl-{mind.digest(body, request.app.state.count)}")
    if not body.get("stream"):
        return JSONResponse(whole)
    return event_stream(chunks(whole, body))


def check(body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema, and what the stand-in can't do. Raises Refusal (400) naming the field."""
    wrong = next(schema.mismatches("openai/completion_request", body), None)
    if wrong is not None:
        raise Refusal(400, f"Invalid request: {wrong.what}", param=wrong.where.strip("/").replace("/", ".") or None)
    field = next((name for name in UNSUPPORTED if body.get(name) not in (None, 1)), None)
    if field:
        raise Refusal(400, f"This model does not support {field}.", param=field)
    if body.get("echo") and not all(isinstance(prompt, str) for prompt in prompts(body)):
        raise Refusal(400, "A prompt that is given as tokens can't be echoed here.", param="echo")


def prompts(body: dict[str, Any]) -> list[Any]:
    """The prompts, each a text or a list of tokens."""
    prompt = body["prompt"]
    return [prompt] if isinstance(prompt, str) or is_a(prompt[0], int) else prompt


def completion(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The whole text_completion object for a request: n choices for each prompt, in the order of the prompts."""
    asked = [(prompt, variant) for prompt in prompts(body) for variant in range(body.get("n") or 1)]
    said = [answer(body, prompt, variant) for prompt, variant in asked]
    choices = [choice(body, *pair) for pair in zip(range(len(asked)), asked, said, strict=True)]
    read = sum(len(pieces(prompt)) for prompt in prompts(body))
    written = sum(len(mind.tokens(text)) for text, _ in said)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {
        "id": name,
        "object": "text_completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": choices,
        "usage": usage,
    }


def answer(body: dict[str, Any], prompt: Any, variant: int) -> tuple[str, str]:
    """(text, finish reason) for one prompt, within the limit and the stop sequences."""
    limit = body.get("max_tokens") or DEFAULT_LIMIT
    return mind.cut(mind.answer(prompt if isinstance(prompt, str) else "", variant=variant), limit, stops(body))


def choice(body: dict[str, Any], index: int, asked: tuple[Any, int], said: tuple[str, str]) -> dict[str, Any]:
    """One choice: the text, behind its prompt when an echo is asked for, and its log probabilities."""
    before = asked[0] if body.get("echo") else ""
    text = before + said[0]
    told = logprobs(mind.tokens(text), body.get("logprobs"), given=bool(before))
    return {"text": text, "index": index, "logprobs": told, "finish_reason": said[1]}


def logprobs(tokens: list[str], alternatives: int | None, *, given: bool) -> dict[str, list[Any]] | None:
    """The four parallel lists, or None when nobody asked. Nothing goes before the first token of a given prompt."""
    if alternatives is None:
        return None
    chosen: list[float | None] = [-0.1] * len(tokens)
    others: list[dict[str, float] | None] = [_likely(token, alternatives) for token in tokens]
    if given:
        chosen[0] = others[0] = None
    offsets = [0, *accumulate(map(len, tokens))][:-1]
    return {"tokens": tokens, "token_logprobs": chosen, "top_logprobs": others, "text_offset": offsets}


def _likely(token: str, alternatives: int) -> dict[str, float]:
    return {token: -0.1} | {f" alt{rank}": -0.1 - rank for rank in range(1, max(alternatives, 1))}


def pieces(prompt: Any) -> list[Any]:
    """The tokens of a prompt: those given, or those of its text."""
    return mind.tokens(prompt) if isinstance(prompt, str) else prompt


def chunks(whole: dict[str, Any], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks that add up to a completion: token by token, the end of each choice, the usage when asked for."""
    wants_usage = get(body, "/stream_options/include_usage") is True
    head = {key: whole[key] for key in ("id", "object", "created", "model")} | ({"usage": None} if wants_usage else {})
    for each in whole["choices"]:
        for number, token in enumerate(mind.tokens(each["text"])):
            yield head | {"choices": [_piece(each, text=token, logprobs=_at(each["logprobs"], number))]}
        yield head | {"choices": [_piece(each, finish_reason=each["finish_reason"])]}
    if wants_usage:
        yield head | {"choices": [], "usage": whole["usage"]}


def _piece(choice: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"text": "", "index": choice["index"], "logprobs": None, "finish_reason": None} | changes


def _at(lists: dict[str, list[Any]] | None, number: int) -> dict[str, list[Any]] | None:
    return {key: values[number : number + 1] for key, values in lists.items()} if lists else None


ROUTES = [Route("/v1/completions", create, methods=["POST"])]
