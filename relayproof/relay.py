"""The relay under test: where it is, how to speak to it, what it says that it serves, and what is known of it.

Settings come from relayproof.toml and from flags. The key never appears in a repr, and is never a setting.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from relayproof.exchange import LARGEST
from relayproof.probe import CENTS, Spend
from relayproof.rule import PROFILES, RELAY
from relayproof.surface import SURFACES

LARGEST_NUMBER = 10**12
PATH = re.compile(r"/[!-~]*", re.ASCII)
OF_THE_WIRE = frozenset(("host", "connection", "content-length", "transfer-encoding", "content-encoding", "expect"))
DIALECTS = ("", "mjp", "plus", "new-api")


class BadSetting(ValueError):
    """A setting that can't be used: where it stands, and what is wrong with its value."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")


class Key:
    """A secret. Only `reveal` gives it away. Raises BadSetting for what can't stand in a header."""

    def __init__(self, value: str = "") -> None:
        self._value = value.strip()
        if not fits_a_header(self._value):
            raise BadSetting("the key", "holds a character that can't stand in an HTTP header")

    def reveal(self) -> str:
        """The key itself, for the wire only."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Key(***)" if self._value else "Key()"


def fits_a_header(value: str) -> bool:
    """True for printable ASCII."""
    return value.isascii() and value.isprintable()


@dataclass(frozen=True)
class KnownDeviation:
    """A failure that the relay's owner knows of: rule (a glob), reason, and until when that is accepted."""

    rule: str
    reason: str
    until: datetime.date | None = None
    model: str = "*"
    surface: str = "*"

    def covers(self, rule: str, surface: str, model: str) -> bool:
        """True when this entry is about that rule on that surface and model."""
        given = ((rule, self.rule), (surface, self.surface), (model, self.model))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in given)


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, to the first byte, between two reads, for a whole exchange, and for a task to end."""

    connect: float = 10
    first_byte: float = 60
    gap: float = 30
    whole: float = 100
    task: float = 600


@dataclass(frozen=True)
class Limits:
    """What a run may cost: requests, tokens, the dearest class of probe; and how much one response may hold (bytes)."""

    requests: int = 200
    tokens: int = 20_000
    spend: Spend = CENTS
    body: int = LARGEST
    concurrency: int = 4


@dataclass(frozen=True)
class Relay:
    """One relay. `models` names a model per surface; `offers` is None when the relay's own model list decides.

    `notify` is the address under which the relay reaches this machine, for callbacks (`http://HOST:PORT`; through a
    tunnel `https://HOST#PORT`, where PORT is the local one). `pictures` allows fetching pictures from other hosts.
    """

    url: str
    key: Key = field(default_factory=Key)
    profile: str = RELAY
    headers: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    offers: frozenset[str] | None = None
    known: tuple[KnownDeviation, ...] = ()
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    paths: Mapping[str, str] = field(default_factory=dict)
    dialect: str = ""
    rules: tuple[str, ...] = ()
    notify: str = ""
    pictures: bool = False

    def model(self, surface: str) -> str:
        """The model to ask on a surface; "" when none is known."""
        return self.models.get(surface) or self.models.get("*", "")

    def address(self, path: str) -> str:
        """The whole URL of an API path, by the relay's own prefixes where it has some."""
        for prefix, real in self.paths.items():
            if path.startswith(prefix):
                return self.url + real + path.removeprefix(prefix)
        return self.url + path

    @property
    def name(self) -> str:
        """host:port, for headings."""
        return urlsplit(self.url).netloc

    def claims(self, surface: str) -> bool:
        """True when the relay's owner says in so many words that the surface is served."""
        return self.offers is not None and surface in self.offers


