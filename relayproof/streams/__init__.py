"""Streams put together: for every streamed surface, the object that its events add up to.

An assembler takes the response and returns the object in the shape of the surface's non-streamed answer, or None
when there is nothing to put together. It repairs nothing: what is not on the wire is not in the object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relayproof import surface
from relayproof.streams import anthropic, chat, completions, gemini

ASSEMBLERS: dict[str, Callable[[Any], dict[str, Any] | None]] = {
    surface.CHAT_STREAM: chat.assemble,
    surface.COMPLETIONS_STREAM: completions.assemble,
    surface.ANTHROPIC_STREAM: anthropic.assemble,
    surface.GEMINI_STREAM: gemini.assemble,
}
