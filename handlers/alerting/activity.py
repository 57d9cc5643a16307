"""What somebody did in a session: its records put in order and grouped, with what could not be had named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from handlers.alerting.actor import ActorKind
from handlers.alerting.errors import RootwatchError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.notable_reads import ReadKind, notable_read
from handlers.alerting.session import Join, SessionKey, closes, sign_in_of

# CloudTrail's documented average is about 5 minutes to the log bucket; the event history may take 15 (user guide,
# "Viewing events with CloudTrail Event history").
LAG = timedelta(minutes=15)
HISTORY = timedelta(days=90)  # how far back the event history reaches

_MAXIMUM_TEXT = 300
_MOST_RESOURCES = 3  # taken from one record
_MOST_NAMED = 5  # resources named with one call

# Beginning and ending a session is what a session is, and none of what was done in it.
_SIGNING = frozenset(
    {
        ("signin.amazonaws.com", name)
        for name in ("ConsoleLogin", "CheckMfa", "SwitchRole", "ExitRole", "RenewRole", "GetSigninToken")
    }
    | {("sso.amazonaws.com", name) for name in ("Authenticate", "Federate", "Logout")}
)
_NAMING = ("arn", "name", "id", "bucket", "key", "alias", "identifier")  # how a parameter that names something ends


class GapKind(StrEnum):
    """Why something may be missing."""

    FAILED = "failed"  # a source did not answer; `detail` says why
    CUT = "cut"  # a source has more than was read; `detail` says how much was left
    LAG = "lag"  # the newest records may still be on their way
    HISTORY = "history"  # older than the event history keeps
    DATA_EVENTS = "data events"  # reading and writing data is recorded only where a trail is asked to
    ELSEWHERE = "elsewhere"  # an account that Rootwatch has no rights in; `detail` names it
    UNKNOWN_SESSION = "unknown session"  # the record has nothing to join by


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that could not be had."""

    kind: GapKind
    source: str = ""  # which source says so
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What a source had."""

    events: Sequence[Event] = ()
    gaps: tuple[Gap, ...] = ()


class Source(Protocol):
    """A place that has records of sessions."""

    @property
    def name(self) -> str:
        """As people know it: "event history", "log bucket", "findings"."""
        ...

    def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
        """Records that may belong to the session: too many do no harm. Raises RootwatchError when it has none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API call, as often as it was made."""

    service: str  # "iam", without ".amazonaws.com"
    name: str
    count: int
    first: datetime | None
    last: datetime | None
    resources: tuple[str, ...] = ()  # the first of them
    kind: ReadKind | None = None  # of a notable read


@dataclass(frozen=True, kw_only=True)
class Group:
    """Calls that have something in common: a service, an error, the service that made them."""

    name: str
    count: int
    first: datetime | None
    last: datetime | None
    calls: tuple[Call, ...]  # the most frequent first


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What was done in a session, as far as it is known."""

    key: SessionKey
    since: datetime
    until: datetime
    events: tuple[Event, ...]  # all of them, each once, in the order they happened; those without a time at the end
    joined: Mapping[Join, int] = field(default_factory=dict)  # how many records by what
    sessions: int = 0  # different sets of credentials among them
    signing: tuple[Call, ...] = ()  # signing in, changing roles
    writes: tuple[Group, ...] = ()  # by service, that succeeded
    reads: int = 0  # that succeeded, the notable ones included
    notable: tuple[Call, ...] = ()
    failures: tuple[Group, ...] = ()  # by error, whether read or write
    by_services: tuple[Group, ...] = ()  # what AWS services did on the session's behalf, by service
    resources: tuple[tuple[str, int], ...] = ()  # what was written to, the most often first
    addresses: tuple[tuple[str, int], ...] = ()
    regions: tuple[tuple[str, int], ...] = ()
    closed: datetime | None = None  # when it was ended, where CloudTrail says so
    duplicates: int = 0  # records that arrived more than once
    gaps: tuple[Gap, ...] = ()

    @property
    def write_count(self) -> int:
        return sum(group.count for group in self.writes)

    @property
    def failure_count(self) -> int:
        return sum(group.count for group in self.failures)

    @property
    def by_service_count(self) -> int:
        return sum(group.count for group in self.by_services)

    @property
    def first(self) -> datetime | None:
        return next((event.time for event in self.events if event.time), None)

    @property
    def last(self) -> datetime | None:
        return next((event.time for event in reversed(self.events) if event.time), None)

    @property
    def last_own(self) -> datetime | None:
        """The last that was not a service's doing."""
        return next((event.time for event in reversed(self.events) if event.time and not event.actor.invoked_by), None)


