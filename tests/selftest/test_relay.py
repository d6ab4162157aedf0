"""The relay under test and its settings: what relayproof.toml may say, and what each mistake in it is told as."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from relayproof.probe import MONEY
from relayproof.relay import BadSetting, Key, KnownDeviation, Limits, Relay, Timeouts, normal_url, settings

KEY = "sk-proj-9fQ2hWm4ZbX7cV1nL8tR5yKe3aUo6jDs"
WHOLE = """
[relay]
url = "http://127.0.0.1:3000/v1/"
profile = "openai"
offers = ["chat", "chat_stream"]
dialect = "plus"
rules = ["my_rules.py"]
notify = "https://hooks.example/x"

[models]
chat = "gpt-4o-mini"
"*" = "gpt-4o"

[headers]
X-Team = "blue"

[paths]
"/mj" = "/fast/mj"

[limits]
requests = 45
spend = "money"

[timeouts]
gap = 1.5

[[known]]
rule = "chat/*"
reason = "the vendor knows"
until = 2027-01-31
model = "claude-*"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "relayproof.toml"
    path.write_text(text, "utf-8")
    return path


def test_every_setting_is_read(tmp_path: Path) -> None:
    assert settings(written(tmp_path, WHOLE)) == {
        "url": "http://127.0.0.1:3000",
        "profile": "openai",
        "offers": frozenset({"chat", "chat_stream"}),
        "dialect": "plus",
        "rules": (str(tmp_path / "my_rules.py"),),
        "notify": "https://hooks.example/x",
        "models": {"chat": "gpt-4o-mini", "*": "gpt-4o"},
        "headers": {"X-Team": "blue"},
        "paths": {"/mj": "/fast/mj"},
        "limits": Limits(requests=45, spend=MONEY),
        "timeouts": Timeouts(gap=1.5),
        "known": (KnownDeviation("chat/*", "the vendor knows", until=datetime.date(2027, 1, 31), model="claude-*"),),
    }


def test_settings_are_keywords_of_a_relay(tmp_path: Path) -> None:
    relay = Relay(key=Key(KEY), **settings(written(tmp_path, WHOLE)))
    assert relay.name == "127.0.0.1:3000"


def test_a_byte_order_mark_before_the_settings_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf[relay]\ndialect = 'mjp'\n")
    assert settings(tmp_path / "x.toml")["dialect"] == "mjp"


def test_an_empty_file_sets_nothing_but_defaults(tmp_path: Path) -> None:
    found = settings(written(tmp_path, ""))
    assert (found["limits"], found["timeouts"], found["known"]) == (Limits(), Timeouts(), ())
    assert "url" not in found


BAD = [
    ("[relay", "", "can't be read"),
    ("[relais]\nurl = 1", "[relais]", "no such table"),
    ("relay = 7", "relay", "7"),
    ("[relay]\nurls = 1", "relay.urls", "no such setting"),
    ('[relay]\nurl = "ftp://127.0.0.1"', "relay.url", "ftp://127.0.0.1"),
    ('[relay]\nurl = "http://[::1"', "relay.url", "Invalid IPv6 URL"),
    ('[relay]\nurl = "http://me:pass@127.0.0.1"', "relay.url", "user name or password"),
    ("[relay]\nurl = 7", "relay.url", "7"),
    ('[relay]\nprofile = "strict"', "relay.profile", "'strict'"),
    ('[relay]\nprofile = ["relay"]', "relay.profile", "['relay']"),
    ('[relay]\ndialect = "mj"', "relay.dialect", "'mj'"),
    ('[relay]\noffers = ["chat", "chta"]', "relay.offers", "'chta'"),
    ('[relay]\noffers = "chat"', "relay.offers", "'chat'"),
    ("[relay]\noffers = 7", "relay.offers", "7"),
    ("[relay]\nrules = 7", "relay.rules", "7"),
    ("[relay]\nrules = [7]", "relay.rules", "7"),
    ("[relay]\nnotify = 7", "relay.notify", "7"),
    ("[models]\nchat = 7", "models.chat", "7"),
    ('[headers]\nX = "a\\nb"', "headers.X", "a\\nb"),
    ('[headers]\nX = "é"', "headers.X", "é"),
    ('[headers]\n"X Y" = "a"', "headers.X Y", "can't stand"),
    ("[paths]\n'/mj' = 1", "paths./mj", "1"),
    ("[limits]\nrequests = -1", "limits.requests", "-1"),
    ("[limits]\nrequests = 1.5", "limits.requests", "1.5"),
    ('[limits]\nrequests = "many"', "limits.requests", "'many'"),
    ("[limits]\nrequests = true", "limits.requests", "True"),
    ('[limits]\nspend = "euros"', "limits.spend", "'euros'"),
    ("[limits]\nmoney = 1", "limits.money", "no such setting"),
    ("[timeouts]\nsilence = 1", "timeouts.silence", "no such setting"),
    ("[known]\nrule = 'x'", "known", "{'rule': 'x'}"),
    ("known = ['x']", "known[0]", "'x'"),
    ("[[known]]\nreason = 'x'", "known[0].rule", "is needed"),
    ("[[known]]\nrule = 'x'", "known[0].reason", "is needed"),
    ("[[known]]\nrule = 'x'\nreason = ''", "known[0].reason", "is needed"),
    ("[[known]]\nrule = 'x'\nreason = 'y'\nuntil = 'soon'", "known[0].until", "'soon'"),
    ("[[known]]\nrule = 'x'\nreason = 'y'\nuntil = 2027-01-31T00:00:00", "known[0].until", "datetime"),
    ("[[known]]\nrule = 'x'\nreason = 'y'\nmodel = 7", "known[0].model", "7"),
    ("[[known]]\nrule = 'x'\nreason = 'y'\nwhy = 'z'", "known[0].why", "no such setting"),
]


