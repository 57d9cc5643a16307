"""Every port in memory: the adapters of a replay, and the tests' fakes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from handlers.alerting.alert import (
    Alert,
    Case,
    Opened,
    Told,
    alert_id_of,
    case_after,
    kind_of,
    open_alert_for,
    unsettled_by,
)
from handlers.alerting.event import Road
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.life import Act, Decision, Life, Outcome, decide
from handlers.alerting.ports import (
    MOST_ADDRESSES,
    MOST_KEPT_CHARACTERS,
    Kept,
    Place,
    Recorded,
    Seen,
    Sighting,
    Tally,
    Unknown,
)
from handlers.alerting.severity import Severity
from handlers.alerting.window import Use, Window, WindowAct


class MemoryAlertBook:
    """An AlertBook that forgets when the process ends; same behaviour as the alert table, and as safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._alert_of: dict[str, str] = {}
        self._alerts: dict[str, Alert] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._groups: dict[str, list[Opened]] = {}
        self._cases: dict[str, Case] = {}
        self._errands: dict[tuple[str, str], datetime] = {}
        self._acts: dict[str, list[tuple[Act, Life]]] = {}
        self._opened_on: dict[date, list[str]] = {}

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert, in the order opened."""
        return tuple(self._alerts.values())

    def record(self, finding: Finding, *, window: timedelta, now: datetime) -> Recorded:
        with self._lock:
            if known := self._alert_of.get(finding.id):
                stored = next(item for item in self._findings[known] if item.id == finding.id)
                return Recorded(alert=self._alerts[known], finding=stored, is_new=False)
            recent = self._groups.setdefault(finding.group, [])
            elsewhere = self._groups.get(finding.joins, ()) if finding.joins else ()
            alert_id = open_alert_for(finding, elsewhere, window=window) or open_alert_for(
                finding, recent, window=window
            )
            case = self._cases.get(finding.case) if finding.case else None
            if case is not None and case.holds(finding):
                alert_id = case.alert_id
            if alert_id is None:
                alert_id = alert_id_of(finding)
                recent.append(Opened(alert_id=alert_id, at=finding.happened))
                self._opened_on.setdefault(finding.received.date(), []).append(alert_id)
            self._alert_of[finding.id] = alert_id
            self._findings.setdefault(alert_id, []).append(finding)
            after = case_after(case, finding, alert_id)
            if after is not None and finding.case:
                self._cases[finding.case] = after
            unsettled = unsettled_by(finding, case, after)
            alert = _joined(self._alerts.get(alert_id), alert_id, finding, unsettled)
            self._alerts[alert_id] = alert
            return Recorded(alert=alert, finding=finding, is_new=True)

    def find(self, alert_id: str) -> Alert | None:
        return self._alerts.get(alert_id)

    def findings(self, alert_id: str, *, after: str, limit: int) -> Sequence[Finding]:
        with self._lock:
            loud = (item for item in self._findings.get(alert_id, ()) if item.quiet is None and item.cursor > after)
            return sorted(loud, key=lambda item: item.cursor)[-limit:]

    def every_finding(self, alert_id: str) -> Sequence[Finding]:
        """The alert's findings, quiet ones too, in the order received."""
        with self._lock:
            return sorted(self._findings.get(alert_id, ()), key=lambda item: item.cursor)

    def findings_kept(self, kind: QuietKind, day: date) -> Sequence[Finding]:
        with self._lock:
            kept = (
                dataclasses.replace(item, exhibits=())
                for findings in self._findings.values()
                for item in findings
                if item.quiet_kind is kind and item.received.date() == day
            )
            return sorted(kept, key=lambda item: item.cursor)

    def opened_on(self, day: date) -> Sequence[Alert]:
        with self._lock:
            return [self._alerts[alert_id] for alert_id in self._opened_on.get(day, ())]

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool:
        return self.claim("", errand, now=now, lease=lease)

    def end(self, errand: str, *, until: datetime | None) -> None:
        with self._lock:
            if until is None:
                self.release("", errand)
            else:
                self._errands["", errand] = until

    def claim(self, alert_id: str, errand: str, *, now: datetime, lease: timedelta) -> bool:
        with self._lock:
            until = self._errands.get((alert_id, errand))
            if until is not None and until >= now:
                return False
            self._errands[alert_id, errand] = now + lease
            return True

    def release(self, alert_id: str, errand: str) -> None:
        with self._lock:
            self._errands.pop((alert_id, errand), None)

    def save_told(self, alert_id: str, channel: str, told: Told) -> None:
        with self._lock:
            alert = self._alerts[alert_id]
            self._alerts[alert_id] = dataclasses.replace(alert, told={**alert.told, channel: told})
            self.release(alert_id, channel)

    def act(self, alert_id: str, act: Act) -> Decision:
        with self._lock:
            alert = self._alerts.get(alert_id)
            if alert is None:
                return Decision(outcome=Outcome.GONE, life=Life())
            acts = self._acts.setdefault(alert_id, [])
            for done, life in acts:
                if done.id == act.id:
                    return Decision(outcome=Outcome.DONE, life=life)
            decision = decide(alert.life, act)
            if decision.outcome is Outcome.DONE:
                acts.append((act, decision.life))
                self._alerts[alert_id] = dataclasses.replace(alert, life=decision.life)
            return decision

    def history(self, alert_id: str) -> Sequence[tuple[Act, Life]]:
        with self._lock:
            return list(self._acts.get(alert_id, ()))