class Sort(StrEnum):
    """What a record is, in a report."""

    SIGNING = "sign-in"
    WRITE = "write"
    READ = "read"
    NOTABLE = "notable read"
    FAILED = "failed"
    BY_SERVICE = "by a service"


def sort_of(event: Event) -> Sort:
    """What a record is. A call of which nobody says that it only reads is a write."""
    if event.actor.invoked_by:
        return Sort.BY_SERVICE
    if not event.succeeded:
        return Sort.FAILED
    if (event.service, event.name) in _SIGNING:
        return Sort.SIGNING
    kind = notable_read(event)
    if _only_reads(event, kind):
        return Sort.NOTABLE if kind else Sort.READ
    return Sort.WRITE


def activity_of(
    key: SessionKey, events: Iterable[Event], since: datetime, until: datetime, *, gaps: Sequence[Gap] = ()
) -> Activity:
    """Sort out which of these records belong to the session and what was done in it.

    Args:
        events: whatever the sources had; of records with the same id the first is kept.
        since, until: the time that is asked about, both included. A record without a time is kept.
    """
    mine, joins, duplicates = _joined(key, events, since, until)
    mine.sort(key=_in_order)
    sorted_out: dict[Sort, list[Event]] = defaultdict(list)
    for event in mine:
        sorted_out[sort_of(event)].append(event)
    touched = Counter(resource for event in sorted_out[Sort.WRITE] for resource in resources_of(event))
    return Activity(
        key=key,
        since=since,
        until=until,
        events=tuple(mine),
        joined=dict(joins),
        sessions=len({event.actor.session for event in mine if event.actor.session}),
        signing=_calls(sorted_out[Sort.SIGNING]),
        writes=_groups(sorted_out[Sort.WRITE], _service),
        reads=len(sorted_out[Sort.READ]) + len(sorted_out[Sort.NOTABLE]),
        notable=_calls(sorted_out[Sort.NOTABLE]),
        failures=_groups(sorted_out[Sort.FAILED], lambda event: (event.error or "")[:_MAXIMUM_TEXT]),
        by_services=_groups(sorted_out[Sort.BY_SERVICE], lambda event: event.actor.invoked_by[:_MAXIMUM_TEXT]),
        resources=tuple(touched.most_common()),
        addresses=_counted(event.source_ip for event in mine if not event.actor.invoked_by),
        regions=_counted(event.region for event in mine),
        closed=max((event.time for event in mine if event.time and closes(event)), default=None),
        duplicates=duplicates,
        gaps=(*gaps, *_standing_gaps(key, since, until)),
    )


def gathered(key: SessionKey, sources: Sequence[Source], since: datetime, until: datetime) -> Gathered:
    """What all sources have; one that fails costs its own records, and is named."""
    events: list[Event] = []
    gaps: list[Gap] = []
    if key.is_empty:
        return Gathered()
    for source in sources:
        try:
            found = source.gather(key, since, until)
        except RootwatchError as error:
            gaps.append(Gap(kind=GapKind.FAILED, source=source.name, detail=str(error)))
            continue
        events += found.events
        gaps += found.gaps
    return Gathered(events=events, gaps=tuple(gaps))


def resources_of(event: Event) -> tuple[str, ...]:
    """What a call was about: the record's own list, or else the parameters that name something."""
    listed = event.dig("resources")
    if isinstance(listed, list):
        found = [item.get("ARN") or item.get("arn") for item in listed if isinstance(item, Mapping)]
        arns = [text[:_MAXIMUM_TEXT] for text in found if isinstance(text, str) and text]
        if arns:
            return tuple(dict.fromkeys(arns))[:_MOST_RESOURCES]
    return tuple(dict.fromkeys(_named(event.request)))[:_MOST_RESOURCES]


def _named(request: Mapping[str, Any]) -> Iterator[str]:
    for name, value in list(request.items())[:100]:
        if isinstance(name, str) and name.lower().endswith(_NAMING):
            values = value if isinstance(value, list) else [value]
            for text in values[:_MOST_RESOURCES]:
                if isinstance(text, str) and text:
                    yield text[:_MAXIMUM_TEXT]


