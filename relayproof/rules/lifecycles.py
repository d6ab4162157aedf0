"""What the task surfaces have in common: checks on one look at a task, and on its whole life. No rules are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from relayproof import lifecycle
from relayproof.exchange import Exchange
from relayproof.lifecycle import FAILURE, FETCH, FINAL, LIST, MODAL, RANKS, SUBMIT, SUCCESS, Look
from relayproof.pointer import Absent, get
from relayproof.rule import Finding, Untested
from relayproof.schema import shown

FOR_NOW = (401, 402, 403, 429)
QUOTA = re.compile(r"(?i)quota|balance|额度|余额|欠费|rate.?limit|saturated|饱和|负载")
TIMES = ("submit", "start", "finish")
DAY = 86_400


def sights(exchange: Exchange, wanted: Callable[[Look], bool] = lambda look: True) -> list[Look]:
    """The tasks that an answer shows, if any is `wanted`. Raises Absent when there is none."""
    found = [look for look in lifecycle.looks(exchange) if wanted(look)]
    if not found:
        raise Absent("shows no such task")
    return found


def is_success(look: Look) -> bool:
    """True for a task that ended well."""
    return look.status == SUCCESS


def is_failure(look: Look) -> bool:
    """True for a task that failed."""
    return look.status == FAILURE


def accepted(group: Sequence[Exchange]) -> Exchange:
    """The submit that made the group's task. Raises Absent when it is not there."""
    task = lifecycle.subject(group)
    for exchange in lifecycle.family(group, SUBMIT):
        if lifecycle.submitted(exchange) == task and lifecycle.parent(exchange) != task:
            return exchange
    raise Absent("the submit is not known")


def pairs(group: Sequence[Exchange], *, listed: bool = False) -> list[tuple[Look, Look]]:
    """Neighbouring looks at the group's task: fetches, and where `listed` lists. Raises Absent with fewer than two."""
    lifecycle.subject(group)
    found = [pair for segment in lifecycle.segments(group, listed=listed) for pair in pairwise(segment)]
    if not found:
        raise Absent("no two looks")
    return found


def last_look(group: Sequence[Exchange]) -> Look:
    """The last fetch of the group's task. Raises Absent."""
    lifecycle.subject(group)
    found = lifecycle.segments(group)
    if not found:
        raise Absent("never fetched")
    return found[-1][-1]


def told_at(earlier: Look, later: Look) -> str:
    """The place of a change: which exchanges were compared."""
    return f"exchanges {earlier.exchange.id} and {later.exchange.id}"


def moves_back(group: Sequence[Exchange]) -> Iterator[Finding]:
    """Moves of the status that go back, or leave a final state."""
    for earlier, later in pairs(group, listed=True):
        if not _may_follow(earlier.status, later.status):
            yield Finding(f"{later.at}/status", f"{later.status!r} after {earlier.status} ({told_at(earlier, later)})")
    *before, last = lifecycle.segments(group)
    for segment in before:
        if segment[-1].final and last[-1].status != segment[-1].status:
            yield Finding(f"{last[-1].at}/status", f"{last[-1].status!r} after {segment[-1].status}")


def _may_follow(earlier: str, later: str) -> bool:
    if earlier == later or "UNKNOWN" in (earlier, later):
        return True
    if later == MODAL:
        return earlier in ("", "NOT_START", "SUBMITTED")
    if earlier == MODAL:
        return later != ""
    if earlier not in RANKS or later not in RANKS:
        return True
    return earlier not in FINAL and RANKS[earlier] <= RANKS[later]


def falls(group: Sequence[Exchange]) -> Iterator[Finding]:
    """Percentages that get smaller; a failed task may drop its own."""
    forward = [pair for pair in pairs(group, listed=True) if _may_follow(pair[0].status, pair[1].status)]
    measured = [pair for pair in forward if None not in (pair[0].progress, pair[1].progress)]
    if not measured:
        raise Absent("no two percentages")
    for earlier, later in measured:
        if (later.progress or 0) < (earlier.progress or 0) and later.status != FAILURE:
            what = f"{later.progress}% after {earlier.progress}% ({told_at(earlier, later)})"
            yield Finding(f"{later.at}/progress", what)


