"""What official servers send, in their rarer and older forms, breaks no rule and no strength of its schema."""

from __future__ import annotations

from typing import Any

import pytest
from cases.build import ask, chat_stream, events, exchange, stream

from relayproof import schema
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, judge
from relayproof.rule import OPENAI
from relayproof.rules import load

STRENGTHS = ("", ".openai", ".should")
USAGE = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
SAID = {"role": "assistant", "content": "Hi", "refusal": None}


def answer(message: Any = SAID, finish_reason: str = "stop", choice: Any = None, **keys: Any) -> dict[str, Any]:
    """A chat completion."""
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason} | (choice or {})]
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1690000000, "model": "gpt-4o-2024-08-06"}
    return whole | {"choices": choices, "usage": USAGE} | keys


def chunk(choices: Any, **keys: Any) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1690000000, "model": "gpt-4o"}
    return whole | {"choices": choices} | keys


def claude(*content: Any, stop_reason: str = "end_turn", **keys: Any) -> dict[str, Any]:
    """A message of Claude."""
    usage = {
        "input_tokens": 9,
        "output_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }
    whole = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929"}
    ended = {"content": list(content), "stop_reason": stop_reason, "stop_sequence": None, "usage": usage}
    return whole | ended | keys


def gemini(candidate: Any = None, **keys: Any) -> dict[str, Any]:
    """An answer of Gemini."""
    said = {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 4, "candidatesTokenCount": 1, "totalTokenCount": 5}
    return {"candidates": [said | (candidate or {})], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"} | keys


SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": False, "detected": False}}
RATINGS = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]
CITED = {
    "start_index": 0,
    "end_index": 2,
    "url": "https://de.wikipedia.org/wiki/Übersee?utm_source=openai",
    "title": "Ü",
}
BLOCK = {"type": "text", "text": "Hi"}
OFFICIAL: dict[str, tuple[str, Any]] = {
    "2023: no logprobs, no refusal, no fingerprint": (
        "openai/chat_completion",
        answer(
            model="gpt-3.5-turbo-0301",
            choices=[{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        ),
    ),
    "2023: a function call": (
        "openai/chat_completion",
        answer(
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            "function_call",
            model="gpt-3.5-turbo-0613",
        ),
    ),
    "Azure: the content was filtered away": (
        "openai/chat_completion",
        answer(
            {"role": "assistant"},
            "content_filter",
            {"content_filter_results": SAFE},
            model="gpt-35-turbo",
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}],
        ),
    ),
    "Azure: a call without content": (
        "openai/chat_completion",
        answer(
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            "function_call",
            {"content_filter_results": {}},
            model="gpt-35-turbo",
        ),
    ),
    "a refusal": ("openai/chat_completion", answer({"role": "assistant", "content": None, "refusal": "No."})),
    "an address with letters of its own": (
        "openai/chat_completion",
        answer(SAID | {"annotations": [{"type": "url_citation", "url_citation": CITED}]}),
    ),
    "sound": (
        "openai/chat_completion",
        answer(SAID | {"content": None, "audio": {"id": "a", "data": "", "expires_at": 1, "transcript": "Hi"}}),
    ),
    "a custom tool": (
        "openai/chat_completion",
        answer(
            SAID
            | {"content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
            "tool_calls",
            service_tier="priority",
        ),
    ),
    "stored, with metadata": ("openai/chat_completion", answer(metadata={"a": "b"}, request_id="req_1", tools=None)),
    "Azure: the filter's first chunk": (
        "openai/chat_completion_chunk",
        chunk(
            [],
            id="",
            object="",
            created=0,
            model="",
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}],
        ),
    ),
    "Azure: the filter at work behind the stream": (
        "openai/chat_completion_chunk",
        chunk(
            [
                {
                    "index": 0,
                    "finish_reason": None,
                    "content_filter_results": SAFE,
                    "content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 9},
                }
            ],
            id="",
            object="",
            created=0,
            model="",
        ),
    ),
    "a chunk of sound": (
        "openai/chat_completion_chunk",
        chunk([{"index": 0, "delta": {"audio": {"id": "a", "data": "AA=="}}, "finish_reason": None}]),
    ),
    "an error of the proxy before OpenAI": (
        "openai/error",
        {"error": {"code": 502, "message": "Bad gateway.", "param": None, "type": "cf_bad_gateway"}},
    ),
    "2023: a completion with logprobs": (
        "openai/completion_answer",
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "text-davinci-003",
            "choices": [
                {
                    "text": "a",
                    "index": 0,
                    "logprobs": {
                        "tokens": ["a"],
                        "token_logprobs": [None],
                        "top_logprobs": [None],
                        "text_offset": [0],
                    },
                    "finish_reason": "length",
                }
            ],
            "usage": USAGE,
        },
    ),
    "vectors in base64": (
        "openai/embedding_list",
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": "AACAPwAAgD8="}],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        },
    ),
    "a picture of gpt-image": (
        "openai/image_list",
        {
            "created": 1,
            "background": "auto",
            "quality": "auto",
            "size": "auto",
            "output_format": "webp",
            "data": [{"b64_json": "AAAA"}],
            "usage": {
                "input_tokens": 1,
                "output_tokens": 2,
                "total_tokens": 3,
                "input_tokens_details": {"text_tokens": 1, "image_tokens": 0},
            },
        },
    ),
    "Azure: a picture of dall-e-3": (
        "openai/image_list",
        {"created": 1, "data": [{"url": "https://x/1.png", "revised_prompt": "p", "content_filter_results": SAFE}]},
    ),
    "a word of a transcription": (
        "openai/transcription_event",
        {"type": "transcript.text.delta", "delta": "Hi", "logprobs": [{"token": "Hi", "logprob": -0.1, "bytes": [72]}]},
    ),
    "billed by time": ("openai/transcription", {"text": "Hi", "usage": {"type": "duration", "seconds": 1}}),
    "Claude refuses": ("anthropic/message", claude(stop_reason="refusal", stop_details={"type": "refusal"})),
    "Claude pauses": ("anthropic/message", claude(BLOCK, stop_reason="pause_turn")),
    "the context is full": ("anthropic/message", claude(BLOCK, stop_reason="model_context_window_exceeded")),
    "Claude on Vertex": ("anthropic/message", claude(BLOCK, id="msg_vrtx_01")),
    "Claude on Vertex calls": (
        "anthropic/message",
        claude({"type": "tool_use", "id": "toolu_vrtx_01", "name": "f", "input": {}}, stop_reason="tool_use"),
    ),
    "Claude searched in vain": (
        "anthropic/message",
        claude(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
            },
        ),
    ),
    "an MCP server was asked": (
        "anthropic/message",
        claude(
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
            {
                "type": "mcp_tool_result",
                "tool_use_id": "mcptoolu_1",
                "is_error": False,
                "content": [{"type": "text", "text": "x"}],
            },
        ),
    ),
    "2024: Claude without cache counts": (
        "anthropic/message",
        claude(BLOCK, model="claude-3-opus-20240229", usage={"input_tokens": 9, "output_tokens": 1}),
    ),
    "the server called Claude twice": (
        "anthropic/message",
        claude(
            BLOCK,
            usage={"input_tokens": 0, "output_tokens": 0, "iterations": [{"type": "compaction", "input_tokens": 1}]},
        ),
    ),
    "Gemini: the prompt was blocked": (
        "gemini/generate_answer",
        {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
            "modelVersion": "gemini-2.5-flash",
        },
    ),
    "2023: Gemini without counts": (
        "gemini/generate_answer",
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": "Hi"}], "role": "model"},
                    "finishReason": "STOP",
                    "index": 0,
                    "safetyRatings": RATINGS,
                }
            ],
            "promptFeedback": {"safetyRatings": RATINGS},
        },
    ),
    "2023: Gemini blocks without counts": (
        "gemini/generate_answer",
        {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": RATINGS}},
    ),
    "Gemini thought until the limit": (
        "gemini/generate_answer",
        gemini(
            {"content": {"role": "model"}, "finishReason": "MAX_TOKENS"},
            usageMetadata={"promptTokenCount": 4, "totalTokenCount": 9, "thoughtsTokenCount": 5},
        ),
    ),
    "Gemini wanted an unknown tool": (
        "gemini/generate_answer",
        gemini({"content": {}, "finishReason": "UNEXPECTED_TOOL_CALL", "finishMessage": "Unexpected tool call"}),
    ),
    "Gemini draws": (
        "gemini/generate_answer",
        gemini(
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Here", "thought": True},
                        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "AA=="},
                    ],
                }
            },
            responseId="x",
        ),
    ),
    "Vertex: provisioned": (
        "gemini/generate_answer",
        gemini(
            {"avgLogprobs": -0.1},
            createTime="2025-09-16T01:52:45.123456Z",
            usageMetadata={
                "promptTokenCount": 4,
                "candidatesTokenCount": 1,
                "totalTokenCount": 5,
                "trafficType": "PROVISIONED_THROUGHPUT",
                "promptTokensDetails": [{"modality": "DOCUMENT", "tokenCount": 4}],
            },
        ),
    ),
}