def _joined(
    key: SessionKey, events: Iterable[Event], since: datetime, until: datetime
) -> tuple[list[Event], Counter[Join], int]:
    """The session's own records, by what they were joined, and how many came more than once."""
    seen: set[str] = set()
    mine: list[Event] = []
    others: list[Event] = []
    joins: Counter[Join] = Counter()
    duplicates = 0
    for event in events:
        if event.time is not None and not since <= event.time <= until:
            continue
        join = key.join_of(event)
        if join is None and not sign_in_of(event):
            continue
        if event.id in seen:
            duplicates += 1
            continue
        seen.add(event.id)
        if join is None:
            others.append(event)
        else:
            joins[join] += 1
            mine.append(event)
    # A console session changes its keys: what shares the sign-in of one of ours is ours.
    sign_ins = {sign_in_of(event) for event in mine} - {""}
    for event in others:
        if sign_in_of(event) in sign_ins:
            joins[Join.SIGN_IN] += 1
            mine.append(event)
    return mine, joins, duplicates


def _only_reads(event: Event, notable: ReadKind | None) -> bool:
    flag = event.dig("readOnly")
    if flag is None:
        return notable is not None  # known from our own table
    return flag is True or (isinstance(flag, str) and flag.lower() == "true")


_EPOCH = datetime.min.replace(tzinfo=UTC)


def _in_order(event: Event) -> tuple[bool, datetime, str]:
    return event.time is None, event.time or _EPOCH, event.id


def _service(event: Event) -> str:
    return event.service.removesuffix(".amazonaws.com")[:_MAXIMUM_TEXT]


def _groups(events: Sequence[Event], name: Callable[[Event], str]) -> tuple[Group, ...]:
    """`events` are in order, and so are first and last."""
    members: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        members[name(event)].append(event)
    found = [
        Group(name=title, count=len(group), first=_first(group), last=_last(group), calls=_calls(group))
        for title, group in members.items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.count, group.name)))


def _calls(events: Sequence[Event]) -> tuple[Call, ...]:
    members: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        members[_service(event), event.name[:_MAXIMUM_TEXT]].append(event)
    found = [
        Call(
            service=service,
            name=name,
            count=len(group),
            first=_first(group),
            last=_last(group),
            resources=_first_resources(group),
            kind=notable_read(group[0]),
        )
        for (service, name), group in members.items()
    ]
    return tuple(sorted(found, key=lambda call: (-call.count, call.service, call.name)))


def _first_resources(events: Sequence[Event]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for event in events:
        if len(found) >= _MOST_NAMED:
            break
        found.update(dict.fromkeys(resources_of(event)))
    return tuple(found)[:_MOST_NAMED]


def _first(events: Sequence[Event]) -> datetime | None:
    return events[0].time


def _last(events: Sequence[Event]) -> datetime | None:
    return next((event.time for event in reversed(events) if event.time), None)


def _counted(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(text[:_MAXIMUM_TEXT] for text in texts).most_common())


def _standing_gaps(key: SessionKey, since: datetime, until: datetime) -> list[Gap]:
    """What no source can have. `until` is never later than now."""
    found = [Gap(kind=GapKind.DATA_EVENTS)]
    if key.is_empty:
        found.insert(0, Gap(kind=GapKind.UNKNOWN_SESSION))
    return found


# --- findings as records ----------------------------------------------------------------------------------------------

_TYPES = {
    ActorKind.ROOT: "Root",
    ActorKind.ROOT_BY_AWS: "Root",
    ActorKind.ROOT_ASSUMED: "Root",
    ActorKind.IAM_USER: "IAMUser",
    ActorKind.ROLE: "AssumedRole",
    ActorKind.FEDERATED_USER: "FederatedUser",
    ActorKind.IDENTITY_CENTER_USER: "IdentityCenterUser",
    ActorKind.SAML_USER: "SAMLUser",
    ActorKind.WEB_IDENTITY_USER: "WebIdentityUser",
}


def event_of(finding: Finding) -> Event:
    """A finding as the record it was made from, as far as it was kept: fewer fields, the same id."""
    record: dict[str, Any] = {
        "eventID": finding.event_id,
        "eventName": finding.event_name,
        "eventSource": finding.event_service,
        "awsRegion": finding.region,
        "recipientAccountId": finding.account,
        "sourceIPAddress": finding.source_ip,
        "userAgent": finding.user_agent,
        "userIdentity": {
            "type": _TYPES.get(ActorKind(finding.actor_kind), "") if finding.actor_kind in set(ActorKind) else "",
            "arn": finding.actor_arn,
            "accessKeyId": finding.access_key_id,
            "accountId": finding.account,
        },
        "resources": [{"ARN": finding.subject}],
    }
    if finding.time:
        record["eventTime"] = finding.time.isoformat()
    if finding.error:
        record["errorCode"] = finding.error
    return Event.parse(record)