def times_out_of_order(look: Look) -> Iterator[Finding]:
    """Of submit, start and finish, those that are told and stand in the wrong order."""
    told = [(name, look.time(name)) for name in TIMES if look.time(name) > 0]
    for (first, earlier), (second, later) in pairwise(told):
        if later < earlier:
            field = f"{look.at}/{look.time_field(second)}"
            yield Finding(field, f"{later} is before {look.time_field(first)} {earlier}")


def has_a_clock(look: Look) -> bool:
    """True for a look whose moment is known, at a task that tells a time."""
    return look.exchange.expect.get("now") is not None and look.time("submit") > 0


def times_of_another_day(look: Look, unit: int) -> Iterator[Finding]:
    """Times further than a day from the moment of asking. `unit` is how many of them make a second."""
    now = look.exchange.expect["now"]
    for name, value in ((name, look.time(name)) for name in TIMES):
        if right_size(value, unit) and abs(value / unit - now) > DAY:
            yield Finding(f"{look.at}/{look.time_field(name)}", f"{value}, asked at {now * unit}")


def right_size(value: int, unit: int) -> bool:
    """False for seconds in place of milliseconds and the like, which the schema tells."""
    return 10**9 * unit <= value < 10**10 * unit


def times_that_change(group: Sequence[Exchange]) -> Iterator[Finding]:
    """Start and finish times that change after they were told."""
    for earlier, later in pairs(group):
        for name in ("start", "finish"):
            if earlier.time(name) > 0 and later.time(name) != earlier.time(name):
                field = later.time_field(name)
                value = shown(later.task.get(field))
                yield Finding(f"{later.at}/{field}", f"{value} after {earlier.time(name)} ({told_at(earlier, later)})")


def differences(earlier: Look, later: Look, fields: Sequence[str]) -> Iterator[Finding]:
    """Fields that two looks at one task tell differently."""
    for name in fields:
        values = earlier.task.get(name), later.task.get(name)
        if all(name in look.task for look in (earlier, later)) and values[0] != values[1]:
            what = f"{shown(values[1])} after {shown(values[0])} ({told_at(earlier, later)})"
            yield Finding(f"{later.at}/{name}", what)


def without_end(group: Sequence[Exchange]) -> Iterator[Finding]:
    """A task that was watched to the limit and did not end. Raises Untested when it was watched for less."""
    accepted(group)
    last = last_look(group)
    if last.final:
        return
    waited, limit = (last.exchange.expect.get(key) for key in ("waited", "limit"))
    if waited is None or limit is None or (last.status == MODAL and not _confirmed(group)):
        raise Absent("nobody said that it was watched to the end")
    state = last.status if last.progress is None else f"{last.status} {last.progress}%"
    if waited < limit:
        raise Untested(f"the task stood at {state} after {waited:g} s, and was not watched to the limit of {limit:g} s")
    first = lifecycle.segments(group)[-1][0]
    moved = "" if (first.status, first.progress) != (last.status, last.progress) else ", and never moved"
    yield Finding(f"{last.at}/status", f"{state} after {waited:g} s of waiting{moved}")


def _confirmed(group: Sequence[Exchange]) -> bool:
    return any(lifecycle.endpoint(each) == "modal" for each in lifecycle.family(group, SUBMIT))


def ends_badly(group: Sequence[Exchange]) -> Iterator[Finding]:
    """A valid task that ended in anything but SUCCESS. Raises Untested when a limit or money was the reason."""
    submit, last = accepted(group), last_look(group)
    if not submit.expect.get("answer") or not last.final:
        raise Absent("nobody said that this task is valid, or it has not ended")
    if last.status != SUCCESS and QUOTA.search(last.reason):
        raise Untested(f"{last.status}: {shown(last.reason)}")
    if last.status != SUCCESS:
        yield Finding(f"{last.at}/status", f"{last.status} for a valid task: {shown(last.reason)}")


