"""Streamed text_completion events -> one text_completion object."""

from __future__ import annotations

from typing import Any

from relayproof.pointer import find, is_a

LOGPROBS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


def assemble(response: Any) -> dict[str, Any] | None:
    """The completion that the chunks add up to: texts joined by index, usage from the last chunk that has one."""
    chunks = [event.body for event in response.events if isinstance(event.body.get("choices"), list)]
    if not chunks:
        return None
    whole: dict[str, Any] = {key: value for key, value in chunks[0].items() if key not in ("choices", "usage")}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        if isinstance(chunk.get("usage"), dict):
            whole["usage"] = chunk["usage"]
        for _, choice in find(chunk, "/choices/*", dict):
            if is_a(choice.get("index"), int):
                _add(choices.setdefault(choice["index"], {"index": choice["index"], "logprobs": None}), choice)
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _add(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    if isinstance(choice.get("text"), str):
        whole["text"] = whole.get("text", "") + choice["text"]
    whole["finish_reason"] = choice.get("finish_reason") or whole.get("finish_reason")
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict):
        whole["logprobs"] = whole["logprobs"] or {}
        for key in LOGPROBS:
            if isinstance(logprobs.get(key), list):
                whole["logprobs"][key] = whole["logprobs"].get(key, []) + logprobs[key]
