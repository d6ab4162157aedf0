"""Speech, transcriptions and translations: the sound that is sent back, and what is written down of a sound."""

from __future__ import annotations

import base64
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from relayproof import sounds
from relayproof.exchange import CONTENT, HEADERS, REQUEST, Exchange
from relayproof.groups import together
from relayproof.jsontext import parse
from relayproof.pointer import Absent, find, get, is_a, one
from relayproof.rule import SHOULD, Finding, Source, Untested, When, must, should
from relayproof.rules import shapes, subtitles
from relayproof.rules.every_response import in_events
from relayproof.rules.sources import OBSERVED, OPENAI_OPENAPI
from relayproof.schema import shown
from relayproof.surface import AUDIO

SPEECH = Source(OPENAI_OPENAPI, "CreateSpeechRequest")
SPEECH_EVENTS = Source(OPENAI_OPENAPI, "CreateSpeechResponseStreamEvent")
TRANSCRIPTION_REQUEST = Source(OPENAI_OPENAPI, "CreateTranscriptionRequest")
TRANSCRIPTION = Source(OPENAI_OPENAPI, "CreateTranscriptionResponseJson")
VERBOSE = Source(OPENAI_OPENAPI, "CreateTranscriptionResponseVerboseJson")
DIARIZED = Source(OPENAI_OPENAPI, "CreateTranscriptionResponseDiarizedJson")
TRANSCRIPTION_EVENTS = Source(OPENAI_OPENAPI, "CreateTranscriptionResponseStreamEvent")
TRANSLATION = Source(OPENAI_OPENAPI, "CreateTranslationResponseJson")
TRANSLATION_VERBOSE = Source(OPENAI_OPENAPI, "CreateTranslationResponseVerboseJson")
SUBTITLES = Source("W3C WebVTT, and SubRip as players read it", "4 Syntax")

DOCUMENTS = ("json", "verbose_json", "diarized_json")
LABELS = {
    "mp3": ("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg"),
    "opus": ("audio/ogg", "audio/opus", "application/ogg", "audio/x-opus"),
    "ogg": ("audio/ogg", "application/ogg", "audio/vorbis"),
    "aac": ("audio/aac", "audio/aacp", "audio/x-aac"),
    "flac": ("audio/flac", "audio/x-flac"),
    "wav": ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"),
    "mp4": ("audio/mp4", "audio/m4a", "audio/x-m4a", "video/mp4"),
    "webm": ("audio/webm", "video/webm"),
    "": ("audio/pcm", "audio/x-pcm", "audio/l16", "audio/raw", "audio/x-raw", "audio/x-l16"),
}
ANY_BYTES = ("", "application/octet-stream", "binary/octet-stream")
QUIET = 64
A_SENTENCE = 12
SLACK_SECONDS = 1.0
LEAST_SECONDS = 0.05
KEPT_WORDS = 0.8
FOREIGN_LETTERS, ODD_LETTERS, FEW_LETTERS = 0.3, 0.15, 6


def endpoint(exchange: Exchange) -> str:
    """speech, transcriptions or translations."""
    return exchange.request.path.rstrip("/").rpartition("/")[2]


def is_speech(exchange: Exchange) -> bool:
    """True for text that is read aloud."""
    return endpoint(exchange) == "speech"


def setting(exchange: Exchange, name: str, default: str = "") -> str:
    """A field of the request, a form or JSON, as text. Raises Absent when the request is not known."""
    return next(iter(settings(exchange, name)), default)


def settings(exchange: Exchange, name: str) -> list[str]:
    """All values of a field of the request that may be given several times. Raises Absent as `setting` does."""
    if REQUEST in exchange.blind:
        raise Absent("the request is not known")
    if exchange.request.form:
        same = (part for part in exchange.request.form if part.name.removesuffix("[]") == name)
        return [part.value.decode(errors="replace") for part in same]
    value = exchange.asked(f"/{name}")
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values if each is not None]


def form(exchange: Exchange) -> str:
    """The format that was asked for, or that holds when nobody asks. Raises Absent as `setting` does."""
    return setting(exchange, "response_format", "mp3" if is_speech(exchange) else "json")


def model(exchange: Exchange) -> str:
    """The model that was asked. Raises Absent as `setting` does."""
    return setting(exchange, "model")


