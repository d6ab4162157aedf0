"""The application: routes, the key, CORS, and the error envelope. Each surface stands in a module of its own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relayproof.pointer import number

KEY = "sk-relayproof-reference-0123456789abcdef"
ANTHROPIC_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
GOOGLE_WORDS = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
Handler = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """An error to be told in the OpenAI envelope."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None, kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.kind = kind or ("invalid_request_error" if status < 500 else "server_error")


def envelope(error: Refusal, path: str = "") -> dict[str, Any]:
    """The error object in the dialect that the path speaks: Anthropic's, Gemini's, or OpenAI's."""
    if path.startswith("/v1/messages"):
        kind = ANTHROPIC_KINDS.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": error.message}}
    if is_googles(path):
        word = GOOGLE_WORDS.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
        return {"error": {"code": error.status, "message": error.message, "status": word}}
    return {"error": {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}}


def is_googles(path: str) -> bool:
    """True where Gemini's dialect is spoken: under /v1beta, and for a model's actions under /v1."""
    return path.startswith("/v1beta") or (path.startswith("/v1/models/") and ":" in path)


def make_app(key: str = KEY) -> Starlette:
    """The reference relay, guarded by `key`."""
    from relayproof.reference import (
        anthropic,
        audio,
        chat,
        completions,
        embeddings,
        gemini,
        gpts,
        images,
        midjourney,
        models,
        suno,
    )

    routes = [*anthropic.ROUTES, *models.ROUTES, *chat.ROUTES, *completions.ROUTES, *embeddings.ROUTES]
    routes += [*midjourney.ROUTES, *suno.ROUTES, *audio.ROUTES, *images.ROUTES, *gemini.ROUTES]
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    app = Starlette(
        routes=[*(_guarded(route) for route in routes), *midjourney.OPEN, *images.OPEN, *gpts.OPEN],
        middleware=[cors],
        exception_handlers={Refusal: _refuse, 404: _no_path, 405: _no_method, 500: _broken},
    )
    app.state.key = key
    app.state.count = 0
    app.router.redirect_slashes = True
    return app


def _guarded(route: Route) -> Route:
    async def endpoint(request: Request) -> Response:
        check_key(request)
        response: Response = await route.endpoint(request)
        request.app.state.count += 1
        response.headers["x-request-id"] = f"req_{request.app.state.count:012d}"
        return response

    return Route(route.path, endpoint, methods=list(route.methods or []))


def check_key(request: Request) -> None:
    """Let a request with the right key pass, in any header form that its path knows. Raises Refusal (401)."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    path, headers = request.url.path, request.headers
    if is_googles(path) or path == "/v1/models":
        given = headers.get("x-goog-api-key") or request.query_params.get("key") or given
    if path.startswith(("/v1/messages", "/v1/models")):
        given = headers.get("x-api-key", given)
    elif path.startswith("/mj"):
        given = given or headers.get("mj-api-secret", "")
    if not given:
        raise Refusal(401, "No API key was given. Send it as `Authorization: Bearer KEY`.")
    if given != request.app.state.key:
        raise Refusal(401, "The API key is not known.", code="invalid_api_key")


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises Refusal (400)."""
    try:
        body = json.loads(await request.body(), parse_float=number)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body could not be parsed as JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is to be a JSON object.")
    return body


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    headers = {"retry-after": "1"} if error.status in (429, 503) else None
    return JSONResponse(envelope(error, request.url.path), status_code=error.status, headers=headers)


async def _no_path(request: Request, error: Exception) -> Response:
    refusal = Refusal(404, f"Invalid URL ({request.method} {request.url.path})")
    return JSONResponse(envelope(refusal, request.url.path), status_code=404)


async def _no_method(request: Request, error: Exception) -> Response:
    refusal = Refusal(405, f"Not allowed to {request.method} {request.url.path}")
    return JSONResponse(envelope(refusal, request.url.path), status_code=405)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse(envelope(Refusal(500, "The reference relay failed."), request.url.path), status_code=500)
