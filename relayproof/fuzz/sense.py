"""What no schema says of a request: that its parts fit together, and that what it carries can be read.

An upstream refuses a request that breaks this, or takes it; a relay that does either is right. So such a request is
neither legal nor illegal. What OpenAI, Anthropic and Google refuse is told by their own error messages.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from relayproof import gemini, pictures, sounds
from relayproof.fuzz.samples import HARMS, RESOLUTIONS, SHAPES, SIZES, SONGS, SPOKEN, THOUGHTS, THRESHOLDS, VOICES
from relayproof.pointer import find, get
from relayproof.rules.chat import parsed

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
SPEAKER = re.compile(r"[^\s<|\\/>]{1,64}")
DATA_URL = re.compile(r"data:(image/[a-z]+);base64,(.+)", re.DOTALL)
MOST_CACHED = 4
SMALLEST_VOCABULARY = 32_000


def makes_sense(request: str, body: Any) -> bool:
    """True when nothing in a body that is valid by its schema contradicts the rest of it, or can't be read."""
    return all(_SENSE.get(request, _pictures_can_be_read)(body))


def _chat(body: Any) -> Iterator[bool]:
    offered = [name for kind in ("function", "custom") for name in _texts(body, f"/tools/*/{kind}/name")]
    yield _differ(offered)
    for place in ("", "/allowed_tools/tools/*"):
        for kind in ("function", "custom"):
            yield set(_texts(body, f"/tool_choice{place}/{kind}/name")) <= set(offered)
    yield all(get(tool, "/function/name", str) for _, tool in find(body, "/tool_choice/allowed_tools/tools/*"))
    yield get(body, "/tool_choice/allowed_tools/tools") != []
    yield _results_follow_calls(body["messages"])
    yield all(SPEAKER.fullmatch(name) for name in _texts(body, "/messages/*/name"))
    yield all(_is_picture_url(url) for url in _texts(body, "/messages/*/content/*/image_url/url"))
    for _, sound in find(body, "/messages/*/content/*/input_audio", dict):
        yield sounds.container(_bytes(sound["data"])) == sound["format"]
    yield not any(find(body, "/messages/*/content/*/file"))
    yield get(body, "/response_format/type") != "json_object" or "json" in json.dumps(body["messages"]).lower()
    for path, shape in (("/tools/*/function", "parameters"), ("/response_format/json_schema", "schema")):
        yield all(_closed(each.get(shape)) for _, each in find(body, path, dict) if each.get("strict"))
    yield from _bias(body)


def _bias(body: Any) -> Iterator[bool]:
    yield all(int(token) < SMALLEST_VOCABULARY for token in get(body, "/logit_bias", dict, {}))


