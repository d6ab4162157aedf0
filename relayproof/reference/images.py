"""POST /v1/images/generations, /v1/images/edits and /v1/images/variations, and the pictures behind their links."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof import pictures
from relayproof.reference import forms, mind
from relayproof.reference.app import Refusal, json_body
from relayproof.reference.events import typed_stream
from relayproof.reference.models import known

COUNTED = re.compile(r"^(gpt-image-|chatgpt-image-)")
SIZES = ("1024x1024", "1536x1024", "1024x1536")
TOKENS = {"low": 272, "medium": 1056, "high": 4160}
UPLOAD_TOKENS = 194
LINKS = "/v1/files/pictures"


async def generations(request: Request) -> Response:
    """Paint what a prompt says."""
    body = await json_body(request)
    known(body.get("model"))
    return _answer(request, "openai/image_request", "image_generation", body, Uploads())


async def edits(request: Request) -> Response:
    """Paint an uploaded picture anew, where the mask allows it."""
    form = await forms.parts(request)
    uploads = Uploads(forms.file(form, "image"), forms.file(form, "mask"))
    body = forms.fields(form)
    known(body.get("model"))
    return _answer(request, "openai/image_edit_request", "image_edit", body, uploads)


async def variations(request: Request) -> Response:
    """Paint something like an uploaded picture."""
    form = await forms.parts(request)
    body = {"model": "dall-e-2"} | forms.fields(form)
    return _answer(request, "openai/image_variation_request", "", body, Uploads(forms.file(form, "image")))


class Uploads:
    """The picture and the mask that came with a request; b"" for none."""

    def __init__(self, image: bytes | None = None, mask: bytes = b"") -> None:
        self.image, self.mask = image, mask
        if image is not None and pictures.read(image) is None:
            raise Refusal(400, "A picture is needed.", param="image", code="invalid_image")
        if mask and pictures.read(mask) is None:
            raise Refusal(400, "The mask is no picture.", param="mask", code="invalid_image")


def _answer(request: Request, contract: str, name: str, body: dict[str, Any], uploads: Uploads) -> Response:
    forms.check(contract, body)
    check_size(body)
    request.app.state.count += 1
    first = int(mind.digest(body, request.app.state.count, length=6), 16)
    if body.get("stream"):
        return typed_stream(streamed(name, body, uploads, first))
    return JSONResponse(listing(body, uploads, first, str(request.base_url).rstrip("/")))


def check_size(body: dict[str, Any]) -> None:
    """Refuse what the gpt-image models do not paint. Raises Refusal (400)."""
    asked = body.get("size") or "auto"
    if COUNTED.match(body["model"]) and asked not in (*SIZES, "auto"):
        message = f"Invalid size '{asked}'. Supported sizes are {', '.join(SIZES)}, and auto."
        raise Refusal(400, message, param="size", code="invalid_value")
    if clear(body) and body.get("output_format") == "jpeg":
        raise Refusal(400, "A JPEG can't be transparent.", param="background", code="invalid_value")


def clear(body: dict[str, Any]) -> bool:
    """True when the ground is to be transparent."""
    return body.get("background") == "transparent"


def listing(body: dict[str, Any], uploads: Uploads, first: int, base: str) -> dict[str, Any]:
    """The answer of a request without a stream. `first` numbers the pictures; `base` is where links begin."""
    counted = bool(COUNTED.match(body["model"]))
    linked = not counted and body.get("response_format") != "b64_json"
    data = []
    for number in range(first, first + (body.get("n") or 1)):
        link = f"{base}{LINKS}/{number}/{size(body)}.png"
        entry: dict[str, Any] = {"url": link} if linked else {"b64_json": encoded(body, uploads, number)}
        if body["model"] == "dall-e-3":
            entry["revised_prompt"] = f"A plain drawing: {body['prompt']}"
        data.append(entry)
    whole = {"created": int(time.time()), "data": data}
    return whole | described(body) | {"usage": usage(body, uploads)} if counted else whole


def size(body: dict[str, Any]) -> str:
    """The size that is painted: as asked, 1024x1024 when nobody says."""
    asked = body.get("size") or "auto"
    return SIZES[0] if asked == "auto" else str(asked)


def encoded(body: dict[str, Any], uploads: Uploads, number: int) -> str:
    """A picture as base64, in the asked format and size."""
    form = body.get("output_format") or "png"
    pixels = tuple(map(int, size(body).split("x")))
    assert len(pixels) == 2
    if uploads.image is None:
        picture = pictures.paint(form, pixels, number, clear=clear(body))
    else:
        picture = pictures.repaint(uploads.image, uploads.mask, form, pixels, number)
    return base64.b64encode(picture).decode()


def described(body: dict[str, Any]) -> dict[str, Any]:
    """What the gpt-image models say of their pictures."""
    quality, ground = body.get("quality") or "auto", body.get("background") or "auto"
    return {
        "size": size(body),
        "quality": "low" if quality == "auto" else quality,
        "background": "opaque" if ground == "auto" else ground,
        "output_format": body.get("output_format") or "png",
    }


def usage(body: dict[str, Any], uploads: Uploads) -> dict[str, Any]:
    """Tokens of the prompt, the uploaded picture, and the painted ones."""
    text, seen = len(mind.tokens(body["prompt"])), UPLOAD_TOKENS * bool(uploads.image)
    painted = TOKENS[described(body)["quality"]] * (body.get("n") or 1)
    return {
        "input_tokens": text + seen,
        "input_tokens_details": {"text_tokens": text, "image_tokens": seen},
        "output_tokens": painted,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": painted},
        "total_tokens": text + seen + painted,
    }


def streamed(name: str, body: dict[str, Any], uploads: Uploads, first: int) -> Iterator[dict[str, Any]]:
    """The events of a streamed picture: previews, then the picture itself."""
    head = {"b64_json": encoded(body, uploads, first), "created_at": int(time.time())} | described(body)
    for index in range(body.get("partial_images") or 0):
        yield {"type": f"{name}.partial_image", "partial_image_index": index} | head
    yield {"type": f"{name}.completed"} | head | {"usage": usage(body, uploads)}


async def picture(request: Request) -> Response:
    """The picture behind a link: no key is asked for."""
    found = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", request.path_params["size"])
    if not found:
        raise Refusal(404, "There is no such picture.")
    width, height = map(int, found.groups())
    return Response(pictures.paint("png", (width, height), request.path_params["number"]), media_type="image/png")


ROUTES = [
    Route("/v1/images/generations", generations, methods=["POST"]),
    Route("/v1/images/edits", edits, methods=["POST"]),
    Route("/v1/images/variations", variations, methods=["POST"]),
]
OPEN = [Route(LINKS + "/{number:int}/{size}.png", picture, methods=["GET"])]