@pytest.mark.parametrize("title", OFFICIAL)
def test_what_official_servers_send_has_no_mismatch(title: str) -> None:
    name, document = OFFICIAL[title]
    strengths = [name + strength for strength in STRENGTHS if name + strength in schema.names()]
    assert [told for each in strengths for told in schema.mismatches(each, document)] == []


def said(model: str, asked: dict[str, Any], message: Any = SAID, *, tokens: int = 1, **keys: Any) -> Exchange:
    """A chat exchange with that model's name in the answer."""
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    path = asked.pop("path", "/v1/chat/completions")
    return exchange("POST", path, asked, answer(message, model=model, usage=usage, **keys))


def filtered() -> Exchange:
    """A stream of Azure: filter notes in every choice."""
    documents = events(chat_stream())
    for each in documents:
        for choice in each["choices"]:
            choice["content_filter_results"] = SAFE
    return stream(AZURE, ask(stream=True), documents)


def azure_error(status: int, error: Any) -> Exchange:
    """A refusal in Azure's own envelope."""
    return exchange("POST", AZURE, ask(), {"error": error}, status=status)


def ask_text(model: str) -> dict[str, Any]:
    """A legacy completion request."""
    return {"model": model, "prompt": "a", "max_tokens": 1}


BABBAGE = OFFICIAL["2023: a completion with logprobs"][1] | {
    "model": "babbage:2023-07-21-v2",
    "choices": [{"text": "a", "index": 0, "logprobs": None, "finish_reason": "length"}],
}
AZURE = "/openai/deployments/mine/chat/completions?api-version=2024-06-01"
EMPTY = SAID | {"content": ""}
AFTER_TOOL = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "done"},
]
GOOGLES = {"models": [{"name": "models/gemini-2.0-flash", "version": "2.0", "displayName": "Gemini"}]}
CLAUDES = {"data": [{"type": "model", "id": "c", "display_name": "C", "created_at": "2025-02-19T00:00:00Z"}]}
EXCHANGES = {
    "the first word was a stop sequence": said("gpt-4o-mini", ask(stop=["H"]), EMPTY),
    "nothing to add to a tool's result": said("gpt-4o-mini", ask(messages=AFTER_TOOL), EMPTY),
    "reasoning beside max_tokens": said(
        "o3-mini", ask(model="o3-mini", max_tokens=8), SAID | {"reasoning_content": "Hm."}, tokens=90
    ),
    "a preview's name": said("gpt-4-0125-preview", ask(model="gpt-4-turbo-preview")),
    "an old engine's name": exchange("POST", "/v1/completions", ask_text("babbage-002"), BABBAGE),
    "Azure: a deployment's name": said(
        "gpt-4.1-mini-2025-04-14", ask(model="mine", path="/openai/v1/chat/completions")
    ),
    "Azure: filter notes": filtered(),
    "Azure: no deployment": azure_error(404, {"code": "DeploymentNotFound", "message": "No such deployment."}),
    "Azure: filtered": azure_error(
        400,
        {"message": "m", "type": None, "param": "prompt", "code": "content_filter", "status": 400, "innererror": {}},
    ),
    "a list of Google, asked for we know not how": exchange("GET", "/v1/models", None, GOOGLES),
    "a list of Anthropic, asked for we know not how": exchange(
        "GET", "/v1/models", None, CLAUDES | {"first_id": "c", "last_id": "c", "has_more": False}
    ),
}


@pytest.mark.parametrize("title", EXCHANGES)
def test_what_official_servers_send_breaks_no_rule(title: str) -> None:
    result = judge((EXCHANGES[title],), load().values(), OPENAI)
    assert result.errors == []
    assert [(each.rule, each.findings) for each in result.verdicts if each.outcome is FAILS] == []
