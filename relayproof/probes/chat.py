"""What is asked of chat completions, streamed and not: few requests, each rich, each judged by every rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relayproof.probe import MONEY, Call, Run, probe
from relayproof.probes.samples import (
    CITY_SCHEMA,
    CLOCK,
    GOOD,
    NOT_FOR_THINKERS,
    ROOM,
    THOUGHT,
    WEATHER,
    data_url,
    limit,
    noise,
    png,
    thinks,
    user,
)
from relayproof.relay import Relay
from relayproof.surface import CHAT, CHAT_STREAM

PATH = "/v1/chat/completions"
LONG_COUNT = 700
SYSTEM_WORDS = 48
ECHO = "1833 年 café 🎉 鱻鱻鱻 aaaa 1100"
FRUIT = "Name a fruit."
COUNT = "Count: 1 2 3 4 5 6 7 8 9"
BOTH_TOOLS = "Weather and local time in Paris? Use the tools."


def ask(relay: Relay, messages: Any, *, surface: str = CHAT, room: int = ROOM, **fields: Any) -> Call:
    """A chat request that a relay serving chat must answer. `expect` may be among the fields; room 0 is no limit."""
    expect = GOOD | {"surface": surface} | fields.pop("expect", {})
    body = {"model": relay.model(surface), "messages": messages} | fields
    if "max_completion_tokens" not in body and room:
        body = limit(body["model"], room) | body
    if thinks(body["model"]):
        body = {key: value for key, value in body.items() if key not in NOT_FOR_THINKERS}
    if surface == CHAT_STREAM:
        body["stream"] = True
    return Call("POST", PATH, json=body, expect=expect)


@probe(CHAT, basic=True, requests=2)
def plain(relay: Relay) -> Run:
    """A line to repeat: Chinese, accents, an emoji, repeated characters. Sent once more after the bad requests."""
    yield repeating(relay)


def repeating(relay: Relay, **fields: Any) -> Call:
    """The line to repeat, with further fields."""
    words = user(f"Repeat exactly, nothing else: {ECHO}")
    room = ROOM + (THOUGHT if thinks(relay.model(CHAT)) else 0)
    return ask(relay, words, room=room, temperature=0, expect={"echo": ECHO}, **fields)


@probe(CHAT)
def vision(relay: Relay) -> Run:
    """A small red picture as a data URL, beside the words of chat-stream/streamed-two-choices."""
    seen = user([_text(FRUIT), _picture()])
    yield ask(relay, seen, room=32, expect={"optional": "the model may not see pictures"})


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _picture(picture: bytes = b"") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(picture or png()), "detail": "low"}}


@probe(CHAT)
def tools(relay: Relay) -> Run:
    """Two tools and a question for both."""
    yield ask(relay, user(BOTH_TOOLS), tools=[WEATHER, CLOCK])


@probe(CHAT)
def tool_results(relay: Relay) -> Run:
    """A turn that called a tool (content null) and the tool's result, with `stream: false` said in so many words."""
    call: dict[str, Any] = {"id": "call_relayproof1", "type": "function"}
    call |= {"function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    conversation = [
        {"role": "system", "content": "Answer briefly."},
        *user("Weather in Paris?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_relayproof1", "content": "18 C, sunny"},
    ]
    yield ask(relay, conversation, tools=[WEATHER], stream=False)


@probe(CHAT)
def tool_required(relay: Relay) -> Run:
    """A question for two tools: one must be called, one at most."""
    yield ask(
        relay,
        user(BOTH_TOOLS),
        tools=[WEATHER, CLOCK],
        tool_choice="required",
        parallel_tool_calls=False,
        expect={"optional": "the model may not call tools"},
    )


@probe(CHAT)
def tool_named(relay: Relay) -> Run:
    """The one function that must be called, by name."""
    choice = {"type": "function", "function": {"name": "get_time"}}
    yield ask(
        relay,
        user("Weather in Paris?"),
        tools=[WEATHER, CLOCK],
        tool_choice=choice,
        expect={"optional": "the model may not call tools"},
    )


@probe(CHAT)
def tool_none(relay: Relay) -> Run:
    """Tools that must not be called, and two fields that change nothing: a seed, and who asks."""
    words = user("Weather in Paris?")
    yield ask(relay, words, tools=[WEATHER], tool_choice="none", seed=7, user="relayproof")


@probe(CHAT)
def legacy_functions(relay: Relay) -> Run:
    """The old form of function calling."""
    yield ask(
        relay,
        user("Weather in Paris?"),
        functions=[WEATHER["function"]],
        function_call="auto",
        expect={"optional": "the old form may be gone"},
    )


@probe(CHAT)
def json_object(relay: Relay) -> Run:
    """Any JSON object."""
    yield ask(relay, user("Paris as JSON with the key city."), response_format={"type": "json_object"})


@probe(CHAT)
def json_schema(relay: Relay) -> Run:
    """JSON under a strict schema."""
    wanted = {"name": "city", "strict": True, "schema": CITY_SCHEMA}
    yield ask(relay, user("Paris."), response_format={"type": "json_schema", "json_schema": wanted})