def writes(*forms: str, task: str = "") -> When:
    """A predicate: a sound was to be written down in one of these formats, and no stream came back."""

    def applies(exchange: Exchange) -> bool:
        fits = not is_speech(exchange) if not task else endpoint(exchange) == task
        return fits and not in_events(exchange) and form(exchange) in forms

    return applies


def streams(task: str) -> When:
    """A predicate: the answer of that endpoint came as events."""
    return lambda exchange: endpoint(exchange) == task and in_events(exchange)


def sound(exchange: Exchange) -> bytes:
    """The sound of a speech answer, put together when it came as events. Raises Absent when it is none."""
    if not in_events(exchange):
        data = exchange.answered.decoded
        if not_sound(data):
            raise Absent("told by speech_is_a_sound")
        return data
    pieces: list[Any] = [
        event.body.get("audio") for event in exchange.events if event.body.get("type") == "speech.audio.delta"
    ]
    try:
        data = b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except (TypeError, ValueError):
        raise Absent("told by the schema") from None
    if not data:
        raise Absent("no sound in the events")
    return data


def not_sound(data: bytes) -> str:
    """What a body is that can't be sound: empty, JSON, or a page; "" when it may be sound."""
    if not data.strip():
        return "an empty body"
    if re.match(rb"\s*<(!doctype|html|\?xml|head|body)", data[:200], re.IGNORECASE):
        return "a page"
    try:
        return "JSON" if isinstance(parse(data), dict | list | str) else ""
    except ValueError:
        return ""


def upload(exchange: Exchange) -> float:
    """Seconds of the sound file that was sent. Raises Absent when it can't be measured."""
    files = [part.value for part in exchange.request.form if part.name == "file" and part.filename is not None]
    length = sounds.seconds(files[0]) if files else None
    if CONTENT in exchange.blind or length is None:
        raise Absent("the file can't be measured")
    return length


def text_of(exchange: Exchange) -> str:
    """What was written down, whatever the format. Raises Absent when there is no such text."""
    if in_events(exchange):
        done = [event.body.get("text") for event in exchange.events if event.body.get("type") == "transcript.text.done"]
        return done[-1] if done and isinstance(done[-1], str) else deltas(exchange)
    wanted = form(exchange)
    if wanted in DOCUMENTS:
        return str(exchange.one("/text", str))
    if wanted == "text":
        return exchange.answered.text
    found = cues(exchange)
    if found.problems:
        raise Absent("told by subtitles_follow_their_format")
    return found.text


def deltas(exchange: Exchange) -> str:
    """The pieces of a streamed transcription, joined. Raises Absent when there is none."""
    parts = [event.body.get("delta") for event in exchange.events if event.body.get("type") == "transcript.text.delta"]
    if not parts:
        raise Absent("no deltas")
    return "".join(part for part in parts if isinstance(part, str))


def cues(exchange: Exchange) -> subtitles.Subtitles:
    """The subtitles of an srt or vtt answer."""
    return (subtitles.srt if form(exchange) == "srt" else subtitles.vtt)(exchange.answered.text)


shapes.matches_schema(
    "audio",
    "openai/speech_event",
    SPEECH_EVENTS,
    on=AUDIO,
    documents=shapes.events,
    when=streams("speech"),
    called="speech_event_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/transcription",
    TRANSCRIPTION,
    on=AUDIO,
    when=writes("json", task="transcriptions"),
    called="transcription_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/transcription_verbose",
    VERBOSE,
    on=AUDIO,
    when=writes("verbose_json", task="transcriptions"),
    called="verbose_transcription_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/transcription_diarized",
    DIARIZED,
    on=AUDIO,
    when=writes("diarized_json", task="transcriptions"),
    called="diarized_transcription_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/transcription_event",
    TRANSCRIPTION_EVENTS,
    on=AUDIO,
    documents=shapes.events,
    when=streams("transcriptions"),
    called="transcription_event_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/translation",
    TRANSLATION,
    on=AUDIO,
    when=writes("json", task="translations"),
    called="translation_matches_schema",
)
shapes.matches_schema(
    "audio",
    "openai/translation_verbose",
    TRANSLATION_VERBOSE,
    on=AUDIO,
    when=writes("verbose_json", task="translations"),
    called="verbose_translation_matches_schema",
)


