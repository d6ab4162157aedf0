"""GenerateContentResponse chunks -> one generateContent answer, from server-sent events and from a JSON array alike."""

from __future__ import annotations

from typing import Any

from relayproof.pointer import Absent, find, get, is_a

KNOWN = ("candidates", "promptFeedback", "usageMetadata", "modelVersion")
MODIFIERS = ("thought", "thoughtSignature", "partMetadata")
Chunk = tuple[str, dict[str, Any]]


def chunks(response: Any) -> list[Chunk]:
    """(place, document) of every JSON object that was sent, errors too: an event, or an item of the array."""
    if response.events:
        return [(event.place, event.json) for event in response.events if isinstance(event.json, dict)]
    try:
        body = response.json
    except Absent:
        return []
    items = [(f"/{number}", item) for number, item in enumerate(body)] if isinstance(body, list) else [("", body)]
    return [(place, item) for place, item in items if isinstance(item, dict)]


def assemble(response: Any) -> dict[str, Any] | None:
    """The answer that the chunks add up to: texts joined, calls in order, the counts and reasons that came last.

    Candidates stand in the order of their indexes; one without an index is number 0. None when no chunk is known.
    """
    given = [document for _, document in chunks(response) if any(key in document for key in KNOWN)]
    if not given:
        return None
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in given:
        for key, value in chunk.items():
            if key in ("modelVersion", "responseId", "createTime"):
                whole.setdefault(key, value)
            elif key != "candidates" and value is not None:
                whole[key] = value
        for _, candidate in find(chunk, "/candidates/*", dict):
            index = candidate.get("index", 0)
            if is_a(index, int):
                _add(candidates.setdefault(index, {}), candidate)
    if any("candidates" in chunk for chunk in given):
        whole["candidates"] = [candidates[index] for index in sorted(candidates)]
    return whole


def _add(whole: dict[str, Any], candidate: dict[str, Any]) -> None:
    for key, value in candidate.items():
        if key != "content" and value is not None:
            whole[key] = value
    content = candidate.get("content")
    if not isinstance(content, dict):
        return
    gathered = whole.setdefault("content", {})
    for key, value in content.items():
        if key != "parts":
            gathered.setdefault(key, value)
    if isinstance(content.get("parts"), list):
        parts = gathered.setdefault("parts", [])
        for part in content["parts"]:
            _add_part(parts, part)


def _add_part(parts: list[Any], part: Any) -> None:
    last: Any = parts[-1] if parts else None
    if _is_text(part) and _is_text(last) and part.get("thought") == last.get("thought"):
        last.update({key: value for key, value in part.items() if key != "text"}, text=last["text"] + part["text"])
    elif _goes_on(part) and _is_open(last):
        call = last["functionCall"]
        call["partialArgs"] = [*get(call, "/partialArgs", list, []), *get(part, "/functionCall/partialArgs", list, [])]
        call["willContinue"] = part["functionCall"].get("willContinue", False)
    else:
        parts.append(_copy(part))


def _copy(part: Any) -> Any:
    if isinstance(part, dict) and isinstance(part.get("functionCall"), dict):
        return part | {"functionCall": dict(part["functionCall"])}
    return dict(part) if isinstance(part, dict) else part


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str) and set(part) <= {"text", *MODIFIERS}


def _goes_on(part: Any) -> bool:
    return (
        isinstance(part, dict) and isinstance(part.get("functionCall"), dict) and not part["functionCall"].get("name")
    )


def _is_open(part: Any) -> bool:
    return isinstance(part, dict) and get(part, "/functionCall/willContinue") is True