def made_twice(submits: Sequence[Exchange]) -> Iterator[Finding]:
    """Task ids that two submits got."""
    if len(submits) < 2:
        raise Absent("fewer than two tasks")
    seen: dict[str, str] = {}
    for each in submits:
        task = lifecycle.submitted(each)
        if task in seen:
            yield Finding("/", f"task {task} came twice: exchanges {seen[task]} and {each.id}")
        seen[task] = each.id


def not_found(group: Sequence[Exchange]) -> Iterator[Finding]:
    """Fetches of an accepted task that are not answered with it."""
    submit = accepted(group)
    fetches = list(lifecycle.family(group, FETCH))
    if not fetches:
        raise Absent("never fetched")
    lost = [each for each in fetches if not each.succeeded and each.status not in FOR_NOW]
    if lost and submit.expect.get("resumed"):
        raise Untested(f"the task of an earlier run is gone: {lost[0].status}")
    if not lost and not all(each.succeeded for each in fetches):
        raise Untested("fetching was refused for now")
    for each in lost:
        yield Finding("status", f"{each.status} for the task of exchange {submit.id}: {said(each)}")


def not_listed(group: Sequence[Exchange]) -> Iterator[Finding]:
    """Lists that were asked for the task and leave it out, though a fetch knows it."""
    task = lifecycle.subject(group)
    last_look(group)
    lists = [each for each in lifecycle.family(group, LIST) if each.succeeded and task in lifecycle.listed_ids(each)]
    if not lists:
        raise Absent("never listed")
    for each in lists:
        if isinstance(entries(each), list) and task not in {look.id for look in lifecycle.looks(each)}:
            yield Finding("/", f"task {task} was asked for and is left out")


def entries(exchange: Exchange) -> object:
    """What a list answers with: the list itself, in its envelope where it has one."""
    answer = exchange.answered.json
    return answer if isinstance(answer, list) else get(answer, "/data")


def listed_wrongly(exchange: Exchange) -> Iterator[Finding]:
    """Tasks in a list that nobody asked for, that stand in it twice, or that the sender knows not to exist."""
    if not isinstance(entries(exchange), list):
        raise Absent("no list; the schema tells")
    asked = lifecycle.listed_ids(exchange)
    ids = [look.id for look in lifecycle.looks(exchange)]
    for name in sorted(set(ids) - set(asked)):
        yield Finding("/", f"task {name} was not asked for")
    if exchange.expect.get("unknown") in ids:
        yield Finding("/", f"task {exchange.expect['unknown']} does not exist")
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield Finding("/", f"task {name} stands in it {ids.count(name)} times")


def told_differently(group: Sequence[Exchange], fields: Sequence[str]) -> Iterator[Finding]:
    """What a list and a fetch say differently of a task that has ended. An address may carry another query."""
    last = last_look(group)
    listed = [look for each in lifecycle.family(group, LIST) for look in lifecycle.looks(each)]
    listed = [look for look in listed if look.id == last.id and look.status == last.status]
    if not last.final or not listed:
        raise Absent("not listed after its end, or told by status_never_goes_back")
    for name in fields:
        fetched, found = (_plain(look.task.get(name)) for look in (last, listed[-1]))
        if fetched != found:
            where = f"{listed[-1].at}/{name}"
            yield Finding(where, f"{shown(found)} in the list, {shown(fetched)} in the fetch")


def _plain(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) and value.startswith("http") else value


def said(exchange: Exchange) -> str:
    """What a task relay says, for a message."""
    try:
        answer = exchange.answered.json
    except Absent:
        return shown(exchange.answered.text[:120])
    texts = (get(answer, path, str) for path in ("/description", "/message", "/error/message"))
    return shown(next((text for text in texts if text), exchange.answered.text[:120]))


def refused_for_now(exchange: Exchange) -> bool:
    """True when money, a limit or a full queue is why, and nothing was measured."""
    return exchange.status in FOR_NOW or bool(QUOTA.search(exchange.answered.text))
