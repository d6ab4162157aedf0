"""What is asked of the models that sell something else through chat: the -all models, GPTs, and Suno in chat form.

Each request is paid for as a whole, whatever its tokens, and may take minutes. Links in an answer are followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urljoin

from relayproof import links
from relayproof.exchange import Exchange
from relayproof.offers import GIZMO, SONGS
from relayproof.pointer import get
from relayproof.probe import MONEY, Call, Run, probe
from relayproof.probes import chat
from relayproof.probes.midjourney import may_fetch
from relayproof.probes.samples import user
from relayproof.probes.tasks import known
from relayproof.relay import Relay
from relayproof.surface import CHAT, CHAT_STREAM, GPTS

PICTURE = "https://www.w3.org/Icons/w3c_home.png"
ANY_GPT = "g-2fkFE8rbu"
PATIENCE = 4.0
HOPS = 2
TOKENS = 1_000


def ask(relay: Relay, model: str, words: str, *, stream: bool = False) -> Call:
    """A chat request without a token limit: these models are known to ignore it, and a song cut off is none."""
    call = chat.ask(relay, user(words), surface=CHAT_STREAM if stream else CHAT, model=model, expect=known(relay, GPTS))
    body = {key: value for key, value in call.json.items() if key != "max_tokens"}
    return replace(call, json=body, patience=PATIENCE)


def named(relay: Relay, fits: Callable[[str], bool]) -> str:
    """The relay's model of a kind, with a public GPT in place of a wildcard; "" when it has none."""
    models = (relay.model(name) for name in (GPTS, GIZMO, SONGS))
    return next((model.replace("*", ANY_GPT) for model in models if model and fits(model)), "")


def is_all(model: str) -> bool:
    """True for a model that is neither a GPT nor a singer."""
    return not links.is_gizmo(model) and not links.sings(model)


@probe(GPTS, spend=MONEY, basic=True, tokens=TOKENS)
def all_looks(relay: Relay) -> Run:
    """A picture's address in the text, and a question about it."""
    model = named(relay, is_all)
    if model:
        yield ask(relay, model, f"{PICTURE} What do you see in this picture? One sentence.")


@probe(GPTS, spend=MONEY, requests=2 + HOPS, tokens=TOKENS)
def all_draws(relay: Relay) -> Run:
    """A drawing, as a stream, and the picture behind its link."""
    model = named(relay, is_all)
    if model:
        answer = yield ask(relay, model, "Draw a red cube on a white table.", stream=True)
        yield from followed(relay, links.pictures(said(answer))[:1], links.PICTURE)


@probe(GPTS, spend=MONEY, tokens=TOKENS)
def gizmo_answers(relay: Relay) -> Run:
    """A short question to a GPT."""
    model = named(relay, links.is_gizmo)
    if model:
        yield ask(relay, model, "Say hello in one short sentence.")


@probe(GPTS, spend=MONEY, requests=1 + 2 * (1 + HOPS), tokens=TOKENS)
def suno_sings(relay: Relay) -> Run:
    """A song by its description, as a stream, and the sound behind the links of the songs."""
    model = named(relay, links.sings)
    if model:
        answer = yield ask(relay, model, "A short cheerful tune about the sea.", stream=True)
        yield from followed(relay, links.songs(said(answer))[:2], links.SONG)


def said(answer: Exchange) -> str:
    """The text of an answer; "" when there is none."""
    document = answer.json if answer.succeeded else None
    return str(get(document, "/choices/0/message/content", str, ""))


def followed(relay: Relay, urls: list[str], kind: str) -> Run:
    """Ask for what the links promise, and where they lead on."""
    for url in urls:
        yield from _hops(relay, url, kind)


def _hops(relay: Relay, url: str, kind: str) -> Run:
    for _ in range(1 + HOPS):
        if not may_fetch(url, relay):
            return
        answer = yield Call("GET", url, key="none", expect=known(relay, GPTS, link=kind), patience=PATIENCE)
        if not (300 <= answer.status < 400 and answer.answered.header("location")):
            return
        url = urljoin(url, answer.answered.header("location"))
