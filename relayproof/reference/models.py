"""The models that the reference relay offers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof.reference.app import Refusal

MODELS = {
    "gpt-4o-mini": "openai",
    "gpt-3.5-turbo-instruct": "openai",
    "text-embedding-3-small": "openai",
    "tts-1": "openai",
    "gpt-4o-mini-tts": "openai",
    "whisper-1": "openai",
    "gpt-4o-mini-transcribe": "openai",
    "gpt-4o-transcribe-diarize": "openai",
    "gpt-image-1": "openai",
    "dall-e-3": "openai",
    "dall-e-2": "openai",
    "claude-3-5-haiku": "anthropic",
    "gemini-2.0-flash": "google",
    "gpt-4-all": "openai",
    "gpt-4-gizmo-g-relayproof": "openai",
    "suno-v3": "suno",
    "suno_music": "suno",
    "mj_imagine": "midjourney",
}
CREATED = 1_700_000_000


def card(name: str) -> dict[str, object]:
    """One model object."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": MODELS[name]}


def known(name: object) -> str:
    """The model's name. Raises Refusal: 400 when none is given, 404 when it does not exist."""
    if not isinstance(name, str) or not name:
        raise Refusal(400, "you must provide a model parameter", param="model")
    if name not in MODELS:
        raise Refusal(404, f"The model `{name}` does not exist", param="model", code="model_not_found")
    return name


async def listing(request: Request) -> Response:
    """GET /v1/models."""
    return JSONResponse({"object": "list", "data": [card(name) for name in MODELS]})


async def single(request: Request) -> Response:
    """GET /v1/models/{model}."""
    return JSONResponse(card(known(request.path_params["model"])))


ROUTES = [
    Route("/v1/models", listing, methods=["GET"]),
    Route("/v1/models/", listing, methods=["GET"]),
    Route("/v1/models/{model:path}", single, methods=["GET"]),
]
