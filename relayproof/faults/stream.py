"""Breaks of a stream: events dropped, doubled, moved, merged, split, and bytes put between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from relayproof.faults.answer import Answer, Frame, dump
from relayproof.faults.fault import After
from relayproof.pointer import get

Frames = list[Frame]
Select = Callable[[Sequence[Frame], int], bool]


def frames(change: Callable[[Frames], Frames]) -> After:
    """Change the list of events by a function. Whole answers stay as they are."""

    def after(answer: Answer) -> None:
        if answer.streamed:
            answer.frames = change(answer.frames)

    return after


def each(change: Callable[[dict[str, Any], int], Any], where: Select | None = None) -> After:
    """Change the payload of every event (or of those that `where` selects); the function is given its number too."""

    def edited(given: Frames) -> Frames:
        for number, frame in enumerate(given):
            if frame.json and (where is None or where(given, number)):
                frame.edit(lambda payload, number=number: change(payload, number))  # type: ignore[misc]
        return given

    return frames(edited)


def drop(where: Select) -> After:
    """Leave events out."""
    return frames(lambda given: [frame for number, frame in enumerate(given) if not where(given, number)])


def double(where: Select) -> After:
    """Send events twice."""
    return frames(
        lambda given: [
            copy for number, frame in enumerate(given) for copy in [frame] * (2 if where(given, number) else 1)
        ]
    )


def insert(new: bytes | Frame, where: Select) -> After:
    """Put bytes, or an event, before the events that `where` selects."""
    made = Frame(raw=new) if isinstance(new, bytes) else new
    return frames(
        lambda given: [
            copy for number, frame in enumerate(given) for copy in ([made, frame] if where(given, number) else [frame])
        ]
    )


def copy_before(change: Callable[[dict[str, Any]], Any], where: Select) -> After:
    """Put a changed copy of an event before it."""

    def copied(given: Frames) -> Frames:
        made = []
        for number, frame in enumerate(given):
            if where(given, number):
                twin = Frame(frame.data, frame.name)
                twin.edit(change)
                made.append(twin)
            made.append(frame)
        return made

    return frames(copied)


def swap(where: Select) -> After:
    """Let each selected event change places with the one before it."""

    def swapped(given: Frames) -> Frames:
        for number in range(len(given) - 1, 0, -1):
            if where(given, number):
                given[number - 1], given[number] = given[number], given[number - 1]
        return given

    return frames(swapped)


def end_after(where: Select) -> After:
    """End the stream behind the first selected event, as if all had gone well."""

    def ended(given: Frames) -> Frames:
        last = next((number for number in range(len(given)) if where(given, number)), len(given))
        return given[: last + 1]

    return frames(ended)


def written(change: Callable[[bytes], bytes]) -> After:
    """Change the bytes of each event as they are written."""

    def after(answer: Answer) -> None:
        if answer.streamed:
            answer.pieces = [change(piece) for piece in answer.pieces]

    return after


def whole(change: Callable[[bytes], bytes]) -> After:
    """Change the bytes of the whole stream; it keeps the number of its writes, about."""

    def after(answer: Answer) -> None:
        if answer.streamed:
            size, body = max(len(answer.body) // max(len(answer.pieces), 1), 1), change(answer.body)
            answer.pieces = [body[at : at + size] for at in range(0, len(body), size)]

    return after


def everywhere(given: Sequence[Frame], number: int) -> bool:
    """Every event with a payload."""
    return bool(given[number].json)


def done(given: Sequence[Frame], number: int) -> bool:
    """The sentinel."""
    return given[number].done


def first(given: Sequence[Frame], number: int) -> bool:
    """The first event."""
    return number == 0


def not_first(given: Sequence[Frame], number: int) -> bool:
    """Every event with a payload but the first."""
    return number > 0 and everywhere(given, number)


def last(given: Sequence[Frame], number: int) -> bool:
    """The last event with a payload."""
    return everywhere(given, number) and not any(frame.json for frame in given[number + 1 :])


def but_last(given: Sequence[Frame], number: int) -> bool:
    """Every event with a payload but the last."""
    return everywhere(given, number) and not last(given, number)


def middle(given: Sequence[Frame], number: int) -> bool:
    """One event about half-way."""
    return number == len(given) // 2


def text(frame: Frame) -> str:
    """The words that an OpenAI chunk adds, chat or completions."""
    choice = get(frame.json, "/choices/0", dict) or {}
    return get(choice, "/delta/content", str) or get(choice, "/text", str) or ""


def says(given: Sequence[Frame], number: int) -> bool:
    """The chunks that add words."""
    return bool(text(given[number]))


def first_words(given: Sequence[Frame], number: int) -> bool:
    """The first chunk that adds words."""
    return says(given, number) and not any(text(frame) for frame in given[:number])


def last_words(given: Sequence[Frame], number: int) -> bool:
    """The last chunk that adds words."""
    return says(given, number) and not any(text(frame) for frame in given[number + 1 :])


def second_words(given: Sequence[Frame], number: int) -> bool:
    """The second chunk that adds words."""
    return says(given, number) and sum(bool(text(frame)) for frame in given[:number]) == 1


def finishes(given: Sequence[Frame], number: int) -> bool:
    """The chunks with a finish_reason."""
    return bool(get(given[number].json, "/choices/0/finish_reason"))


def calls(given: Sequence[Frame], number: int) -> bool:
    """The chunks with a piece of a tool call."""
    return bool(get(given[number].json, "/choices/0/delta/tool_calls"))


def opens_call(given: Sequence[Frame], number: int) -> bool:
    """The chunks that open a tool call."""
    return bool(get(given[number].json, "/choices/0/delta/tool_calls/0/id"))


def continues_call(given: Sequence[Frame], number: int) -> bool:
    """The chunks that continue a tool call."""
    return calls(given, number) and not opens_call(given, number)


def tells_usage(given: Sequence[Frame], number: int) -> bool:
    """The chunks with a usage object."""
    return isinstance(given[number].json.get("usage"), dict)


def named(*names: str) -> Select:
    """The events of these names (Anthropic)."""
    return lambda given, number: given[number].name in names


def copied(frame: Frame, path_and_value: Callable[[dict[str, Any]], Any]) -> Frame:
    """A changed copy of an event."""
    document = json.loads(frame.data)
    path_and_value(document)
    return Frame(dump(document), frame.name)