def _joined(alert: Alert | None, alert_id: str, finding: Finding, unsettled: int) -> Alert:
    loud = finding.quiet is None
    kinds = frozenset({kind_of(finding)}) if loud else frozenset()
    if alert is None:
        return Alert(
            id=alert_id,
            headline=finding,
            count=1,
            loud=int(loud),
            kinds=kinds,
            last_time=finding.happened,
            unsettled=unsettled,
        )
    return dataclasses.replace(
        alert,
        headline=finding if loud and alert.headline.quiet else alert.headline,
        count=alert.count + 1,
        loud=alert.loud + loud,
        kinds=alert.kinds | kinds,
        last_time=max(alert.last_time, finding.happened),
        unsettled=alert.unsettled + unsettled,
    )


@dataclass(kw_only=True)
class MemoryNotifier:
    """A channel that keeps what it was told, as (verb, alert, findings); `failing` holds errors for the next calls."""

    name: str = "slack"
    minimum_severity: Severity = Severity.INFO
    follows: bool = True
    told: list[tuple[str, Alert, tuple[Finding, ...]]] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)

    def announce(self, alert: Alert) -> str:
        self._fail_if_asked()
        self.told.append(("announce", alert, ()))
        return f"{self.name}:{len(self.told)}"

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        self._fail_if_asked()
        self.told.append(("broadcast" if broadcast else "follow_up", alert, tuple(findings)))

    def _fail_if_asked(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


class MemoryArrivals:
    """An Arrivals that forgets when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._roads: dict[str, Road] = {}

    def known(self, arrivals: Sequence[str]) -> Mapping[str, Road]:
        with self._lock:
            return {arrival: self._roads[arrival] for arrival in arrivals if arrival in self._roads}

    def note(self, arrival: str, road: Road, *, now: datetime) -> Road | None:
        with self._lock:
            first = self._roads.get(arrival)
            self._roads.setdefault(arrival, road)
            return first


class MemoryAuditLog:
    """An AuditLog that forgets when the process ends: entries by their key, in the order written."""

    def __init__(self) -> None:
        self.entries: dict[str, Mapping[str, Any]] = {}

    def append(self, key: str, entry: Mapping[str, Any]) -> None:
        self.entries.setdefault(key, dict(entry))

    def below(self, prefix: str) -> list[Mapping[str, Any]]:
        """The entries whose keys begin so, in the order written."""
        return [entry for key, entry in self.entries.items() if key.startswith(prefix)]


@dataclass(kw_only=True)
class MemoryLater:
    """Keeps the reminders asked for: (alert id, seconds)."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def refresh(self, alert_id: str, *, seconds: int) -> None:
        self.asked.append((alert_id, seconds))


@dataclass(kw_only=True)
class MemoryTimer:
    """Alarms as they are set: name to (time, work); `failing` holds errors for the next calls."""

    alarms: dict[str, tuple[datetime, Mapping[str, str]]] = field(default_factory=dict)
    failing: list[Exception] = field(default_factory=list)

    def set(self, name: str, at: datetime, work: Mapping[str, str]) -> None:
        self._fail_if_asked()
        self.alarms.setdefault(name, (at, dict(work)))

    def cancel(self, name: str) -> None:
        self._fail_if_asked()
        self.alarms.pop(name, None)

    def gone_off(self, now: datetime) -> list[Mapping[str, str]]:
        """The work of every alarm that is due, earliest first; it is gone afterwards."""
        due = sorted((at, name) for name, (at, _) in self.alarms.items() if at <= now)
        return [self.alarms.pop(name)[1] for _, name in due]

    def _fail_if_asked(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


@dataclass(frozen=True, kw_only=True)
class MemoryAccounts:
    """Account names out of the configuration."""

    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, account: str) -> str | None:
        return self.names.get(account)


@dataclass(frozen=True, kw_only=True)
class MemoryLookups:
    """Answers given beforehand, by question: "managed_policy arn:...", "inline_policy 123456789012 user bob p".

    A version is part of the question where one is asked for: "managed_policy arn:... v2". What is not there is Unknown.
    """

    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    otherwise: str = "not asked: this is not the live account"

    def managed_policy(self, arn: str, *, version: str = "") -> Mapping[str, Any] | Unknown:
        return self._answer("managed_policy", arn, version)

    def inline_policy(self, account: str, kind: str, name: str, policy: str) -> Mapping[str, Any] | Unknown:
        return self._answer("inline_policy", account, kind, name, policy)

    def policies_of(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        return self._answer("policies_of", account, kind, name)

    def trail(self, account: str, region: str, name: str) -> Mapping[str, Any] | Unknown:
        return self._answer("trail", account, region, name)

    def trails(self, account: str, region: str) -> Mapping[str, Any] | Unknown:
        return self._answer("trails", account, region)

    def deployment(self) -> Mapping[str, Any] | Unknown:
        return self._answer("deployment")

    def membership(self, account: str) -> Mapping[str, Any] | Unknown:
        return self._answer("membership", account)

    def standing(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        return self._answer("standing", account, kind, name)

    def _answer(self, *question: str) -> Mapping[str, Any] | Unknown:
        return self.answers.get(" ".join(filter(None, question)), Unknown(reason=self.otherwise))


class MemoryHistory:
    """A History that forgets when the process ends; same behaviour as the one in the alert table."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tallies: dict[tuple[str, ...], Tally] = {}
        self._addresses: dict[tuple[str, str], set[str]] = {}
        self._answers: dict[tuple[str, str], Seen] = {}
        self._kept: dict[str, tuple[str, datetime, Kept | None, Kept | None]] = {}

    def seen(self, sighting: Sighting, *, now: datetime) -> Seen:
        with self._lock:
            return self._seen(sighting)

    def _seen(self, sighting: Sighting) -> Seen:
        event = (sighting.account, sighting.event)
        if event in self._answers:
            return self._answers[event]
        account, principal, address = sighting.account, sighting.principal, sighting.address
        keys: dict[str, tuple[str, ...]] = {"account": (account,)}
        if principal:
            keys["principal"] = (account, "principal", principal)
        if address:
            keys["address"] = (account, "address", address)
        if principal and address:
            keys["both"] = (account, "both", principal, address)
        known = self._addresses.setdefault((account, principal), set())
        tallies = {name: self._tallies.get(key, Tally()) for name, key in keys.items()}
        answer = Seen(**tallies, other_addresses=min(len(known - {address}), MOST_ADDRESSES))
        self._answers[event] = answer
        for name, key in keys.items():
            self._tallies[key] = _counted(tallies[name], sighting)
        if principal and address and sighting.succeeded and len(known) <= MOST_ADDRESSES:
            known.add(address)
        return answer

    def replaced(self, name: str, value: str, *, event: str, at: datetime, now: datetime) -> Kept | None:
        with self._lock:
            return self._replaced(name, value, event, at)

    def _replaced(self, name: str, value: str, event: str, at: datetime) -> Kept | None:
        known = self._kept.get(name)
        if known is not None and known[0] == event:
            return known[3]
        if known is not None and known[1] > at:
            return None
        before = known[2] if known else None
        value = value if len(value) <= MOST_KEPT_CHARACTERS else ""
        current = Kept(value=value, since=before.since if before and before.value == value else at) if value else None
        self._kept[name] = (event, at, current, before)
        return before


def _counted(tally: Tally, sighting: Sighting) -> Tally:
    if not sighting.succeeded:
        return dataclasses.replace(tally, failed=tally.failed + 1)
    return dataclasses.replace(tally, times=tally.times + 1, since=tally.since or sighting.at)


class MemoryWindows:
    """A Windows that forgets when the process ends; same behaviour as those in the alert table."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._history: dict[str, list[tuple[WindowAct, Window]]] = {}
        self._uses: dict[str, dict[str, Use]] = {}
        self._places: dict[str, str] = {}

    def find(self, window_id: str) -> Window | None:
        with self._lock:
            history = self._history.get(window_id)
            return history[-1][1] if history else None

    def of_account(self, account: str, *, ending_from: datetime) -> Sequence[Window]:
        with self._lock:
            latest = (history[-1][1] for history in self._history.values())
            found = (window for window in latest if window.account == account and window.ends >= ending_from)
            return sorted(found, key=lambda window: (window.ends, window.id))

    def save(self, window: Window, act: WindowAct) -> bool:
        with self._lock:
            history = self._history.setdefault(window.id, [])
            if len(history) != window.version - 1:
                return False
            history.append((act, window))
            return True

    def history(self, window_id: str) -> Sequence[tuple[WindowAct, Window]]:
        with self._lock:
            return list(self._history.get(window_id, ()))

    def add_use(self, window_id: str, use: Use) -> None:
        with self._lock:
            self._uses.setdefault(window_id, {})[use.finding_id] = use

    def uses(self, window_id: str) -> Sequence[Use]:
        with self._lock:
            return sorted(self._uses.get(window_id, {}).values(), key=lambda use: (use.at, use.finding_id))

    def keep_place(self, window_id: str, place: str) -> None:
        with self._lock:
            self._places.setdefault(window_id, place)

    def place(self, window_id: str) -> str:
        with self._lock:
            return self._places.get(window_id, "")


@dataclass(frozen=True, kw_only=True)
class MemoryDirectory:
    """Names given beforehand: of Identity Center users by their id, of accounts' places by account id."""

    users: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    def user_name(self, store: str, user: str) -> str | Unknown:
        return self.users.get(user, Unknown(reason="not asked: this is not the live account"))

    def place(self, account: str) -> Place | Unknown:
        return self.places.get(account, Unknown(reason="not asked: this is not the live account"))
