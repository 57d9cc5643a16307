"""Gathers what a report is made from; whatever does not answer becomes a reason, and the rest goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from audit.engines import Answer, Engine, EngineError
from audit.period import Period
from audit.questions import Question, QuestionError, all_questions
from audit.report.account_state import Client, access_findings, practices, refused
from audit.report.building import command_of, period_of, said_parameters
from audit.report.counting import sessions_of
from audit.report.document import Missing, Title, Word
from audit.report.facts import (
    NO_HEARTBEAT,
    AlertStory,
    Asked,
    Facts,
    Heartbeats,
    Integrity,
    Rules,
    WindowStory,
    Work,
)
from audit.report.month import Month
from handlers.alerting.alert import Alert
from handlers.alerting.canary import EVERY, Flight
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.life import Act, Life, State
from handlers.alerting.session import CONSOLE
from handlers.alerting.window import Use, Window, WindowAct

SESSION_CALLS = (Path(__file__).parent / "session_calls.sql").read_text(encoding="utf-8")
_LONGEST_WINDOW = timedelta(hours=4)
_KEYS_AT_ONCE = 500  # of sessions, in one question
_REASON = 400  # characters
_T = TypeVar("_T")


class Book(Protocol):
    """What is read of an alert book. All raise UnavailableError."""

    def every_alert(self) -> Iterator[Alert]: ...

    def every_finding(self, alert_id: str) -> Iterator[Finding]: ...

    def history(self, alert_id: str) -> Sequence[tuple[Act, Life]]: ...


class Shelf(Protocol):
    """What is read of the break-glass windows. All raise UnavailableError."""

    def of_account(self, account: str, *, ending_from: datetime) -> Sequence[Window]: ...

    def history(self, window_id: str) -> Sequence[tuple[WindowAct, Window]]: ...

    def uses(self, window_id: str) -> Sequence[Use]: ...


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where everything is read. What is Missing is not read, and the report says why."""

    book: Book
    shelf: Shelf | Missing
    accounts: Sequence[str]  # whose windows are read
    engine: Engine | Missing
    client: Client
    home_region: str
    regions: Sequence[str]  # whose Access Analyzer is asked
    rules: Callable[[], Rules] | Missing
    integrity: Callable[[], Integrity | Missing]
    # The canaries that left in this time; raises UnavailableError.
    flights: Callable[[datetime, datetime], Sequence[Flight]]
    # The accounts that questions are asked of, where they have to name them; (): all that there are.
    asked_accounts: Sequence[str] = ()


def gathered(
    sources: Sources,
    month: Month,
    *,
    about: Facts,
    told: Callable[[str], object] = lambda _step: None,
) -> Facts:
    """Everything, from everywhere.

    Args:
        about: what is known before: the deployment, the languages, the suppressions; its other parts are replaced.
        told: hears what is read next.
    """
    told("the alert table")
    alerts = or_missing(lambda: alerts_of(sources.book, month))
    shelf, engine, rules = sources.shelf, sources.engine, sources.rules
    told("break-glass windows")
    windows = shelf if isinstance(shelf, Missing) else or_missing(lambda: windows_of(shelf, sources.accounts, month))
    work: Mapping[str, Work] | Missing
    work_partial: tuple[Missing, ...] = ()
    asked: Sequence[Asked] | Missing
    if isinstance(engine, Missing):
        work, asked = engine, engine
    else:
        told("what was done in sessions")
        work, work_partial = work_of(engine, alerts, month, accounts=sources.asked_accounts)
        asked = ask_all(engine, month, accounts=sources.asked_accounts, told=lambda name: told(f"question {name}"))
    told("AWS Config and the credential report")
    kept = practices(sources.client, sources.home_region, now=about.made_at)
    told("Access Analyzer")
    access, access_partial = access_findings(sources.client, sources.regions)
    told("coverage")
    covered = rules if isinstance(rules, Missing) else rules_or_missing(rules)
    told("log integrity")
    return replace(
        about,
        alerts=alerts,
        windows=windows,
        work=work,
        work_partial=work_partial,
        asked=asked,
        practices=kept,
        access=access,
        access_partial=access_partial,
        rules=covered,
        heartbeats=or_missing(lambda: heartbeats_of(sources.flights(month.since, month.until), now=about.made_at)),
        integrity=sources.integrity(),
    )


def heartbeats_of(flights: Sequence[Flight], *, now: datetime) -> Heartbeats | Missing:
    """What became of the month's canaries; a gap lasts from the first that was lost until the next that arrived."""
    due = [flight for flight in flights if flight.arrived or flight.is_lost(now)]
    if not due:
        return NO_HEARTBEAT
    gaps: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for flight in due:
        if flight.arrived is None:
            began = began or flight.left
        elif began is not None:
            gaps.append((began, flight.left))
            began = None
    if began is not None:
        gaps.append((began, due[-1].left + EVERY))
    times = [flight.arrived - flight.left for flight in due if flight.arrived]
    return Heartbeats(sent=len(due), arrived=len(times), slowest=max(times, default=None), gaps=tuple(gaps))