@must(SPEECH, on=AUDIO, needs=CONTENT, when=lambda exchange: is_speech(exchange) and not in_events(exchange))
def speech_is_a_sound(exchange: Exchange) -> Iterator[Finding]:
    """Speech that is answered with 200 is a sound: not JSON, not a page, not nothing.

    Clients write the body into a file and play it. JSON with an address in it is another API; an error in it is
    lost for good.

    Fix: send the upstream's bytes; send errors with their own status.
    """
    data = exchange.answered.decoded
    kind = not_sound(data)
    if kind == "JSON" and get(exchange.answered.json, "/error"):
        raise Absent("told by error_is_not_a_success")
    if kind:
        yield Finding("body", f"{kind}{f': {shown(exchange.answered.text[:120])}' if data.strip() else ''}")


@must(SPEECH, on=AUDIO, needs=CONTENT, when=is_speech)
def speech_has_the_format_asked_for(exchange: Exchange) -> Iterator[Finding]:
    """The sound's first bytes are those of the `response_format` that was asked for, mp3 when none was.

    Players choose their decoder beforehand: a WAV where bare samples are expected begins with a crack, where an MP3 is
    expected it does not play at all.

    Fix: pass response_format on; convert where the upstream has one format only; refuse what can't be made.
    """
    wanted, data = form(exchange), sound(exchange)
    if wanted not in LABELS and wanted != "pcm":
        raise Absent("a format that the API does not have")
    found = sounds.wears_container(data) if wanted == "pcm" else sounds.container(data)
    if found != ("" if wanted == "pcm" else wanted):
        yield Finding("body", f"{found or 'no known format'} instead of {wanted}: it begins with {data[:12].hex(' ')}")


@must(SPEECH, on=AUDIO, needs=(CONTENT, HEADERS), when=lambda exchange: is_speech(exchange) and not in_events(exchange))
def speech_is_labelled_as_what_it_is(exchange: Exchange) -> Iterator[Finding]:
    """The Content-Type of a sound names its format, or says that it is bytes.

    Browsers and telephones choose the decoder by the label; WAV bytes under audio/mpeg stay silent.

    Fix: set the media type by the format that is sent, not by the one that was asked for.
    """
    data, kind = sound(exchange), exchange.answered.content_type
    found = sounds.container(data) if form(exchange) != "pcm" else sounds.wears_container(data)
    if not found and form(exchange) != "pcm":
        raise Absent("told by speech_has_the_format_asked_for")
    if kind not in (*LABELS[found], *ANY_BYTES):
        yield Finding("header content-type", f"{kind} for {found or 'bare samples'}")


@must(SPEECH, on=AUDIO, needs=CONTENT, when=is_speech)
def speech_can_be_played(exchange: Exchange) -> Iterator[Finding]:
    """The sound can be read to its end, and lasts.

    A file of the right kind with nothing in it, or samples cut in the middle, plays as a click.

    Fix: pass bytes on as they are, as binary: text encodings destroy them.
    """
    wanted, data = form(exchange), sound(exchange)
    if wanted == "pcm" and len(data) % sounds.SAMPLE_BYTES:
        yield Finding("body", f"{len(data)} bytes are no whole number of 16-bit samples")
        return
    if wanted != "pcm" and sounds.container(data) != wanted:
        raise Absent("told by speech_has_the_format_asked_for")
    length = sounds.seconds(data, wanted)
    if length is None or length < LEAST_SECONDS:
        yield Finding("body", "its length can't be read" if length is None else f"it plays {length:.3f} s")


def is_samples(exchange: Exchange) -> bool:
    """True for speech whose samples can be looked at one by one."""
    return is_speech(exchange) and form(exchange) in ("wav", "pcm")


@should(OBSERVED, on=AUDIO, needs=CONTENT, when=is_samples)
def speech_is_not_silence(exchange: Exchange) -> Iterator[Finding]:
    """The samples of a sound are not all next to nothing.

    Silence of the right length is how a broken voice looks to everyone but the listener.

    Fix: look into the upstream's answer; retry on another channel.
    """
    data = sound(exchange)
    samples = data if form(exchange) == "pcm" else sounds.samples(data)
    if len(samples) < 2 or len(samples) % 2:
        raise Absent("no samples to look at")
    loudest = max(map(abs, memoryview(samples).cast("h")))
    if loudest < QUIET:
        yield Finding("body", f"the loudest of {len(samples) // 2:,} samples is {loudest} of 32,767")


