"""From what the user said to a relay and its probes: what the two faces share. Nothing here prints or asks.

What can't be used is refused here, before anything is sent: BadOption, one line, without the value of any secret.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from relayproof.probe import Probe
    from relayproof.relay import Key, Relay
    from relayproof.session import Run

KEY_VARIABLE = "RELAYPROOF_API_KEY"
SETTINGS = Path("relayproof.toml")
REFERENCE = "reference"
NOWHERE = "http://127.0.0.1"
VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
CARRY_A_KEY = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "x-auth-token", "mj-api-secret")
)
KEY_REFUSED = (
    "a key on the command line can be read by every user of this machine (ps, shell history); "
    f"put it into the environment variable {KEY_VARIABLE}, or name another with --key-env"
)


class BadOption(ValueError):
    """An option, setting or file that can't be used."""


@dataclass(frozen=True)
class Options:
    """What the user said of the relay; None where nothing was said.

    url: "reference" is the embedded relay, whatever relayproof.toml says. only: surfaces with commas between them.
    header: `Name: value` each. config: a settings file in place of relayproof.toml in this folder.
    """

    url: str | None = None
    key_env: str = KEY_VARIABLE
    profile: str | None = None
    only: str | None = None
    model: str | None = None
    header: tuple[str, ...] = ()
    spend: str | None = None
    max_requests: int | None = None
    config: Path | None = None


@dataclass(frozen=True)
class Target:
    """The relay to ask, and the surfaces that were chosen (none: all that it offers).

    embedded: it is the reference relay. notes: sentences for the user, before anything is sent.
    """

    relay: Relay
    only: frozenset[str] = frozenset()
    embedded: bool = False
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def target(options: Options, *, serve: bool = True, file: bool = True) -> Iterator[Target]:
    """The relay that the options and the settings file describe; without a URL the reference relay, served meanwhile.

    serve: False when nothing is to be sent. file: False to leave the settings file in this folder alone. Raises
    BadOption, also for a BadSetting that the user of this context meets.
    """
    from relayproof.relay import BadSetting

    try:
        if not VARIABLE.fullmatch(options.key_env):
            raise BadOption("--key-env takes the name of an environment variable, never the key itself")
        only = surfaces(options.only)
        given = _given(options, only, file)
        if given.get("url"):
            yield _chosen(_keyed(_relay(given, key(options.key_env)), only, options.key_env))
        else:
            with _reference(given, serve) as relay:
                yield _chosen(Target(relay, only, embedded=True))
    except BadSetting as error:
        raise BadOption(str(error)) from None


def upstream(target: Target, url: str, key_env: str) -> Target:
    """What a relay fronts, to be asked the same: its own address and key, without the relay's headers and prefixes."""
    relay = replace(target.relay, url=_url(url), key=key(key_env), headers={}, paths={})
    return _keyed(relay, target.only, key_env)


def _keyed(relay: Relay, only: frozenset[str], variable: str) -> Target:
    keyless = f"no key: the environment variable {variable} is empty; asking without one"
    return Target(relay, only, notes=() if relay.key else (keyless,))


@contextlib.contextmanager
def _reference(given: dict[str, Any], serve: bool) -> Iterator[Relay]:
    from relayproof.probe import MONEY
    from relayproof.reference import KEY, serving
    from relayproof.relay import Key

    with serving() if serve else contextlib.nullcontext(NOWHERE) as url:
        yield _relay({"spend": MONEY} | given | {"url": url}, Key(KEY))


def _relay(given: dict[str, Any], key: Key) -> Relay:
    from relayproof.relay import Limits, Relay

    limits = given.pop("limits", Limits())
    changes = {name: given.pop(name) for name in ("spend", "requests") if name in given}
    return Relay(key=key, limits=replace(limits, **changes), **given)


def _given(options: Options, only: frozenset[str], file: bool) -> dict[str, Any]:
    """Keywords for a Relay: the settings file first, then the options over it."""
    from relayproof.probe import Spend

    found = _settings(options, file)
    found["headers"] = dict(found.get("headers", {})) | dict(header(each) for each in options.header)
    if options.url is not None:
        found["url"] = "" if options.url == REFERENCE else _url(options.url)
    if options.profile:
        found["profile"] = options.profile
    if options.model is not None and not options.model.strip():
        raise BadOption("--model names no model")
    if options.model:
        found["models"] = dict(found.get("models", {})) | {"*": options.model}
    if options.spend:
        found["spend"] = Spend[options.spend.upper()]
    if options.max_requests:
        found["requests"] = options.max_requests
    if only:
        found["offers"] = only
    return found


def _settings(options: Options, file: bool) -> dict[str, Any]:
    from relayproof.relay import settings

    if options.config:
        return settings(options.config)
    return settings(SETTINGS) if file and options.url != REFERENCE and SETTINGS.exists() else {}


def _url(text: str) -> str:
    from relayproof.relay import normal_url

    try:
        return normal_url(text)
    except ValueError as error:
        raise BadOption(f"URL: {str(error).removeprefix('URL: ')}") from None


def surfaces(names: str | None, option: str = "--only") -> frozenset[str]:
    """The surfaces of `a,b`; none for None. Raises BadOption."""
    from relayproof.surface import SURFACES

    chosen = [name.strip().replace("-", "_") for name in (names or "").split(",") if name.strip()]
    if names is not None and not chosen:
        raise BadOption(f"{option} names no surface; there are {', '.join(SURFACES)}")
    for name in chosen:
        if name not in SURFACES:
            raise BadOption(f"{option}: {name!r} is no surface; there are {', '.join(SURFACES)}")
    return frozenset(chosen)


