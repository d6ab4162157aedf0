"""Streams whose events name their type and that end without [DONE], as images and audio send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import StreamingResponse

AN_EVENT_TAKES = 0.003


def typed_stream(documents: Iterator[dict[str, Any]]) -> StreamingResponse:
    """Server-sent events of JSON documents, each with its `type` as the event's name."""

    async def lines() -> AsyncIterator[str]:
        for document in documents:
            yield f"event: {document['type']}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n"
            await asyncio.sleep(AN_EVENT_TAKES)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