@should(OBSERVED, on=AUDIO, needs=CONTENT, across=together, when=is_speech)
def longer_text_takes_longer(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """A text three times as long is not read in less time.

    The rest of a text that is cut somewhere on the way was paid for, and nobody hears it.

    Fix: pass `input` on whole; refuse a text that is too long.
    """
    compared = 0
    for brief, long in _pairs(exchanges, "model", "voice", "speed"):
        if len(setting(long, "input")) < max(3 * len(setting(brief, "input")), A_SENTENCE):
            continue
        compared += 1
        short_time, long_time = (length(each) for each in (brief, long))
        if long_time <= short_time:
            letters = f"{len(setting(long, 'input'))} characters play {long_time:.2f} s"
            yield Finding("body", f"{letters}, {len(setting(brief, 'input'))} play {short_time:.2f} s")
    if not compared:
        raise Absent("no two texts of different length")


@should(SPEECH, on=AUDIO, needs=CONTENT, across=together, when=is_speech)
def speed_is_honoured(exchanges: tuple[Exchange, ...]) -> Iterator[Finding]:
    """The same text at speed 2 takes about half the time.

    A speed that has no effect was dropped on the way.

    Fix: pass `speed` on; refuse it where the voice has one speed only.
    """
    compared = 0
    for slow, fast in _pairs(exchanges, "model", "voice", "input"):
        ratio = speed(fast) / speed(slow)
        if ratio < 1.5:
            continue
        compared += 1
        if length(slow) / length(fast) < 1 + (ratio - 1) / 2:
            times = f"{length(slow):.2f} s at speed {speed(slow):g}, {length(fast):.2f} s at speed {speed(fast):g}"
            yield Finding("body", times)
    if not compared:
        raise Absent("no two speeds")


def _pairs(exchanges: tuple[Exchange, ...], *same: str) -> Iterator[tuple[Exchange, Exchange]]:
    """Every two that have these fields in common, the one that is to be shorter or slower before the other."""
    for first, second in itertools.permutations(exchanges, 2):
        if all(setting(first, name) == setting(second, name) for name in same):
            yield first, second


def speed(exchange: Exchange) -> float:
    """The speed that was asked for. Raises Absent when it is no number."""
    try:
        return float(setting(exchange, "speed", "1"))
    except ValueError:
        raise Absent("a speed that is no number") from None


def length(exchange: Exchange) -> float:
    """Seconds of a speech answer. Raises Absent when it can't be measured, or is not of the asked format."""
    data, wanted = sound(exchange), form(exchange)
    found = sounds.seconds(data, wanted)
    wrong = sounds.wears_container(data) if wanted == "pcm" else sounds.container(data) != wanted
    if wrong or not found:
        raise Absent("told by speech_has_the_format_asked_for, or by speech_can_be_played")
    return found


@must(
    SPEECH,
    on=AUDIO,
    relay=SHOULD,
    when=lambda exchange: is_speech(exchange) and setting(exchange, "stream_format") == "sse",
)
def stream_format_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`stream_format: "sse"` gets events.

    The client reads lines, and finds the bytes of a sound.

    Fix: pass stream_format on; refuse it for models that have no such stream.
    """
    if not in_events(exchange) and not not_sound(exchange.answered.decoded):
        yield Finding("body", f"no events, but {len(exchange.answered.decoded)} bytes of sound")


@must(SPEECH_EVENTS, on=AUDIO, when=lambda exchange: in_events(exchange) and not broke_off(exchange))
def stream_ends_when_done(exchange: Exchange) -> Iterator[Finding]:
    """Streamed speech, and a streamed transcription, ends with one event `...done` and begins with something before it.

    The last event says that all was sent; a stream that only stops may have broken off.

    Fix: pass the upstream's last event on; when there is none, report an error instead.
    """
    kinds = [str(event.body.get("type")) for event in exchange.events if event.body]
    done = "speech.audio.done" if is_speech(exchange) else "transcript.text.done"
    if done not in kinds:
        yield Finding("end", f"no {done}; the last event is {kinds[-1] if kinds else 'none'}")
        return
    if kinds.count(done) > 1 or kinds[-1] != done:
        yield Finding("end", f"{kinds.count(done)} times {done}, then {kinds[-1]}")
    if kinds[0] == done and is_speech(exchange):
        yield Finding("start", f"no sound before {done}")


def broke_off(exchange: Exchange) -> bool:
    """True when the stream reports an error."""
    return any(event.body.get("error") for event in exchange.events)


def is_streamed(exchange: Exchange) -> bool:
    """True for a streamed transcription that reports no error."""
    return streams("transcriptions")(exchange) and not broke_off(exchange)


@must(TRANSCRIPTION_EVENTS, on=AUDIO, when=is_streamed)
def deltas_add_up(exchange: Exchange) -> Iterator[Finding]:
    """The pieces of a streamed transcription add up to the text of its last event.

    Live captions are made of the pieces, the record of the last text; a piece that is lost or sent twice makes two
    different records.

    Fix: pass each event on once, in order.
    """
    done = [event.body.get("text") for event in exchange.events if event.body.get("type") == "transcript.text.done"]
    if not done or not isinstance(done[-1], str):
        raise Absent("told by stream_ends_when_done, or by the schema")
    joined = deltas(exchange) if done[-1].strip() else ""
    if _even(joined) != _even(done[-1]):
        yield Finding("/text", f"{shown(done[-1])}, but the pieces say {shown(joined)}")


def _even(text: str) -> str:
    return " ".join(text.split())


@must(
    TRANSCRIPTION_REQUEST,
    on=AUDIO,
    relay=SHOULD,
    when=lambda exchange: endpoint(exchange) == "transcriptions" and setting(exchange, "stream") == "true",
)
def stream_is_honoured(exchange: Exchange) -> Iterator[Finding]:
    """`stream: true` gets a stream of events, from models that can (whisper-1 can't).

    The client reads lines, and finds one object.

    Fix: pass `stream` on, as a form field.
    """
    if in_events(exchange):
        return
    if re.search(r"whisper", model(exchange), re.IGNORECASE):
        raise Absent("whisper does not stream")
    yield Finding("body", f"no events: {shown(exchange.answered.text[:120])}")


@must(TRANSCRIPTION, on=AUDIO, when=writes(*DOCUMENTS))
def document_is_json(exchange: Exchange) -> Iterator[Finding]:
    """The formats json, verbose_json and diarized_json are one JSON object.

    SDKs parse it at once; plain text, or a text in quotation marks, is no object.

    Fix: pass response_format on, and build the object where the upstream has only text.
    """
    try:
        whole = isinstance(exchange.answered.json, dict)
    except Absent:
        whole = False
    if not whole:
        yield Finding("body", f"no JSON object: {shown(exchange.answered.text[:120])}")


@must(TRANSCRIPTION, on=AUDIO, needs=HEADERS, when=writes(*DOCUMENTS))
def document_is_labelled_as_json(exchange: Exchange) -> Iterator[Finding]:
    """The formats json, verbose_json and diarized_json say that they are JSON in their Content-Type.

    SDKs decide by it between an object and a text.

    Fix: send `Content-Type: application/json`.
    """
    kind = exchange.answered.content_type
    exchange.answered.json  # noqa: B018
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Finding("header content-type", f"{kind or 'no media type'} for JSON")


@must(TRANSCRIPTION_REQUEST, on=AUDIO, relay=SHOULD, when=writes("text", "srt", "vtt"))
def text_is_plain(exchange: Exchange) -> Iterator[Finding]:
    """The formats text, srt and vtt are the text itself: no JSON around it, no quotation marks, and labelled as text.

    It is written into files and shown as it is, `{"text": ...}` and all.

    Fix: send the text as text/plain.
    """
    try:
        wrapped = isinstance(exchange.answered.json, dict | list | str)
    except Absent:
        wrapped = False
    if wrapped and not writes("text")(exchange):
        raise Absent("told by subtitles_follow_their_format")
    if wrapped:
        yield Finding("body", f"JSON: {shown(exchange.answered.text[:120])}")
    elif exchange.answered.content_type == "application/json":
        yield Finding("header content-type", "application/json for plain text")


@must(SUBTITLES, on=AUDIO, when=writes("srt", "vtt"))
def subtitles_follow_their_format(exchange: Exchange) -> Iterator[Finding]:
    """srt has blocks numbered from 1 with comma milliseconds; vtt begins with WEBVTT and has points.

    Players refuse the other's marks, and skip what is not numbered.

    Fix: pass the upstream's text on as it is, or write the format by its rules.
    """
    found = cues(exchange)
    if not found.cues and not found.problems and form(exchange) == "srt":
        raise Absent("nothing was said")
    for place, problem in found.problems:
        yield Finding(place, problem)


@must(VERBOSE, on=AUDIO, when=writes("srt", "vtt", "verbose_json", "diarized_json"))
def times_are_in_order(exchange: Exchange) -> Iterator[Finding]:
    """Every segment, word and subtitle ends after it begins, and none begins before the one before it.

    Players show subtitles in their order; one that lies behind is never shown.

    Fix: sort when the answers of several pieces are joined, and add each piece's start to its times.
    """
    judged = 0
    for spans in timed(exchange):
        judged += len(spans)
        before = 0.0
        for place, start, end in spans:
            if end < start:
                yield Finding(place, f"begins at {start:g}, ends at {end:g}")
            elif start < before:
                yield Finding(place, f"begins at {start:g}, the one before it at {before:g}")
            before = max(start, before)
    if not judged:
        raise Absent("no times")


@must(VERBOSE, on=AUDIO, when=writes("verbose_json", "diarized_json"))
def times_lie_within_the_sound(exchange: Exchange) -> Iterator[Finding]:
    """No segment and no word ends more than a second behind `duration`.

    Times in milliseconds, or those of another file, make subtitles that never appear.

    Fix: give seconds, counted from the start of the file.
    """
    duration = exchange.one("/duration", float)
    spans = list(itertools.chain.from_iterable(timed(exchange)))
    if not spans:
        raise Absent("no times")
    for place, _, end in spans:
        if end > duration + SLACK_SECONDS:
            yield Finding(place, f"ends at {end:g}, the sound at {duration:g}")


def timed(exchange: Exchange) -> list[list[tuple[str, float, float]]]:
    """The (place, start, end) of segments, of words, and of subtitles."""
    if form(exchange) in ("srt", "vtt"):
        return [[(cue.place, cue.start, cue.end) for cue in cues(exchange).cues]]
    return [
        [
            (at, float(each["start"]), float(each["end"]))
            for at, each in exchange.find(f"/{kind}/*", dict)
            if is_a(each.get("start"), float) and is_a(each.get("end"), float)
        ]
        for kind in ("segments", "words")
    ]


@should(VERBOSE, on=AUDIO, needs=CONTENT, when=writes("verbose_json", "diarized_json"))
def segments_say_the_text(exchange: Exchange) -> Iterator[Finding]:
    """The segments' texts, joined, are the whole text, white space aside.

    Whoever makes subtitles reads the segments, whoever makes a record the text.

    Fix: join all pieces of a long file in both.
    """
    parts = [text for _, text in exchange.find("/segments/*/text", str)]
    if not parts:
        raise Absent("no segments")
    whole, joined = ("".join(text.split()) for text in (exchange.one("/text", str), "".join(parts)))
    if whole != joined:
        yield Finding("/segments", f"{shown(''.join(parts))} joined, but the text is {shown(exchange.one('/text'))}")


@must(TRANSCRIPTION_REQUEST, on=AUDIO, when=writes("verbose_json", task="transcriptions"))
def granularities_are_honoured(exchange: Exchange) -> Iterator[Finding]:
    """verbose_json has segments, or words, or both, as `timestamp_granularities` asks; segments when it does not ask.

    The times are what the format is for; without them it is json at another price.

    Fix: pass response_format and every timestamp_granularities[] field on.
    """
    wanted = settings(exchange, "timestamp_granularities") or ["segment"]
    if not exchange.one("/text", str).strip() or not is_a(exchange.get("/duration"), float):
        raise Absent("nothing was said, or told by the schema")
    for each in wanted:
        if each in ("segment", "word") and not exchange.get(f"/{each}s", list):
            yield Finding(f"/{each}s", f"{shown(exchange.get(f'/{each}s'))}, though {each} was asked for")


@must(TRANSCRIPTION, on=AUDIO)
def usage_adds_up(exchange: Exchange) -> Iterator[Finding]:
    """Where tokens are counted, `total_tokens` is input and output, and the input's parts are not more than it.

    Buyers are billed from these numbers.

    Fix: pass the upstream's usage on, or recompute all of it.
    """
    usage = _usage(exchange)
    given, made, total = (one(usage, f"/{key}_tokens", int) for key in ("input", "output", "total"))
    if given + made != total:
        yield Finding("/usage/total_tokens", f"{total} is not {given} + {made}")
    parts = [count for _, count in find(usage, "/input_token_details/*", int)]
    if sum(parts) > given:
        yield Finding("/usage/input_token_details", f"{' + '.join(map(str, parts))} is more than {given}")


def _usage(exchange: Exchange) -> dict[str, Any]:
    if not in_events(exchange):
        return dict(exchange.one("/usage", dict))
    told = [event.body["usage"] for event in exchange.events if isinstance(event.body.get("usage"), dict)]
    if not told:
        raise Absent("no usage")
    return dict(told[-1])


@should(VERBOSE, on=AUDIO, when=writes("json", "verbose_json"))
def duration_is_that_of_the_file(exchange: Exchange) -> Iterator[Finding]:
    """`duration`, and the seconds in `usage`, are those of the file that was sent.

    Transcriptions are billed by the second.

    Fix: measure the file that was sent; pass the upstream's figures on.
    """
    told = [(at, exchange.get(at, float)) for at in ("/duration", "/usage/seconds")]
    measured = upload(exchange)
    judged = [(at, seconds) for at, seconds in told if seconds is not None]
    if not judged:
        raise Absent("no duration")
    for at, seconds in judged:
        if abs(seconds - measured) > SLACK_SECONDS + measured * 0.05:
            yield Finding(at, f"{seconds:g} s, but the file plays {measured:.2f} s")


@must(TRANSCRIPTION, on=AUDIO, needs=CONTENT, when=lambda exchange: bool(exchange.expect.get("spoken")))
def speech_is_heard(exchange: Exchange) -> Iterator[Finding]:
    """A file in which somebody speaks is not written down as nothing.

    An empty text with status 200 is how a lost file, or a lost answer, looks.

    Fix: send the file's bytes on whole, with their name and type; treat an empty upstream answer as an error.
    """
    if not text_of(exchange).strip():
        yield Finding("/text", f"nothing, but the file says {shown(exchange.expect['spoken'])}")


@should(OBSERVED, on=AUDIO, needs=CONTENT, when=lambda exchange: bool(exchange.expect.get("read_aloud")))
def spoken_words_are_kept(exchange: Exchange) -> Iterator[Finding]:
    """What the relay reads aloud it can write down again: four words of five are the same.

    Its voice and its ear are then both what they are sold as.

    Fix: look which of the two lost the words: listen to the file.
    """
    spoken, heard = (words(text) for text in (str(exchange.expect["read_aloud"]), text_of(exchange)))
    if not spoken:
        raise Absent("no words")
    if not heard:
        raise Untested("nothing was heard")
    kept = sum((Counter(spoken) & Counter(heard)).values())
    if kept < KEPT_WORDS * len(spoken):
        both = f"{shown(exchange.expect['read_aloud'])} in {shown(text_of(exchange))}"
        yield Finding("/text", f"{kept} of {len(spoken)} words of {both}")


def words(text: str) -> list[str]:
    """The words of a text, in small letters; Chinese and Japanese sign by sign."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+", text.lower().replace("'", ""))


@must(TRANSLATION, on=AUDIO, needs=CONTENT, when=lambda exchange: endpoint(exchange) == "translations")
def translation_is_english(exchange: Exchange) -> Iterator[Finding]:
    """A translation is in English.

    It is the only language this endpoint has; a relay that sends the file to transcriptions answers in the speaker's.

    Fix: send translations to an upstream that translates; refuse them where there is none.
    """
    letters = [letter for letter in text_of(exchange) if letter.isalpha()]
    foreign = sum(ord(letter) > 0x24F for letter in letters)
    odd = sum(ord(letter) > 0x7F for letter in letters)
    if letters and foreign > FOREIGN_LETTERS * len(letters):
        yield Finding("/text", f"not English: {shown(text_of(exchange).strip())}")
    elif len(letters) < FEW_LETTERS or odd > ODD_LETTERS * len(letters):
        raise Untested(f"one can't tell whether {shown(text_of(exchange).strip())} is English")