def normal_url(url: str) -> str:
    """A base URL without its `/v1`. Raises BadSetting for what is no address of a relay, without showing a secret."""
    parts = _split(url)
    if parts.username or parts.password:
        raise BadSetting("URL", "it holds a user name or password; put the key into an environment variable")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f\ud800-\udfff]", url):
        raise BadSetting("URL", f"{url!r} is no http:// or https:// address")
    path = re.sub(r"(?:/v1)?(?:/chat/completions|/models)?$", "", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"


def _split(url: str) -> SplitResult:
    """The URL in parts: with a port that exists, and a host that a resolver takes."""
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        if parts.port == 0:
            raise ValueError("port 0 is none")
    except ValueError as error:
        raise BadSetting("URL", f"{url.rpartition('@')[2]!r} can't be used: {error}") from None
    return parts


def settings(path: Path) -> dict[str, Any]:
    """Read relayproof.toml into keywords for Relay. Raises BadSetting, naming file, key and value."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadSetting(str(path), f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    unknown = set(document) - {"relay", "models", "headers", "paths", "known", "limits", "timeouts"}
    if unknown:
        raise BadSetting(f"{path}: [{sorted(unknown)[0]}]", "no such table")
    return _Reader(path, document).keywords()


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int) and abs(value) > LARGEST_NUMBER else repr(value)


class _Reader:
    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self.path, self.document = path, document

    def keywords(self) -> dict[str, Any]:
        relay = self.table("relay")
        self.only("relay", relay, {"url", "profile", "offers", "dialect", "rules", "notify", "pictures"})
        found: dict[str, Any] = {
            "models": self.strings("models"),
            "headers": self.headers(),
            "paths": self.paths(),
            "known": tuple(self.known(number, entry) for number, entry in enumerate(self.list("known"))),
            "limits": self.numbers("limits", Limits),
            "timeouts": self.numbers("timeouts", Timeouts),
        }
        if "url" in relay:
            found["url"] = self.url(relay["url"])
        if "profile" in relay:
            found["profile"] = self.choice("relay.profile", relay["profile"], PROFILES)
        if "dialect" in relay:
            found["dialect"] = self.choice("relay.dialect", relay["dialect"], DIALECTS)
        if "offers" in relay:
            found["offers"] = frozenset(self.choice("relay.offers", name, SURFACES) for name in self.names("offers"))
        if "rules" in relay:
            found["rules"] = tuple(str(self.path.parent / name) for name in self.names("rules"))
        if "notify" in relay:
            found["notify"] = self.of("relay.notify", relay["notify"], str, "a string")
        if "pictures" in relay:
            found["pictures"] = self.of("relay.pictures", relay["pictures"], bool, "true or false")
        return found

    def url(self, value: Any) -> str:
        try:
            return normal_url(str(value))
        except (BadSetting, ValueError) as problem:
            raise BadSetting(f"{self.path}: relay.url", str(problem).removeprefix("URL: ")) from None

    def of(self, place: str, value: Any, kind: type, called: str) -> Any:
        if not isinstance(value, kind):
            raise BadSetting(f"{self.path}: {place}", f"is to be {called}, not {value!r}")
        return value

    def names(self, key: str) -> list[str]:
        place = f"relay.{key}"
        values: list[str] = self.of(place, self.table("relay")[key], list, "a list of strings")
        return [self.of(place, value, str, "a list of strings") for value in values]

    def paths(self) -> dict[str, str]:
        for key, value in self.strings("paths").items():
            if not PATH.fullmatch(key) or not (PATH.fullmatch(value) or not value):
                raise BadSetting(f"{self.path}: paths.{key}", f"is to turn a /path into a /path, not into {value!r}")
        return self.strings("paths")

    def headers(self) -> dict[str, str]:
        for key, value in self.strings("headers").items():
            if key.lower() in OF_THE_WIRE:
                raise BadSetting(f"{self.path}: headers.{key}", "is set by the client itself")
            if not fits_a_header(value) or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", key, re.ASCII):
                raise BadSetting(f"{self.path}: headers.{key}", f"{value!r} can't stand in an HTTP header")
        return self.strings("headers")

    def table(self, name: str) -> dict[str, Any]:
        value = self.document.get(name, {})
        if not isinstance(value, dict):
            raise BadSetting(f"{self.path}: {name}", f"is to be a table, not {value!r}")
        return value

    def list(self, name: str) -> list[dict[str, Any]]:
        value = self.document.get(name, [])
        if not isinstance(value, list):
            raise BadSetting(f"{self.path}: {name}", f"is to be a list of tables ([[{name}]]), not {value!r}")
        return value

    def only(self, name: str, table: Mapping[str, Any], allowed: set[str]) -> None:
        for key in sorted(set(table) - allowed):
            raise BadSetting(f"{self.path}: {name}.{key}", f"no such setting; there are {', '.join(sorted(allowed))}")

    def strings(self, name: str) -> dict[str, str]:
        for key, value in self.table(name).items():
            if not isinstance(value, str):
                raise BadSetting(f"{self.path}: {name}.{key}", f"is to be a string, not {value!r}")
        return self.table(name)

    def choice(self, place: str, value: Any, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise BadSetting(f"{self.path}: {place}", f"{value!r} is none of {', '.join(filter(None, allowed))}")
        return str(value)

    def numbers(self, name: str, kind: Any) -> Any:
        table = dict(self.table(name))
        self.only(name, table, set(kind.__dataclass_fields__))
        if "spend" in table:
            table["spend"] = Spend[self.choice(f"{name}.spend", table["spend"], ("free", "cents", "money")).upper()]
        for key, value in table.items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_NUMBER:
                raise BadSetting(f"{self.path}: {name}.{key}", f"is to be a number from 0 up, not {_short(value)}")
            if kind is Timeouts and not value:
                raise BadSetting(f"{self.path}: {name}.{key}", "is to be more than 0 seconds")
            if kind is Limits and not isinstance(value, int):
                raise BadSetting(f"{self.path}: {name}.{key}", f"is to be a whole number, not {value!r}")
        return kind(**table)

    def known(self, number: int, entry: Mapping[str, Any]) -> KnownDeviation:
        place = f"known[{number}]"
        self.of(place, entry, dict, "a table")
        self.only(place, entry, {"rule", "reason", "until", "model", "surface"})
        for key in ("rule", "reason"):
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise BadSetting(f"{self.path}: {place}.{key}", "is needed")
        until = entry.get("until")
        for key in ("model", "surface"):
            self.of(f"{place}.{key}", entry.get(key, "*"), str, "a string")
        if until is not None and type(until) is not datetime.date:
            raise BadSetting(f"{self.path}: {place}.until", f"is to be a date (2027-01-31), not {until!r}")
        return KnownDeviation(**entry)