def header(text: str) -> tuple[str, str]:
    """(name, value) of `Name: value`. Raises BadOption, for a header that carries a key as well."""
    from relayproof.relay import OF_THE_WIRE, fits_a_header
    from relayproof.wire.scrub import LOOKS_SECRET

    name, colon, value = (part.strip() for part in text.partition(":"))
    if name.lower() in CARRY_A_KEY or LOOKS_SECRET.search(text):
        raise BadOption(f"--header: {KEY_REFUSED}")
    if not colon or not HEADER.fullmatch(name):
        raise BadOption("--header is to be of the form Name: value")
    if name.lower() in OF_THE_WIRE:
        raise BadOption(f"--header: {name} is set by the client itself")
    if not fits_a_header(value):
        raise BadOption(f"--header: the value of {name} can't stand in an HTTP header")
    return name, value


def key(variable: str) -> Key:
    """The key in an environment variable, empty when there is none. Raises BadOption, without showing it."""
    from relayproof.relay import BadSetting, Key

    value = os.environ.get(variable, "").strip()
    if " " in value:
        raise BadOption(f"the key in {variable} holds a space; give the key alone, without `Bearer`")
    try:
        return Key(value)
    except BadSetting as error:
        raise BadOption(f"{error} (from {variable})") from None


def probes(target: Target) -> list[Probe]:
    """The probes to send, in the order of the surfaces: within the spend, and of the chosen surfaces.

    The model list is asked for whenever no model was named, since a probe needs one.
    """
    from relayproof.probes import load
    from relayproof.surface import MODELS, SURFACES

    relay, only = target.relay, target.only
    order = {surface: number for number, surface in enumerate(SURFACES)}
    wanted = [
        probe
        for probe in load().values()
        if probe.spend <= relay.limits.spend
        and (not only or probe.surface in only or (probe.surface == MODELS and probe.basic and not relay.models))
    ]
    return sorted(wanted, key=lambda probe: order[probe.surface])


def unasked(run: Run, only: frozenset[str]) -> list[str]:
    """Notes on what a run did not ask for, since the settings do not allow it."""
    return dear(run.relay, only) + elsewhere(run)


def dear(relay: Relay, only: frozenset[str]) -> list[str]:
    """A note on what the relay serves and was not asked for, since it costs more than the user allows."""
    from relayproof.probes import load

    limit = relay.limits.spend
    served = [each for each in load().values() if relay.model(each.surface) and (not only or each.surface in only)]
    costly = {each.surface for each in served if each.spend > limit}
    cheap = {each.surface for each in served if each.spend <= limit and not each.negative}
    names = [*sorted(costly - cheap), *(f"parts of {surface}" for surface in sorted(costly & cheap))]
    return [f"not asked, since it costs more than --spend {limit.name.lower()}: {', '.join(names)}"] if names else []


def elsewhere(run: Run) -> list[str]:
    """A note on the hosts whose pictures were not fetched, since the settings do not allow it."""
    from relayproof.lifecycle import is_public
    from relayproof.pointer import Absent
    from relayproof.surface import MIDJOURNEY

    if run.relay.pictures:
        return []
    hosts: set[str] = set()
    for exchange in (each for each in run.exchanges if each.surface == MIDJOURNEY):
        with contextlib.suppress(Absent):
            url = exchange.get("/imageUrl", str, "")
            if is_public(url):
                hosts.add(urlsplit(url).netloc)
    hosts.discard(run.relay.name)
    told = "not fetched, since it lies on other hosts (pictures = true under [relay])"
    return [f"{told}: {', '.join(sorted(hosts))}"] if hosts else []


def _chosen(target: Target) -> Target:
    """The target. Raises BadOption for a chosen surface of which nothing would be sent: it would look measured.

    That it refuses a bad request is no measure of a surface.
    """
    from relayproof.surface import ERRORS

    silent = target.only - {each.surface for each in probes(target) if not each.negative or each.surface == ERRORS}
    if silent:
        spend = target.relay.limits.spend.name.lower()
        raise BadOption(f"--only: all probes of {', '.join(sorted(silent))} cost more than --spend {spend} allows")
    return target


@dataclass(frozen=True)
class Cost:
    """The most that the probes of one surface cost."""

    surface: str
    requests: int
    tokens: int
    spend: str


@dataclass(frozen=True)
class Plan:
    """What a run would send, surface by surface."""

    costs: tuple[Cost, ...]

    @property
    def line(self) -> str:
        """The sum, as `plan` and `run` tell it."""
        requests, tokens = sum(cost.requests for cost in self.costs), sum(cost.tokens for cost in self.costs)
        surfaces = f"{len(self.costs)} surface{'s' * (len(self.costs) != 1)}"
        return f"plan  at most {requests} requests and {tokens:,} tokens on {surfaces}"


def plan(target: Target) -> Plan:
    """What a run of this target would send at most, before its budget."""
    wanted = probes(target)
    costs = []
    for surface in dict.fromkeys(probe.surface for probe in wanted):
        here = [probe for probe in wanted if probe.surface == surface]
        requests, tokens = sum(probe.requests for probe in here), sum(probe.most_tokens(target.relay) for probe in here)
        costs.append(Cost(surface, requests, tokens, max(probe.spend for probe in here).name.lower()))
    return Plan(tuple(costs))


def writable(folder: Path) -> Path:
    """The folder, when files can be written into it or it can be made. Raises BadOption. Nothing is made."""
    try:
        there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    except (OSError, ValueError) as error:
        raise BadOption(f"{folder}: {getattr(error, 'strerror', None) or error}") from None
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        problem = "is no folder" if not there.is_dir() else "can't be written to"
        raise BadOption(f"{folder}: {problem}" if there == folder.absolute() else f"{folder}: {there} {problem}")
    return folder
