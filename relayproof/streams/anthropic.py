"""Messages events -> one message."""

from __future__ import annotations

from typing import Any

from relayproof.jsontext import parse
from relayproof.pointer import get, is_a

APPENDED = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")


def assemble(response: Any) -> dict[str, Any] | None:
    """The message that the events add up to, until the first message_stop; None when no event is a Messages event.

    Blocks stand in the order in which they were started. A tool's input is the joined text when that is no JSON.
    """
    whole: dict[str, Any] = {"content": []}
    opened: dict[Any, dict[str, Any]] = {}
    seen = False
    for event in response.events:
        kind = get(event.body, "/type", str)
        seen = seen or kind in HANDLERS
        if kind == "message_stop":
            break
        if kind in HANDLERS:
            HANDLERS[kind](whole, opened, event.body)
    for block in whole["content"]:
        _close(block)
    return whole if seen else None


def _start(whole: dict[str, Any], opened: dict[Any, dict[str, Any]], event: dict[str, Any]) -> None:
    message = get(event, "/message", dict, {})
    if "id" not in whole and "usage" not in whole:
        whole.update({key: value for key, value in message.items() if key != "content"})
        whole["content"].extend(get(message, "/content", list, []))


def _open(whole: dict[str, Any], opened: dict[Any, dict[str, Any]], event: dict[str, Any]) -> None:
    block = dict(get(event, "/content_block", dict, {}))
    if is_a(event.get("index"), int):
        opened[event["index"]] = block
        whole["content"].append(block)


def _add(whole: dict[str, Any], opened: dict[Any, dict[str, Any]], event: dict[str, Any]) -> None:
    index, delta = event.get("index"), get(event, "/delta", dict, {})
    block = opened.get(index) if is_a(index, int) else None
    if block is None:
        return
    key = APPENDED.get(str(delta.get("type")))
    if key and isinstance(delta.get(key), str):
        block[key] = str(block.get(key) or "") + delta[key]
    elif isinstance(delta.get("partial_json"), str):
        block["partial_json"] = block.get("partial_json", "") + delta["partial_json"]
    elif "citation" in delta:
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif delta.get("type") == "compaction_delta":
        block["content"] = delta.get("content")


def _end(whole: dict[str, Any], opened: dict[Any, dict[str, Any]], event: dict[str, Any]) -> None:
    whole.update({key: value for key, value in get(event, "/delta", dict, {}).items() if key in ENDING})
    counts = {key: value for key, value in get(event, "/usage", dict, {}).items() if value is not None}
    if counts:
        whole["usage"] = {**get(whole, "/usage", dict, {}), **counts}


def _close(block: Any) -> None:
    if not isinstance(block, dict) or "partial_json" not in block:
        return
    text = block.pop("partial_json")
    try:
        block["input"] = parse(text) if text else block.get("input", {})
    except ValueError:
        block["input"] = text


def _nothing(whole: dict[str, Any], opened: dict[Any, dict[str, Any]], event: dict[str, Any]) -> None:
    """A block's stop adds nothing."""


HANDLERS = {
    "message_start": _start,
    "content_block_start": _open,
    "content_block_delta": _add,
    "content_block_stop": _nothing,
    "message_delta": _end,
    "message_stop": _nothing,
}
