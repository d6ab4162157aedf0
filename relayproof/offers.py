"""What a relay says that it serves, read off its model list, and which model to ask on each surface.

The list of a relay names pictures, music and voices beside chat models: the first name is no choice. Cheap and common
models come first, so that a run costs little and means the same on many relays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relayproof.exchange import Exchange
from relayproof.pointer import Absent, find
from relayproof.relay import Relay
from relayproof.surface import (
    ANTHROPIC,
    ANTHROPIC_STREAM,
    AUDIO,
    CHAT,
    CHAT_STREAM,
    CLIENTS,
    COMPLETIONS,
    COMPLETIONS_STREAM,
    EMBEDDINGS,
    GEMINI,
    GEMINI_STREAM,
    GPTS,
    IMAGES,
    MIDJOURNEY,
    SUNO,
    SURFACES,
)

TRANSCRIPTION = "transcription"
TRANSCRIPTION_STREAM = "transcription_stream"
SPEECH_STREAM = "speech_stream"
LINKED_IMAGES = "linked_images"
GIZMO = "gizmo"
SONGS = "songs"
NO_CHAT = re.compile(
    r"^mj[_-]|midjourney|suno|chirp|swap_face|embed|bge-|rerank|whisper|tts|speech|transcribe|audio|realtime|dall-e|image|"
    r"flux|stable-diffusion|sd3|sdxl|ideogram|recraft|kling|luma|runway|sora|veo|video|moderation|turbo-instruct|davinci|babbage|"
    r"gizmo|-all$|ocr|search|computer-use|codex",
    re.IGNORECASE,
)
TALKING = (CHAT, ANTHROPIC, GEMINI)
PREFERRED = {
    CHAT: (r"gpt-4o-mini$", r"gpt-4\.1-(nano|mini)", r"gpt-3\.5-turbo$", r"deepseek-chat", r"qwen.*turbo", r"glm-4-fl"),
    COMPLETIONS: (r"gpt-3\.5-turbo-instruct$", r"davinci-002", r"babbage-002"),
    EMBEDDINGS: (r"text-embedding-3-small", r"text-embedding", r"embed|bge-"),
    AUDIO: (r"^tts-1$", r"tts", r"whisper-1$", r"whisper|transcribe"),
    TRANSCRIPTION: (r"whisper-1$", r"whisper", r"transcribe$", r"transcribe"),
    TRANSCRIPTION_STREAM: (r"gpt-4o-mini-transcribe", r"gpt-4o-transcribe$", r"gpt-.*transcribe(?!-diarize)"),
    SPEECH_STREAM: (r"gpt-4o-mini-tts", r"gpt-.*tts"),
    IMAGES: (r"gpt-image", r"dall-e-3", r"dall-e", r"flux", r"ideogram", r"recraft", r"stable-diffusion|sd3|sdxl"),
    LINKED_IMAGES: (r"dall-e-3", r"dall-e", r"flux", r"ideogram", r"recraft", r"stable-diffusion|sd3|sdxl"),
    ANTHROPIC: (r"claude.*haiku", r"claude"),
    GEMINI: (r"gemini.*flash-lite", r"gemini.*flash", r"gemini"),
    GPTS: (r"^gpt-4o?-all$", r"^gpt-4-gizmo", r"^suno-v|^chirp-v"),
    GIZMO: (r"^gpt-4-gizmo-g-", r"^gpt-4-gizmo"),
    SONGS: (r"^suno-v", r"^chirp-v"),
    MIDJOURNEY: (r"^mj_imagine$", r"midjourney", r"^mj[_-]"),
    SUNO: (r"^suno_music$", r"^suno", r"chirp"),
}  # fmt: skip
SECOND = {
    TRANSCRIPTION: AUDIO,
    TRANSCRIPTION_STREAM: AUDIO,
    SPEECH_STREAM: AUDIO,
    LINKED_IMAGES: IMAGES,
    GIZMO: GPTS,
    SONGS: GPTS,
}
SAME_AS = {
    CHAT_STREAM: CHAT,
    COMPLETIONS_STREAM: COMPLETIONS,
    ANTHROPIC_STREAM: ANTHROPIC,
    GEMINI_STREAM: GEMINI,
    CLIENTS: CHAT,
}


def choose_models(listed: Exchange | None, relay: Relay) -> dict[str, str]:
    """A model for each surface that the relay serves: the user's own choice, else the best of the list.

    A surface without one is not offered. Audio and images get more models under names of their own: one that hears
    beside one that speaks, those of them that stream, one that answers with links beside one that can't. `--model`
    (stored as "*") names the model of chat and its streams, and of every surface that the user claims.
    """
    names = _listed(listed)
    chosen: dict[str, str] = {}
    for surface in (*SURFACES, *SECOND):
        root = SAME_AS.get(surface, surface)
        model = (
            relay.models.get(surface) or relay.models.get(root) or _general(relay, surface, root) or best(names, root)
        )
        if model and (relay.offers is None or SECOND.get(surface, surface) in relay.offers):
            chosen[surface] = model
    return chosen


def _listed(exchange: Exchange | None) -> list[str]:
    """The names in a model list; none when there is no list, or one that can't be read."""
    try:
        return [name for _, name in find(exchange.json, "/data/*/id", str)] if exchange else []
    except Absent:
        return []


def _general(relay: Relay, surface: str, root: str) -> str:
    wide = relay.models.get("*", "")
    return wide if root == CHAT or relay.claims(surface) else ""


def best(names: Sequence[str], surface: str) -> str:
    """The name to ask on a surface; "" when none fits."""
    fit = [name for name in names if not NO_CHAT.search(name)] if surface in TALKING else names
    for pattern in PREFERRED.get(surface, ()):
        found = next((name for name in fit if re.search(pattern, name, re.IGNORECASE)), "")
        if found:
            return found
    return fit[0] if surface == CHAT and fit else ""
