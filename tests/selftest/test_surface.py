"""Which surface a request belongs to, and which model it names."""

from __future__ import annotations

import pytest

from relayproof import probes, surface
from relayproof.relay import Key, Relay

NAMES = ["gpt-4o-mini", "Qwen/Qwen2.5-7B-Instruct", "llama3:8b", "a model?", "100%"]


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("/v1/models?limit=2", "/v1/models", "limit=2"),
        ("//v1/models", "//v1/models", ""),
        ("//[x/v1/models", "//[x/v1/models", ""),
        ("https://relay.example:8443/v1/models?a=b#c", "/v1/models", "a=b"),
        ("/v1/models#?a", "/v1/models", ""),
        ("", "", ""),
    ],
)
def test_every_url_has_a_path_and_a_query(url: str, path: str, query: str) -> None:
    assert (surface.path(url), surface.query(url)) == (path, query)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_fetched_under_its_whole_name(name: str) -> None:
    relay = Relay("http://127.0.0.1:1", Key("sk-relayproof-case"), models={"chat": name})
    (call,) = probes.load()["models/retrieval"].run(relay)
    assert "?" not in call.path
    assert call.path.count("/") == 3
    assert surface.recognise("GET", call.path, None, "", b"") == surface.MODELS


@pytest.mark.parametrize(
    ("url", "azure"),
    [
        ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01", True),
        ("/openai/v1/chat/completions", True),
        ("/chat/completions?api-version=2024-05-01-preview", True),
        ("/v1/chat/completions", False),
        ("/v1/chat/completions?q=api-version", False),
    ],
)
def test_azure_is_known_by_its_paths(url: str, azure: bool) -> None:
    assert surface.is_azure(url) is azure


NOT_OURS = [
    ("POST", "/v1/threads/thread_1/messages", b""),
    ("GET", "/v1/threads/thread_1/messages", b""),
    ("POST", "/v1/messages/batches", b""),
    ("POST", "/v1/fim/completions", b""),
    ("POST", "/v1beta/openai/chat/completions", b""),
    ("POST", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions", b""),
    ("GET", "/v1beta/models/veo-3/operations/abc", b""),
    ("GET", "/v1/chat/completions?limit=2", b'{"object":"list","data":[]}'),
    ("POST", "/v1/responses", b""),
    ("POST", "/v1/files", b""),
]


@pytest.mark.parametrize(("method", "url", "body"), NOT_OURS)
def test_what_is_no_contract_of_ours_is_not_judged_as_one(method: str, url: str, body: bytes) -> None:
    assert surface.recognise(method, url, None, "application/json", body) == surface.OTHER


ELSEWHERE = [
    ("/v1/engines/davinci/completions", "", b"", surface.COMPLETIONS),
    ("/v1/engines/ada/embeddings", "", b"", surface.EMBEDDINGS),
    ("/openai/deployments/d/chat/completions?api-version=1", "", b'data:{"a":1}\n\n', surface.CHAT_STREAM),
    ("/api/v1/chat/completions", "", b": OPENROUTER PROCESSING\n\n", surface.CHAT_STREAM),
    ("/v1/projects/p/locations/l/publishers/google/models/g:generateContent", "", b"", surface.GEMINI),
    ("/v1/publishers/anthropic/models/claude@1:rawPredict", "", b"", surface.ANTHROPIC),
    ("/v1/publishers/anthropic/models/claude@1:streamRawPredict", "text/event-stream", b"", surface.ANTHROPIC_STREAM),
]


@pytest.mark.parametrize(("url", "kind", "body", "found"), ELSEWHERE)
def test_a_contract_is_known_wherever_it_stands(url: str, kind: str, body: bytes, found: str) -> None:
    assert surface.recognise("POST", url, None, kind, body) == found


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_changes_a_model_is_no_list_of_models(method: str) -> None:
    assert surface.recognise(method, "/v1/models/ft:gpt-4o:acme", {}, "", b"") == surface.OTHER


@pytest.mark.parametrize(
    ("url", "asked", "model"),
    [
        ("/v1beta/models/gemini-2.0-flash:generateContent?key=x", {}, "gemini-2.0-flash"),
        ("/v1beta/models/google%2Fgemini:streamGenerateContent", {}, "google/gemini"),
        ("/v1/chat/completions", {"model": "gpt-4o"}, "gpt-4o"),
        ("/v1/chat/completions", {"model": ["gpt-4o"]}, ""),
    ],
)
def test_a_request_names_its_model(url: str, asked: object, model: str) -> None:
    assert surface.named_model(url, asked) == model