@pytest.mark.parametrize(("text", "place", "told"), BAD, ids=[place or "syntax" for _, place, _ in BAD])
def test_a_mistake_is_one_line_with_file_place_and_value(tmp_path: Path, text: str, place: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadSetting) as caught:
        settings(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: {place}")
    assert told in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"nothing\.toml: can't be read"):
        settings(tmp_path / "nothing.toml")


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe[relay]")
    with pytest.raises(BadSetting, match=r"x.toml: can't be read"):
        settings(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("http://127.0.0.1:3000/v1", "http://127.0.0.1:3000"),
        ("http://127.0.0.1:3000/v1/", "http://127.0.0.1:3000"),
        ("https://relay.example/openai/v1/chat/completions", "https://relay.example/openai"),
        ("https://relay.example/v1?x=1", "https://relay.example"),
    ],
)
def test_a_base_url_is_brought_to_one_form(given: str, url: str) -> None:
    assert normal_url(given) == url


@pytest.mark.parametrize("given", ["127.0.0.1:3000", "localhost", "", "ftp://x", "http://", "http://a:b@c"])
def test_what_is_no_base_url_is_refused(given: str) -> None:
    with pytest.raises(BadSetting, match=r"^URL: "):
        normal_url(given)


def test_the_key_is_in_no_repr() -> None:
    relay = Relay("http://127.0.0.1", Key(KEY))
    for text in (repr(relay), str(relay), repr(relay.key), f"{relay.key}", repr(vars(relay))):
        assert KEY not in text
    assert relay.key.reveal() == KEY


def test_a_key_is_true_when_there_is_one() -> None:
    assert (bool(Key(KEY)), bool(Key()), bool(Key(" \n"))) == (True, False, False)


def test_space_around_a_key_is_not_part_of_it() -> None:
    assert Key(f" {KEY}\r\n").reveal() == KEY


@pytest.mark.parametrize("key", ["sk-ключ-0123456789", "sk-0123\n4567", "sk-0123\x004567"])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Key(key)
    assert "key" in str(caught.value)
    assert "0123" not in str(caught.value)


def test_a_path_is_put_behind_the_relays_own_prefix() -> None:
    relay = Relay("http://127.0.0.1", paths={"/mj": "/fast/mj"})
    assert relay.address("/mj/submit/imagine") == "http://127.0.0.1/fast/mj/submit/imagine"
    assert relay.address("/v1/models") == "http://127.0.0.1/v1/models"


def test_the_general_model_stands_in_for_every_surface() -> None:
    relay = Relay("http://127.0.0.1", models={"chat": "a", "*": "b"})
    assert (relay.model("chat"), relay.model("images"), Relay("http://127.0.0.1").model("chat")) == ("a", "b", "")


def test_a_surface_is_claimed_only_in_so_many_words() -> None:
    assert not Relay("http://127.0.0.1").claims("chat")
    assert Relay("http://127.0.0.1", offers=frozenset({"chat"})).claims("chat")