@probe(CHAT)
def two_choices(relay: Relay) -> Run:
    """Two choices for the prompt of chat/cut-off, each cut by the token limit under its new name.

    A relay that does not know the new name writes without end: it is given twice the usual time to show it.
    """
    call = ask(relay, user(about_the_sea(8)), n=2, max_completion_tokens=32)
    yield replace(call, patience=2.0)


@probe(CHAT)
def stop(relay: Relay) -> Run:
    """A count that a stop sequence ends before 5, behind a system message of many short words."""
    system = {"role": "system", "content": "Ignore this:" + " a" * SYSTEM_WORDS}
    yield ask(relay, [system, *user(COUNT)], stop=["5"], expect={"at_least": SYSTEM_WORDS})


@probe(CHAT)
def cut_off(relay: Relay) -> Run:
    """An answer with log probabilities, cut by the token limit. One of three prompts that measure a word's cost."""
    yield ask(relay, user(about_the_sea(8)), room=16, logprobs=True, top_logprobs=2, expect=measuring(8))


@probe(CHAT)
def one_token(relay: Relay) -> Run:
    """An answer of one token, to the second of the three prompts, sent as a list of one text."""
    yield ask(relay, user([_text(about_the_sea(40))]), room=1, expect=measuring(40))


@probe(CHAT, spend=MONEY, tokens=3_000)
def unlimited(relay: Relay) -> Run:
    """A long count without any token limit, to see whether the relay sets one."""
    words = user(f"Count from 1 to {LONG_COUNT}. Write every number, with one space between them, and nothing else.")
    yield ask(relay, words, room=0, temperature=0, expect={"counts_to": LONG_COUNT})


@probe(CHAT_STREAM, basic=True)
def streamed_plain(relay: Relay) -> Run:
    """The line of chat/plain as a stream with usage."""
    yield repeating(relay, surface=CHAT_STREAM, stream_options={"include_usage": True})


@probe(CHAT_STREAM)
def streamed_again(relay: Relay) -> Run:
    """The stream of chat-stream/streamed-plain once more, word for word the same."""
    yield repeating(relay, surface=CHAT_STREAM, stream_options={"include_usage": True})


@probe(CHAT_STREAM)
def streamed_bare(relay: Relay) -> Run:
    """A count that a stop sequence ends before 5, as a stream without stream_options."""
    yield ask(relay, user(COUNT), surface=CHAT_STREAM, stop=["5"])


@probe(CHAT_STREAM)
def streamed_tool_cut(relay: Relay) -> Run:
    """A tool that must be called, and no room to finish the call."""
    yield ask(
        relay,
        user("Weather in Paris?"),
        surface=CHAT_STREAM,
        tools=[WEATHER],
        tool_choice="required",
        room=6,
        expect={"optional": "the model may not call tools"},
    )


@probe(CHAT_STREAM)
def streamed_vision(relay: Relay) -> Run:
    """A picture of more than 100 kB, as a stream; its price is that of a small one."""
    parts = [_text("What do you see? One word."), _picture(noise())]
    yield ask(relay, user(parts), surface=CHAT_STREAM, expect={"optional": "the model may not see pictures"}, room=32)


@probe(CHAT_STREAM)
def streamed_tools(relay: Relay) -> Run:
    """Two tools and a question for both, as a stream with usage."""
    yield ask(
        relay,
        user(BOTH_TOOLS),
        surface=CHAT_STREAM,
        tools=[WEATHER, CLOCK],
        stream_options={"include_usage": True},
    )


@probe(CHAT_STREAM)
def streamed_tool_required(relay: Relay) -> Run:
    """A question for two tools: one must be called, one at most, as a stream."""
    yield ask(
        relay,
        user(BOTH_TOOLS),
        surface=CHAT_STREAM,
        tools=[WEATHER, CLOCK],
        tool_choice="required",
        parallel_tool_calls=False,
        expect={"optional": "the model may not call tools"},
    )


@probe(CHAT_STREAM)
def streamed_two_choices(relay: Relay) -> Run:
    """Two choices as a stream."""
    usage = {"include_usage": True}
    yield ask(relay, user(FRUIT), surface=CHAT_STREAM, n=2, room=24, stream_options=usage)


@probe(CHAT_STREAM)
def streamed_long(relay: Relay) -> Run:
    """A longer answer that the token limit cuts, to see whether it arrives bit by bit."""
    yield ask(
        relay,
        user(about_the_sea(56)),
        surface=CHAT_STREAM,
        room=72,
        stream_options={"include_usage": True},
        expect=measuring(56),
    )


def about_the_sea(words: int) -> str:
    """A prompt that holds one known word `words` times."""
    return "Write about the sea, at length. Ignore this:" + " water" * words


def measuring(words: int) -> dict[str, Any]:
    """Marks the requests that together measure what a word costs."""
    return {"group": "words", "words": words}
