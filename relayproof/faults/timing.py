"""Breaks of time: streams held back, and answers that come late."""

from __future__ import annotations

import zlib

from relayproof.faults.answer import Answer
from relayproof.faults.fault import After


def at_once(answer: Answer) -> None:
    """Write the whole stream in one go when it is complete."""
    if answer.streamed:
        answer.pieces, answer.gap = [answer.body], 0.0


def in_a_burst(answer: Answer) -> None:
    """Write event by event, but all of them in the same moment, when the stream is complete."""
    if answer.streamed:
        answer.gap = 0.0


def held_back(seconds: float, events: int) -> After:
    """Keep the first events for so long, then let them go at once; the others follow at their pace."""

    def after(answer: Answer) -> None:
        if len(answer.pieces) > 2 * events:
            answer.delay, answer.burst = seconds, events

    return after


def in_blocks(size: int) -> After:
    """Write in blocks of so many bytes, as a proxy with a buffer does."""

    def after(answer: Answer) -> None:
        if answer.streamed:
            body, answer.gap = answer.body, answer.gap * size / max(len(answer.body) / max(len(answer.pieces), 1), 1)
            answer.pieces = [body[at : at + size] for at in range(0, len(body), size)]

    return after


def packed_whole(answer: Answer) -> None:
    """Pack the stream as one gzip member that is written at its end."""
    if answer.streamed:
        packer = zlib.compressobj(wbits=31)
        answer.pieces, answer.gap = [packer.compress(answer.body) + packer.flush()], 0.0
        answer.put_header("content-encoding", "gzip")


def packed_piece_by_piece(answer: Answer) -> None:
    """Pack the stream, and flush after every event: unusual, and right."""
    if answer.streamed:
        packer = zlib.compressobj(wbits=31)
        answer.pieces = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in answer.pieces]
        answer.pieces.append(packer.flush())
        answer.put_header("content-encoding", "gzip")
