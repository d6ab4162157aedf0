"""No secret passes the scrubber, lengths stay, and what the relay gave away is told."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproof.wire.scrub import MASKED, SECRET_HEADERS, Scrubber, mask, tidy

KEY = "sk-proj-9fQ2hWm4ZbX7cV1nL8tR5yKe3aUo6jDs"
OTHER = "AIzaSyD3x4mpl3K3yN0tR34l0123456789abcd"
SCRUBBER = Scrubber([KEY, OTHER, "", "abc"])


def test_a_key_is_masked_wherever_it_stands() -> None:
    for text in (
        SCRUBBER.text(f"Incorrect key {KEY}."),
        SCRUBBER.body(f'{{"m": "{KEY}"}}'.encode()).decode(),
        SCRUBBER.url(f"/v1/x?a={KEY}&b=1"),
        str(SCRUBBER.headers([("x-echo", f"Bearer {KEY}")])),
    ):
        assert KEY not in text
        assert "sk-xxx" in text or MASKED in text


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_lengths_stay_as_they_were(before: bytes, after: bytes) -> None:
    body = before + KEY.encode() + after
    assert len(SCRUBBER.body(body)) == len(body)
    assert KEY.encode() not in SCRUBBER.body(body)


@pytest.mark.parametrize("key", ["sk-12345678", "x" * 4, KEY])
def test_a_mask_is_as_long_as_its_key_and_is_not_it(key: str) -> None:
    assert len(mask(key)) == len(key)
    assert mask(key) != key


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_headers_where_keys_sit_are_masked_whoever_sent_them(name: str) -> None:
    assert SCRUBBER.headers([(name.title(), "some-foreign-secret")]) == ((name.title(), MASKED),)


def test_of_a_bearer_the_word_stays() -> None:
    assert SCRUBBER.headers([("Authorization", f"Bearer {KEY}")]) == (("Authorization", f"Bearer {MASKED}"),)


def test_other_headers_stay() -> None:
    assert SCRUBBER.headers([("x-a", "1"), ("x-a", "2")]) == (("x-a", "1"), ("x-a", "2"))


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "token"])
def test_keys_in_a_query_are_masked_whoevers_they_are(name: str) -> None:
    assert SCRUBBER.url(f"/v1beta/x?alt=sse&{name}=foreign&z=1") == f"/v1beta/x?alt=sse&{name}={MASKED}&z=1"


def test_short_secrets_are_left_alone() -> None:
    assert SCRUBBER.text("abc") == "abc"


def test_the_longer_of_two_secrets_goes_first() -> None:
    scrubber = Scrubber(["sk-12345678", "sk-12345678-and-more"])
    assert "and-more" not in scrubber.text("sk-12345678-and-more")


def test_what_the_relay_gave_away_is_told_by_place() -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    assert SCRUBBER.leaks([("x-echo", KEY), ("x-a", "1")], KEY.encode()) == ("header x-echo", "body")
    assert SCRUBBER.leaks([], f"Key Hash: {digest}".encode()) == ("body",)
    assert SCRUBBER.leaks([("x-a", "1")], b"fine") == ()


def test_its_own_repr_is_safe() -> None:
    assert KEY not in repr(SCRUBBER)


@pytest.mark.parametrize("key", [KEY, "sk-ant-api03-" + "a" * 20, OTHER, "gsk_" + "b" * 20, "xai-" + "c" * 20])
def test_whatever_looks_like_a_key_is_tidied_away(key: str) -> None:
    assert key not in tidy(f"curl -H 'Authorization: Bearer {key}'")
    assert tidy("a plain sentence about sk-learn") == "a plain sentence about sk-learn"
