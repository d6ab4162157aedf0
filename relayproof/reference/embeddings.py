"""POST /v1/embeddings: vectors of what a text is made of, so that texts which share words and letters are near.

Every word, and every run of three letters in it, has a direction of its own, made from its hash; a text is their sum,
of length 1. A vector that is cut to fewer dimensions keeps what is near to what.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
import re
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof import schema
from relayproof.pointer import is_a
from relayproof.reference import mind
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.models import known

LENGTH = 1536
RUN = 3


async def create(request: Request) -> Response:
    """Answer an embeddings request: a vector for each input, in the form and length that was asked for."""
    body = await json_body(request)
    model = known(body.get("model"))
    check(body)
    if "embedding" not in model:
        raise Refusal(400, f"The model `{model}` makes no embeddings.", param="model")
    return JSONResponse(answer(body))


def check(body: dict[str, Any]) -> None:
    """Refuse what breaks the request schema. Raises Refusal (400) naming the field."""
    wrong = next(schema.mismatches("openai/embedding_request", body), None)
    if wrong is not None:
        raise Refusal(400, f"Invalid request: {wrong.what}", param=wrong.where.strip("/").replace("/", ".") or None)


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """The whole list object for a request."""
    given = inputs(body)
    made = [vector(json.dumps(each), body.get("dimensions") or LENGTH) for each in given]
    form = packed if body.get("encoding_format") == "base64" else list
    data = [{"object": "embedding", "index": number, "embedding": form(each)} for number, each in enumerate(made)]
    read = sum(len(mind.tokens(each) if isinstance(each, str) else each) for each in given)
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def inputs(body: dict[str, Any]) -> list[Any]:
    """The inputs, each a text or a list of tokens."""
    given = body["input"]
    return [given] if isinstance(given, str) or is_a(given[0], int) else given


@functools.lru_cache(maxsize=256)
def vector(given: str, length: int) -> tuple[float, ...]:
    """The first `length` numbers of an input's vector (the input as JSON), scaled to length 1 again."""
    total = [0] * length
    for part in parts(json.loads(given)):
        for place, number in enumerate(_direction(part)[:length]):
            total[place] += 2 * number - 255
    size = math.sqrt(sum(number * number for number in total))
    return tuple(round(number / size, 9) for number in total)


def parts(given: Any) -> list[str]:
    """What an input is made of: its words and their runs of letters, or its tokens. Never nothing."""
    if not isinstance(given, str):
        return ["input", *(f"token {number}" for number in given)]
    words = re.findall(r"\w+|[^\w\s]", given.lower())
    runs = [word[start : start + RUN] for word in words for start in range(len(word) - RUN + 1)]
    return ["input", *words, *runs]


@functools.lru_cache(maxsize=4096)
def _direction(part: str) -> bytes:
    return hashlib.shake_128(part.encode()).digest(LENGTH)


def packed(numbers: tuple[float, ...]) -> str:
    """Little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


ROUTES = [Route("/v1/embeddings", create, methods=["POST"])]
