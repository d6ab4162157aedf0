"""The official SDKs: what they ask, what they make of answers, and that each works against the reference relay."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cases.build import answered, chat

from relayproof import runs, sdk
from relayproof.exchange import Exchange
from relayproof.judge import FAILS, PASSES, UNTESTED, judge
from relayproof.probe import Call
from relayproof.probes import load as probes
from relayproof.probes.samples import WEATHER, data_url, png
from relayproof.reference import KEY, serving
from relayproof.relay import Key, Limits, Relay
from relayproof.rule import Finding, Untested
from relayproof.rules import load as rules
from relayproof.session import Run, run
from relayproof.surface import CLIENTS
from relayproof.wire.client import Client
from relayproof.wire.scrub import Scrubber

QUESTION: list[Any] = [{"role": "user", "content": "Hi"}]
ASKED = {"model": "gpt-4o-mini", "messages": QUESTION}
READS = "clients/sdk-reads-the-answer"
AGENTS = {"openai": "OpenAI/Python", "anthropic": "Anthropic/Python", "google-genai": "google-genai-sdk"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def gathered(url: str) -> Run:
    wanted = [probe for probe in probes().values() if CLIENTS in (probe.surface,) or probe.name == "models/listing"]
    return run(Relay(url, Key(KEY)), wanted)


@pytest.fixture
def sdkless(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", no_such)


def test_the_openai_sdk_works_with_a_base_url_that_ends_with_v1(url: str) -> None:
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        whole = client.chat.completions.create(**ASKED)  # type: ignore[call-overload]
        with client.chat.completions.create(**ASKED, stream=True) as chunks:  # type: ignore[call-overload]
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert whole.choices[0].message.content == streamed == "Hello! How can I help?"
        assert "gpt-4o-mini" in [model.id for model in client.models.list()]


def test_the_openai_sdk_works_without_v1_in_no_way_but_a_clear_404(url: str) -> None:
    import openai

    with (
        openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="Invalid URL"),
    ):
        client.chat.completions.create(**ASKED)  # type: ignore[call-overload]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-3-5-haiku"])
def test_the_openai_sdk_shows_a_picture_to_any_model(url: str, model: str) -> None:
    import openai

    parts = [{"type": "text", "text": "Which?"}, {"type": "image_url", "image_url": {"url": data_url(png())}}]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])  # type: ignore[list-item,misc]
    assert answer.choices[0].message.content == "It is red."


def test_the_openai_sdk_raises_what_belongs_to_a_wrong_key(url: str) -> None:
    import openai

    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def test_the_anthropic_sdk_works_whole_and_streamed(url: str) -> None:
    import anthropic

    asked: dict[str, Any] = {"model": "claude-3-5-haiku", "max_tokens": 64, "messages": QUESTION}
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as events:
            streamed = events.get_final_message()
    assert whole.content[0].text == streamed.content[0].text == "Hello! How can I help?"  # type: ignore[union-attr]
    assert whole.usage.output_tokens == streamed.usage.output_tokens


def test_the_google_sdk_works_whole_and_streamed(url: str) -> None:
    from google import genai

    client = genai.Client(api_key=KEY, vertexai=False, http_options={"base_url": url, "api_version": "v1beta"})  # type: ignore[arg-type]
    whole = client.models.generate_content(model="gemini-2.0-flash", contents="Hi")
    streamed = client.models.generate_content_stream(model="gemini-2.0-flash", contents="Hi")
    assert whole.text == "".join(chunk.text or "" for chunk in streamed) == "Hello! How can I help?"
    client.close()


def test_every_call_of_every_sdk_is_asked_once_and_read(gathered: Run) -> None:
    asked = [each for each in gathered.exchanges if each.probe.startswith(CLIENTS)]
    assert {(each.expect["sdk"], each.expect["call"]) for each in asked} == set(sdk.USES)
    assert len(asked) == 11
    assert gathered.left_out == []
    verdicts = judge(gathered.exchanges, rules().values()).verdicts
    assert [verdict.rule for verdict in verdicts if verdict.outcome is not PASSES] == []
    read = [verdict.probe for verdict in verdicts if verdict.rule == READS]
    assert sorted(read) == sorted(each.probe for each in asked if each.probe != "clients/openai-without-v1")


def test_a_request_is_the_sdks_own_and_its_key_is_the_users(gathered: Run) -> None:
    for each in gathered.exchanges:
        if each.probe.startswith(CLIENTS):
            agents = [value for name, value in each.request.headers if name.lower() == "user-agent"]
            assert len(agents) == 1
            assert agents[0].startswith(AGENTS[each.expect["sdk"]])
            assert sdk.KEY not in repr(each)
            assert each.status in (200, 404)


def test_what_the_machines_environment_tells_an_sdk_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: sk-secret")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    asked = [
        sdk.ask(sdk.OPENAI, sdk.CREATE, ASKED),
        sdk.ask(sdk.ANTHROPIC, sdk.MESSAGE, ASKED | {"max_tokens": 8}),
        sdk.ask(sdk.GOOGLE, sdk.GENERATE, {"model": "gemini-2.0-flash", "contents": "Hi"}),
    ]
    assert "secret" not in repr(asked)
    assert [each.path for each in asked][2] == "/v1beta/models/gemini-2.0-flash:generateContent"


def test_the_key_stands_where_the_sdk_puts_it() -> None:
    google = sdk.ask(sdk.GOOGLE, sdk.GENERATE, {"model": "m", "contents": "Hi"})
    assert (sdk.ask(sdk.OPENAI, sdk.LIST, {}).auth, google.auth) == ("bearer", "x-goog-api-key")


def test_an_sdks_headers_take_the_place_of_ours_whatever_their_case(url: str) -> None:
    with Client(Relay(url, Key(KEY))) as client:
        sent = client.send(
            Call("GET", "/v1/models", headers={"user-agent": "google-genai-sdk/3", "accept": "text/plain"})
        )
    named = [(name, value) for name, value in sent.request.headers if name.lower() in ("user-agent", "accept")]
    assert named == [("user-agent", "google-genai-sdk/3"), ("accept", "text/plain")]


def test_a_body_in_bytes_is_counted_against_the_budget_like_any_other() -> None:
    asked = sdk.ask(sdk.OPENAI, sdk.CREATE, ASKED | {"max_tokens": 64})
    assert Call("POST", asked.path, body=asked.body).most_tokens > 64
    assert Call("POST", asked.path, body=b'{"mes').most_tokens == 0


@pytest.mark.usefixtures("sdkless")
def test_without_the_sdks_every_probe_of_theirs_is_left_out_with_the_reason(url: str) -> None:
    wanted = [probe for probe in probes().values() if probe.surface in (CLIENTS, "models")]
    result = run(Relay(url, Key(KEY)), wanted)
    left = [each for each in result.left_out if each.surface == CLIENTS]
    assert len(left) == 11
    assert {each.outcome for each in left} == {UNTESTED}
    assert "the openai SDK is not installed: pip install 'relayproof[sdk]'" in {each.reason for each in left}


@pytest.mark.usefixtures("sdkless")
def test_without_the_sdk_a_recorded_answer_is_untested_and_not_good() -> None:
    given = replace(chat(), expect={"sdk": "openai", "call": sdk.CREATE})
    verdicts = judge((given,), [rules()[READS]]).verdicts
    assert [(each.outcome, "not installed" in each.reason) for each in verdicts] == [(UNTESTED, True)]


def test_arguments_that_the_installed_sdk_does_not_know_are_untested() -> None:
    with pytest.raises(Untested, match="could not make the request"):
        sdk.ask(sdk.OPENAI, sdk.CREATE, {"modle": "gpt-4o-mini"})


def test_a_replay_gives_the_verdicts_of_the_run(gathered: Run, tmp_path: Path) -> None:
    live = judge(gathered.exchanges, rules().values()).verdicts
    runs.record(gathered, tmp_path / "cassette", Scrubber([KEY]))
    again = runs.replay(tmp_path / "cassette").verdicts
    assert [each for each in again if each.rule.startswith(CLIENTS)] == [
        each for each in live if each.rule.startswith(CLIENTS)
    ]
    assert not any(KEY.encode() in file.read_bytes() for file in (tmp_path / "cassette").rglob("*.*"))


def test_what_the_sdk_reads_differently_is_named(gathered: Run) -> None:
    stream = next(each for each in gathered.exchanges if each.probe == "clients/anthropic-stream")
    quiet = stream.answered.body.replace(b"event: message_delta\n", b"")
    (verdict,) = judge((answered(stream, quiet),), [rules()[READS]]).verdicts
    assert verdict.outcome is FAILS
    assert Finding("finish_reason", 'the anthropic SDK reads null, not "end_turn"') in verdict.findings


def test_an_answer_that_only_the_schema_can_speak_of_makes_no_verdict() -> None:
    given = replace(
        answered(chat(), {"choices": [{"message": {"content": 5}}]}), expect={"sdk": "openai", "call": sdk.CREATE}
    )
    assert judge((given,), [rules()[READS]]).verdicts == []


def test_a_tool_call_is_read_as_it_stands_on_the_wire(gathered: Run) -> None:
    call: Exchange = next(each for each in gathered.exchanges if each.probe == "clients/openai-streamed-tools")
    assert sdk.read(sdk.OPENAI, sdk.CREATE, call)["tool_calls"] == [(WEATHER["function"]["name"], '{"city": "Paris"}')]


def test_the_plan_asks_no_sdk_how_dear_a_probe_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "ask", None)
    relay = Relay("http://relay.invalid", limits=Limits())
    assert all(probe.most_tokens(relay) <= 200 for probe in probes().values() if probe.surface == CLIENTS)


def test_no_probe_can_cost_more_than_it_says() -> None:
    relay = Relay("http://127.0.0.1:9", models={"*": "gpt-4o-mini"})
    for probe in probes().values():
        if probe.surface == CLIENTS:
            assert all(call.most_tokens <= probe.most_tokens(relay) for call in [next(probe.run(relay))]), probe.name
