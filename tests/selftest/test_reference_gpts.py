"""What is sold through chat, by the reference relay and the official SDK: songs and drawings, and their links."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import httpx
import openai
import pytest
from cases.build import answered, changed, chat

from relayproof import links, pictures, sounds
from relayproof.judge import FAILS, PASSES, judge
from relayproof.probe import MONEY
from relayproof.probes import load as probes
from relayproof.reference import KEY, serving
from relayproof.relay import Key, Limits, Relay
from relayproof.rules import load as rules
from relayproof.session import Run, run
from relayproof.surface import GPTS

SONG = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def sdk(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def ask(sdk: openai.OpenAI, model: str, words: str) -> str:
    answer = sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": words}])
    return answer.choices[0].message.content or ""


def gathered(url: str, models: dict[str, str] | None = None) -> Run:
    wanted = [probe for probe in probes().values() if probe.surface == GPTS or probe.name == "models/listing"]
    return run(Relay(url, Key(KEY), limits=Limits(spend=MONEY), models=models or {}), wanted)


def test_a_drawing_is_a_picture_behind_a_link_that_needs_no_key(sdk: openai.OpenAI) -> None:
    (link,) = links.pictures(ask(sdk, "gpt-4-all", "Draw a red cube."))
    assert pictures.read(httpx.get(link).content) == pictures.Picture("png", 1024, 1024)


def test_a_song_is_two_sounds_under_its_title_and_style(sdk: openai.OpenAI) -> None:
    text = ask(sdk, "suno-v3", "prompt the tide comes in\ntags shanty\ntitle Low Water")
    assert text.startswith("## Low Water\n\n**Style:** shanty")
    songs = links.songs(text)
    assert len(songs) == 2
    assert [sounds.container(httpx.get(song).content) for song in songs] == ["mp3", "mp3"]


def test_an_instrumental_song_has_no_words(sdk: openai.OpenAI) -> None:
    assert ">" in ask(sdk, "suno-v3", "the sea")
    assert ">" not in ask(sdk, "suno-v3", "the sea =1")


def test_a_song_that_does_not_exist_is_a_404(url: str) -> None:
    assert httpx.get(f"{url}/v1/files/songs/none.mp3").status_code == 404


def test_a_picture_behind_an_address_is_looked_at_and_a_gpt_answers_like_any_model(sdk: openai.OpenAI) -> None:
    assert ask(sdk, "gpt-4-all", "https://example.com/a.png Which colour?") == "It is red."
    assert ask(sdk, "gpt-4-gizmo-g-relayproof", "Hi") == "Hello! How can I help?"


def test_every_probe_finds_the_reference_relay_good(url: str) -> None:
    result = gathered(url)
    assert result.left_out == []
    verdicts = judge(result.exchanges, rules().values()).verdicts
    assert [verdict for verdict in verdicts if verdict.outcome is not PASSES] == []
    ours = {name for name in rules() if name.startswith("gpts/")}
    assert {verdict.rule for verdict in verdicts if verdict.rule.startswith("gpts/")} == ours
    followed = [each for each in result.exchanges if each.expect.get("link")]
    assert [each.expect["link"] for each in followed].count("song") == 2
    assert not any(each.request.has("authorization") for each in followed)


def test_no_money_is_spent_where_it_is_not_allowed(url: str) -> None:
    wanted = [probe for probe in probes().values() if probe.surface == GPTS]
    assert run(Relay(url, Key(KEY)), wanted).exchanges == []


def test_a_relay_with_songs_only_is_asked_for_a_song_only(url: str) -> None:
    result = gathered(url, {"gpts": "suno-v3", "gizmo": "suno-v3"})
    assert {each.probe for each in result.exchanges} == {"models/listing", "gpts/suno-sings"}


def test_a_wildcard_in_the_list_becomes_a_gpt_that_everybody_can_use() -> None:
    relay = Relay("http://relay.invalid", models={"gpts": "gpt-4-gizmo-*"})
    (call,) = list(probes()["gpts/gizmo-answers"].run(relay))
    assert call.json["model"] == "gpt-4-gizmo-g-2fkFE8rbu"


def test_links_that_lead_on_are_followed_a_few_steps_and_only_where_it_is_allowed() -> None:
    relay = Relay("http://127.0.0.1:9", models={"gpts": "suno-v3"})
    here = f"http://127.0.0.1:9/{SONG}.mp3"
    assert asked(relay, here, here) == ["/v1/chat/completions", here, here, here]
    assert asked(relay, f"https://cdn.example/{SONG}.mp3", here) == ["/v1/chat/completions"]
    assert asked(relay, here, "https://cdn.example/a.mp3") == ["/v1/chat/completions", here]
    assert len(asked(replace(relay, pictures=True), here, "https://cdn.example/a.mp3")) == 4


def asked(relay: Relay, link: str, leads_to: str) -> list[str]:
    """The paths that the song's probe asks, where the song lies behind `link` and every link is a redirect."""
    song = changed(chat(model="suno-v3"), "/choices/0/message/content", f"[song]({link})")
    moved = answered(song, b"", status=302, headers=(("location", leads_to),))
    steps = probes()["gpts/suno-sings"].run(relay)
    paths = [next(steps).path]
    with contextlib.suppress(StopIteration):
        while True:
            paths.append(steps.send(moved if len(paths) > 1 else song).path)
    return paths


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_dead_link_fails_and_one_that_leads_on_is_judged_where_it_ends(url: str, status: int) -> None:
    end = next(each for each in gathered(url).exchanges if each.expect.get("link") == "song")
    dead = replace(end, response=replace(end.answered, status=status))
    moved = replace(end, response=replace(end.answered, status=302, headers=(("location", "/x.mp3"),)))
    rule = rules()["gpts/link-leads-to-what-was-bought"]
    assert [verdict.outcome for verdict in judge((dead,), [rule]).verdicts] == [FAILS]
    assert [verdict.exchanges for verdict in judge((moved, end), [rule]).verdicts] == [(end.id,)]