def rules_or_missing(read: Callable[[], Rules]) -> Rules | Missing:
    """The rules of the account, or why they could not be read."""
    try:
        return read()
    except (BotoCoreError, ClientError) as error:
        return refused(error)


def or_missing(read: Callable[[], _T]) -> _T | Missing:
    """What `read` gives, or why it does not: the alert table did not answer."""
    try:
        return read()
    except UnavailableError as error:
        return Missing(Word("missing.refused"), str(error)[:_REASON])


def alerts_of(book: Book, month: Month) -> Sequence[AlertStory]:
    """The alerts that reach into the month, and those from before it that are still open.

    Raises:
        UnavailableError: the table did not answer.
    """
    return [
        AlertStory(
            alert=alert,
            # Exhibits are documents of up to 20 KB each, which no report shows.
            findings=[replace(item, exhibits=(), facts=()) for item in book.every_finding(alert.id)],
            acts=book.history(alert.id),
        )
        for alert in sorted(book.every_alert(), key=lambda alert: alert.id)
        # The headline is the first loud finding: one that was found before the end may have happened before it, too.
        if alert.last_time >= month.since or alert.life.state in (State.OPEN, State.ESCALATED)
    ]


def windows_of(shelf: Shelf, accounts: Sequence[str], month: Month) -> Sequence[WindowStory]:
    """The windows of these accounts that reach into the month. Raises UnavailableError."""
    return [
        WindowStory(window=window, acts=shelf.history(window.id), uses=shelf.uses(window.id))
        for account in accounts
        for window in shelf.of_account(account, ending_from=month.since - _LONGEST_WINDOW)
        if window.starts < month.until and window.ends >= month.since
    ]


def work_of(
    engine: Engine, stories: Sequence[AlertStory] | Missing, month: Month, *, accounts: Sequence[str] = ()
) -> tuple[Mapping[str, Work] | Missing, tuple[Missing, ...]]:
    """What the logs say was done in the month's privileged sessions, by session key; and why some may be missing."""
    if isinstance(stories, Missing):
        return stories, ()
    keys = sorted({key for session in sessions_of(stories, month) for key in session.keys})
    # A session that began on the last evening goes on.
    period = Period(begin=month.since, end=month.until + CONSOLE)
    rows: list[tuple[Any, ...]] = []
    partial: list[Missing] = []
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        parameters: dict[str, object] = {**_bounds(period, accounts), "keys": keys[start : start + _KEYS_AT_ONCE]}
        try:
            answer = engine.run(SESSION_CALLS, parameters)
        except EngineError as error:
            return Missing(Word("missing.failed"), str(error)[:_REASON]), ()
        rows += answer.rows
        partial += [Missing(Word("missing.engine"), reason[:_REASON]) for reason in answer.partial]
    return work_in(rows), tuple(dict.fromkeys(partial))


def work_in(rows: Sequence[Sequence[Any]]) -> Mapping[str, Work]:
    """Sort out the rows of SESSION_CALLS: key, service, operation, kind, how often, the last time."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    calls: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, service, operation, kind, count, _last in rows:
        counts[key][kind] += int(count)
        calls[key][f"{str(service or '').removesuffix('.amazonaws.com')} {operation}"] += int(count)
    return {
        key: Work(
            writes=kinds["write"],
            reads=kinds["read"],
            failures=kinds["failed"],
            calls=tuple(sorted(calls[key].items(), key=lambda item: (-item[1], item[0]))),
        )
        for key, kinds in counts.items()
    }


def ask_all(
    engine: Engine,
    month: Month,
    *,
    accounts: Sequence[str] = (),
    told: Callable[[str], object] = lambda _name: None,
) -> Sequence[Asked]:
    """Every question that needs no parameter, asked of the month; one that fails costs its own rows.

    Args:
        told: hears the name of each question before it is asked.
    """
    asked = []
    for item in all_questions():
        if item.name.startswith("report_") or any(one.default is None for one in item.parameters):
            continue
        told(item.name)
        asked.append(_ask(engine, item, month, accounts))
    return asked


def _ask(engine: Engine, item: Question, month: Month, accounts: Sequence[str]) -> Asked:
    answer: Answer | None = None
    missing: Missing | None = None
    bound: Mapping[str, object] = {}
    try:
        bound = item.bind(period_of(month), accounts=accounts)
        answer = engine.run(item.sql, bound)
    except (EngineError, QuestionError) as error:
        missing = Missing(Word("missing.failed"), str(error)[:_REASON])
    return Asked(
        name=item.name,
        title=Title(item.title("en"), item.title("ja")),
        answers=Title(item.answers("en"), item.answers("ja")),
        sql=item.sql,
        parameters=said_parameters(bound),
        command=command_of(item.name, month),
        columns=answer.columns if answer else (),
        rows=answer.rows if answer else (),
        partial=answer.partial if answer else (),
        scanned_bytes=answer.scanned_bytes if answer else None,
        missing=missing,
    )


def _bounds(period: Period, accounts: Sequence[str]) -> dict[str, object]:
    return {
        "from_time": period.from_time,
        "to_time": period.to_time,
        "from_day": period.from_day,
        "to_day": period.to_day,
        "account": tuple(accounts),
        "region": (),
    }
