"""chat.completion.chunk events -> one chat.completion object."""

from __future__ import annotations

from typing import Any

from relayproof.pointer import find, is_a

JOINED = ("content", "refusal", "reasoning_content", "reasoning")
ONCE = ("role",)


def assemble(response: Any) -> dict[str, Any] | None:
    """The completion that the chunks add up to: texts joined, tool calls gathered by index, usage from the last."""
    chunks = [event.body for event in response.events if isinstance(event.body.get("choices"), list)]
    if not chunks:
        return None
    first = next((chunk for chunk in chunks if not is_note(chunk)), chunks[0])
    whole: dict[str, Any] = {key: value for key, value in first.items() if key not in ("choices", "usage")}
    whole["object"] = "chat.completion" if whole.get("object") == "chat.completion.chunk" else whole.get("object")
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        if isinstance(chunk.get("usage"), dict):
            whole["usage"] = chunk["usage"]
        for _, choice in find(chunk, "/choices/*", dict):
            if is_a(choice.get("index"), int):
                _add_choice(choices.setdefault(choice["index"], _empty(choice["index"])), choice)
    whole["choices"] = [_close(choices[index]) for index in sorted(choices)]
    return whole


def is_note(chunk: dict[str, Any]) -> bool:
    """True for what Azure's filter says of the prompt: a chunk without choices, id and date, before all others."""
    return "prompt_filter_results" in chunk and not chunk["choices"]


def _empty(index: int) -> dict[str, Any]:
    return {"index": index, "message": {"content": None}, "tools": {}, "logprobs": None, "finish_reason": None}


def _add_choice(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        _add_delta(whole, delta)
    if isinstance(choice.get("logprobs"), dict):
        _add_logprobs(whole, choice["logprobs"])
    if choice.get("finish_reason") is not None:
        whole["finish_reason"] = choice["finish_reason"]


def _add_delta(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    message = whole["message"]
    for key in JOINED:
        if isinstance(delta.get(key), str):
            message[key] = (message.get(key) or "") + delta[key]
    for key in ONCE:
        if delta.get(key) is not None:
            message.setdefault(key, delta[key])
    if isinstance(delta.get("function_call"), dict):
        _add_function(message.setdefault("function_call", {}), delta["function_call"])
    for number, call in find(delta, "/tool_calls/*", dict):
        _add_call(whole["tools"], call, number)


def _add_call(calls: dict[Any, dict[str, Any]], part: dict[str, Any], pointer: str) -> None:
    index = part.get("index")
    call = calls.setdefault(index if is_a(index, int) else pointer, {"function": {}})
    for key in ("id", "type"):
        if part.get(key):
            call.setdefault(key, part[key])
    for kind in ("function", "custom"):
        if isinstance(part.get(kind), dict):
            _add_function(call.setdefault(kind, {}), part[kind])


def _add_function(whole: dict[str, Any], part: dict[str, Any]) -> None:
    if part.get("name"):
        whole.setdefault("name", part["name"])
    for key in ("arguments", "input"):
        piece, before = part.get(key), whole.get(key, "")
        if piece is not None and isinstance(before, str):
            whole[key] = before + piece if isinstance(piece, str) else piece


def _add_logprobs(whole: dict[str, Any], logprobs: dict[str, Any]) -> None:
    whole["logprobs"] = whole["logprobs"] or {}
    for key in ("content", "refusal"):
        if isinstance(logprobs.get(key), list):
            whole["logprobs"][key] = (whole["logprobs"].get(key) or []) + logprobs[key]


def _close(choice: dict[str, Any]) -> dict[str, Any]:
    calls = choice.pop("tools")
    if calls:
        choice["message"]["tool_calls"] = [calls[key] for key in sorted(calls, key=_numbers_first)]
    return choice


def _numbers_first(key: int | str) -> tuple[bool, int | str]:
    return isinstance(key, str), key
