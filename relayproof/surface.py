"""Surfaces: the wire contracts that relayproof judges, and how one is recognised from an exchange.

A surface is named once, here. Recognition reads the method, the path and the bodies, never the probe.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote

MODELS = "models"
CHAT = "chat"
CHAT_STREAM = "chat_stream"
COMPLETIONS = "completions"
COMPLETIONS_STREAM = "completions_stream"
EMBEDDINGS = "embeddings"
IMAGES = "images"
AUDIO = "audio"
ANTHROPIC = "anthropic"
ANTHROPIC_STREAM = "anthropic_stream"
GEMINI = "gemini"
GEMINI_STREAM = "gemini_stream"
GPTS = "gpts"
MIDJOURNEY = "midjourney"
SUNO = "suno"
CLIENTS = "clients"
ERRORS = "errors"
OTHER = "other"

SURFACES = (
    MODELS,
    CHAT,
    CHAT_STREAM,
    COMPLETIONS,
    COMPLETIONS_STREAM,
    EMBEDDINGS,
    IMAGES,
    AUDIO,
    ANTHROPIC,
    ANTHROPIC_STREAM,
    GEMINI,
    GEMINI_STREAM,
    GPTS,
    MIDJOURNEY,
    SUNO,
    CLIENTS,
    ERRORS,
)
STREAMS = {
    CHAT: CHAT_STREAM,
    COMPLETIONS: COMPLETIONS_STREAM,
    ANTHROPIC: ANTHROPIC_STREAM,
    GEMINI: GEMINI_STREAM,
}

OPENAI_FAMILY = (MODELS, CHAT, CHAT_STREAM, COMPLETIONS, COMPLETIONS_STREAM, EMBEDDINGS, IMAGES, AUDIO, GPTS)
ANTHROPIC_FAMILY = (ANTHROPIC, ANTHROPIC_STREAM)
GEMINI_FAMILY = (GEMINI, GEMINI_STREAM)

NOT_THERE = (404, 405, 501)  # statuses that say that a path is not served
KEY_REFUSED = (401, 403)

_PATHS = (
    (OTHER, re.compile(r"/threads/|/(fim|agents)/completions/?$|/models/.+/(operations|predictions)\b")),
    (OTHER, re.compile(r"/v1beta\d*/openai/|/endpoints/[^/]+/chat/completions/?$")),
    (CHAT, re.compile(r"/chat/completions/?$")),
    (COMPLETIONS, re.compile(r"/completions/?$")),
    (EMBEDDINGS, re.compile(r"/embeddings/?$")),
    (IMAGES, re.compile(r"/images/(generations|edits|variations)/?$")),
    (AUDIO, re.compile(r"/audio/(speech|transcriptions|translations)/?$")),
    (ANTHROPIC, re.compile(r"/messages/?$|/publishers/anthropic/models/[^/]+:(rawPredict|streamRawPredict)$")),
    (GEMINI_STREAM, re.compile(r"/models/[^/]+:streamGenerateContent$")),
    (GEMINI, re.compile(r"/models/[^/]+:generateContent$")),
    (MIDJOURNEY, re.compile(r"/mj/(submit|task|insight-face)/")),
    (SUNO, re.compile(r"/suno/(submit|fetch)\b")),
    (MODELS, re.compile(r"(?<!/api)/models(/.*)?$")),
)
_LIST = re.compile(rb'\s*\{\s*"object"\s*:\s*"list"')
_AZURE = re.compile(r"/openai/(deployments/|v1/)")
SSE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_ORIGIN = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_CHAT_GPTS = re.compile(r"^(gpt-4o?-all|gpt-4-gizmo-|suno-v|chirp-v)")


def path(url: str) -> str:
    """The path of a request's URL. Two slashes at its beginning are a path as well, and no host."""
    return _ORIGIN.sub("", url).partition("#")[0].partition("?")[0]


def query(url: str) -> str:
    """What stands behind the question mark of a request's URL."""
    return url.partition("#")[0].partition("?")[2]


def recognise(method: str, url: str, asked: Any, content_type: str, body: bytes) -> str:
    """The surface of an exchange from its request line, its request JSON (None if unknown) and what came back."""
    target = path(url)
    found = next((surface for surface, pattern in _PATHS if pattern.search(target)), OTHER)
    if found == MODELS and method not in ("GET", "HEAD"):
        return OTHER
    if found == CHAT and method == "GET" and _LIST.match(body):
        return OTHER
    if found in STREAMS and streamed(url, asked, content_type, body):
        return STREAMS[found]
    return found


def streamed(url: str, asked: Any, content_type: str, body: bytes) -> bool:
    """True when a stream was asked for; when the request is not known, when a stream came back."""
    if isinstance(asked, dict):
        return asked.get("stream") is True
    if "alt=sse" in url:
        return True
    return asked is None and ("event-stream" in content_type or body.startswith(SSE_STARTS))


def named_model(url: str, asked: Any) -> str:
    """The model that a request names, in its body or in a Gemini path; "" when none."""
    if isinstance(asked, dict) and isinstance(asked.get("model"), str):
        return str(asked["model"])
    found = re.search(r"/models/([^/:]+)", path(url))
    return unquote(found.group(1)) if found else ""


def is_azure(url: str) -> bool:
    """True for the paths of Azure OpenAI, which adds filter notes and has an error envelope of its own."""
    return bool(_AZURE.search(path(url))) or "api-version" in parse_qs(query(url))


def speaks_through_chat(model: str) -> bool:
    """True for the models that sell something else through chat: GPTs, the -all models, Suno in chat form."""
    return bool(_CHAT_GPTS.match(model))


def wants_sse(url: str) -> bool:
    """True when a Gemini stream was asked for as server-sent events, not as a JSON array."""
    return parse_qs(query(url)).get("alt") == ["sse"]