def _results_follow_calls(messages: list[dict[str, Any]]) -> bool:
    """True when every call in the conversation is one that a client can have got, and has its result right after it."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.remove(message["tool_call_id"])
            continue
        calls = message.get("tool_calls") or []
        ids = [str(call.get("id")) for call in calls]
        if waiting or message["role"] == "function" or not _differ(ids) or not all(map(_is_call, calls)):
            return False
        waiting = set(ids)
    return not waiting


def _is_call(call: Any) -> bool:
    arguments = parsed(get(call, "/function/arguments", str, ""))
    return isinstance(arguments, dict) and bool(NAME.fullmatch(get(call, "/function/name", str, "")))


def _anthropic(body: Any) -> Iterator[bool]:
    offered = _texts(body, "/tools/*/name")
    forced = get(body, "/tool_choice/type") in ("any", "tool")
    yield _differ(offered)
    yield not body.get("tool_choice") or bool(body.get("tools"))
    yield set(_texts(body, "/tool_choice/name")) <= set(offered)
    yield all(_closed(tool.get("input_schema")) for _, tool in find(body, "/tools/*", dict) if tool.get("strict"))
    yield from _turns(body["messages"])
    yield all(text.strip() for text in (*_texts(body, "/system/*/text"), *_texts(body, "/stop_sequences/*")))
    yield json.dumps(body).count('"cache_control": {') <= MOST_CACHED
    thinks = get(body, "/thinking/type") not in (None, "disabled")
    yield not thinks or not (forced or {"temperature", "top_p", "top_k"} & set(body))
    yield _closed(get(body, "/output_config/format/schema", dict))


def _turns(messages: list[dict[str, Any]]) -> Iterator[bool]:
    """What was called is answered at the next turn; what is said is not blank, and what is begun has no blank end."""
    waiting: set[str] = set()
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        kinds = {block["type"] for block in blocks}
        yield kinds <= ({"text", "tool_use"} if message["role"] == "assistant" else {"text", "image", "tool_result"})
        yield all(_is_readable(block) for block in blocks)
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        yield _differ(answered) and set(answered) == waiting
        called = [block["id"] for block in blocks if block["type"] == "tool_use"]
        yield _differ(called)
        waiting = set(called)
    yield not waiting
    last = blocks[-1].get("text", "")
    yield message["role"] == "user" or last == last.rstrip()


def _is_readable(block: dict[str, Any]) -> bool:
    """True for a block that says something, and that anyone can have written."""
    if block["type"] == "text":
        return bool(block["text"].strip()) and not block.get("citations")
    if block["type"] == "image":
        return _is_picture(get(block, "/source/data", str, ""), get(block, "/source/media_type", str, ""))
    if block["type"] == "tool_use":
        return bool(NAME.fullmatch(block["name"]))
    content = block.get("content")
    return all(map(_is_readable, content)) if isinstance(content, list) else block["type"] == "tool_result"


def _gemini(body: Any) -> Iterator[bool]:
    offered = [name for tool in gemini.tools(body) for name in _texts(tool, "/functionDeclarations/*/name")]
    allowed, free = gemini.allowed(body), gemini.mode(body) in ("AUTO", "NONE")
    yield _differ(offered)
    yield set(allowed) <= set(offered) and not (allowed and free)
    yield free or bool(offered)
    yield "cachedContent" not in body
    yield from _contents(body["contents"])
    yield all(_texts(body, "/systemInstruction/parts/*/text"))
    settings = get(body, "/generationConfig", dict, {})
    form = settings.get("responseMimeType", "text/plain")
    yield form == "text/plain" or (form == "application/json" and not offered)
    yield form == "application/json" or "responseSchema" not in settings
    yield "additionalProperties" not in json.dumps(body)
    yield float(settings.get("topK", 1)).is_integer()
    thinking = settings.get("thinkingConfig", {})
    yield thinking.get("thinkingLevel", "low").lower() in THOUGHTS
    yield not {"thinkingLevel", "thinkingBudget"} <= set(thinking)
    harms = [each["category"] for _, each in find(body, "/safetySettings/*", dict)]
    yield _differ(map(str, harms)) and set(harms) <= set(HARMS)
    yield all(each.get("threshold") in THRESHOLDS for _, each in find(body, "/safetySettings/*", dict))


def _contents(contents: list[dict[str, Any]]) -> Iterator[bool]:
    """The user begins; every call has its result at the next turn; every part is one thing."""
    waiting: list[str] = []
    for content in contents:
        parts = content["parts"]
        calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        results = [part["functionResponse"]["name"] for part in parts if "functionResponse" in part]
        yield sorted(results) == sorted(waiting)
        yield not calls or content.get("role") == "model"
        yield bool(results) is (content.get("role") == "function") or content.get("role", "user") == "user"
        yield all(_is_part(part) for part in parts)
        waiting = calls
    yield not waiting
    yield contents[0].get("role", "user") == "user"


def _is_part(part: dict[str, Any]) -> bool:
    if len(set(part) - {"thought"}) != 1:
        return False
    if "inlineData" in part:
        return _is_picture(part["inlineData"]["data"], part["inlineData"]["mimeType"])
    return not {"text", "functionCall", "functionResponse"}.isdisjoint(part)


def _speech(body: Any) -> Iterator[bool]:
    yield body["voice"] in VOICES
    yield bool(body["input"].strip())


def _transcription(body: Any) -> Iterator[bool]:
    yield body.get("language", "en") in SPOKEN
    yield not body.get("include") or body.get("response_format", "json") == "json"


def _image(body: Any) -> Iterator[bool]:
    yield body.get("size") in (*SIZES, None)
    yield body.get("background") != "transparent" or body.get("output_format") != "jpeg"


def _ideogram(body: Any) -> Iterator[bool]:
    wanted = body["image_request"]
    yield wanted.get("aspect_ratio") in (*SHAPES, None)
    yield wanted.get("resolution") in (*RESOLUTIONS, None)
    yield "color_palette" not in wanted


def _suno(body: Any) -> Iterator[bool]:
    yield body.get("mv") in (*SONGS, None)
    yield "continue_clip_id" not in body


def _pictures_can_be_read(body: Any) -> Iterator[bool]:
    for place in ("base64", "base64Array/*", "maskBase64", "sourceBase64", "targetBase64"):
        yield all(_is_picture_url(text) for text in _texts(body, f"/{place}"))


def _texts(body: Any, path: str) -> list[str]:
    return [text for _, text in find(body, path, str)]


def _differ(names: Iterable[str]) -> bool:
    several = list(names)
    return len(several) == len(set(several))


def _is_picture_url(text: str) -> bool:
    found = DATA_URL.fullmatch(text)
    return found is not None and _is_picture(found.group(2), found.group(1))


def _is_picture(data: str, media_type: str) -> bool:
    picture = pictures.read(_bytes(data))
    return picture is not None and f"image/{picture.form}" == media_type


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return b""


def _closed(shape: Any) -> bool:
    """True for what strict wants of a schema: every object says all its keys, needs them all, and takes no other."""
    if isinstance(shape, list):
        return all(map(_closed, shape))
    if not isinstance(shape, dict):
        return True
    named = get(shape, "/properties", dict)
    needed = get(shape, "/required", list, [])
    strict = shape.get("additionalProperties") is False and set(needed) == set(named or {})
    return all(map(_closed, shape.values())) and (shape.get("type") != "object" or strict)


_SENSE: dict[str, Callable[[Any], Iterator[bool]]] = {
    "anthropic/message_request": _anthropic,
    "gemini/generate_request": _gemini,
    "ideogram/generate_request": _ideogram,
    "openai/chat_request": _chat,
    "openai/completion_request": _bias,
    "openai/image_edit_request": _image,
    "openai/image_request": _image,
    "openai/speech_request": _speech,
    "openai/transcription_request": _transcription,
    "suno/submit_music_request": _suno,
}
