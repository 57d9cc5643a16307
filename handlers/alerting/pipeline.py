"""The verbs: one event's way from the queue to people."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from handlers.alerting.acting import carry_out, write_again
from handlers.alerting.alert import Alert, Step, Told, next_step
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import A_DAY, Concern, Detection, Exhibit
from handlers.alerting.digest import DAILY_DIGEST, digest_of
from handlers.alerting.errors import RetryLaterError, RootwatchError, UnavailableError
from handlers.alerting.event import Event, Road
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.finding_record import finding_entry, finding_key
from handlers.alerting.life import OURSELVES, Act, Verb, closed_by, closing_id, reopened_by, reopening_id
from handlers.alerting.ports import Accounts, AlertBook, AuditLog, Later, Lookups, Notifier, Recorded
from handlers.alerting.severity import Severity

# A worker that dies on an errand is replaced after this; longer than any function may run.
_LEASE = timedelta(seconds=75)
_LINES = 20  # findings spelled out in one follow-up; the rest is counted

Enrichment = Callable[[Finding, Event], Finding]
Quietening = Callable[[Finding, Event], str | None]
WindowStep = Callable[[Finding, Event, Detection], Finding]


class PipelineError(RootwatchError):
    """Something of this event is not done yet: what, and when to try again."""

    def __init__(self, problems: Sequence[Exception]) -> None:
        super().__init__("; ".join(f"{type(problem).__name__}: {problem}" for problem in problems))
        self.problems = tuple(problems)

    @property
    def retry_after(self) -> float:
        """Seconds the other side asked to wait; 0 where nobody named any."""
        return max((p.seconds for p in self.problems if isinstance(p, RetryLaterError)), default=0)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What one event comes to."""

    findings: tuple[tuple[Finding, timedelta], ...]  # each with how long those of its group share one alert
    problems: tuple[Exception, ...]  # detections that crashed


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Everything that an event passes, with what each step needs from outside."""

    catalogue: Catalogue
    book: AlertBook
    notifiers: Sequence[Notifier]
    later: Later
    lookups: Lookups
    accounts: Accounts
    clock: Callable[[], datetime]
    refresh_every: timedelta = timedelta(seconds=30)
    enrichments: Sequence[tuple[str, Enrichment]] = ()
    remember: Callable[[Event], None] = lambda _event: None  # what later events are compared with; may fail
    windows: WindowStep = lambda finding, _event, _detection: finding  # break-glass: may calm it, or make it worse
    quietenings: Sequence[Quietening] = ()
    audit_log: AuditLog | None = None  # None: findings and what becomes of alerts are kept in the alert book alone
    recorded: Callable[[Alert, Finding], None] = lambda _alert, _finding: None  # what else a finding begins; repeatable
    accepts: Callable[[Alert, str], bool] = lambda _alert, _channel: True  # whether a channel is told of an alert

    def raise_alerts(self, event: Event) -> tuple[Finding, ...]:
        """Assess an event and see each finding stored and told. Repeating it finishes what was left undone.

        Returns:
            The findings, as stored.

        Raises:
            PipelineError: a detection crashed, or a store or channel failed; what could be done was done, and a retry
                does the rest.
        """
        judged = self.judge(event)
        kept: list[Recorded] = []
        problems = list(judged.problems)
        for finding, window in judged.findings:
            self._keep(finding, window, kept, problems)
        # Also what concerns nobody today: a policy is compared with the one before it. Decoration, so it may fail; a
        # comparison that cannot be made later says so.
        with contextlib.suppress(Exception):
            self.remember(event)
        return self._written_down(kept, problems)

    def judge(self, event: Event) -> Judged:
        """What an event comes to, before anything is stored or told."""
        found: list[tuple[Finding, Detection]] = []
        problems: list[Exception] = []
        for outcome in self.catalogue.outcomes(event, self.lookups):
            if outcome.error is not None:
                problems.append(_named(outcome.detection, outcome.error))
            elif isinstance(outcome.verdict, Concern):
                finding = Finding.of(outcome.detection, event, outcome.verdict, now=self.clock())
                finding = self.windows(self._enriched(finding, event), event, outcome.detection)
                found.append((self._quietened(finding, event), outcome.detection))
        # A break-glass window lasts longer than most conversations, and is one.
        findings = [
            (finding, A_DAY if finding.is_calm else detection.window) for finding, detection in _told_once(found)
        ]
        return Judged(findings=tuple(findings), problems=tuple(problems))

    def keep(self, judged: Judged) -> tuple[Finding, ...]:
        """See the findings of one event stored and told, as `raise_alerts` does.

        Raises:
            PipelineError: a store or channel failed.
        """
        kept: list[Recorded] = []
        problems: list[Exception] = []
        for finding, window in judged.findings:
            self._keep(finding, window, kept, problems)
        return self._written_down(kept, problems)

    def announce_unreadable(self, body: str, reason: str, *, road: Road = Road.EVENTBRIDGE) -> Finding:
        """Announce a text that is not an event, and keep it: somebody may be hiding something in it.

        Raises:
            PipelineError: the store or a channel failed.
        """
        finding = unreadable_finding(body, reason, now=self.clock(), road=road)
        kept: list[Recorded] = []
        problems: list[Exception] = []
        self._keep(finding, UNREADABLE_EVENT.window, kept, problems)
        return self._written_down(kept, problems)[0]

    def announce(self, finding: Finding) -> Finding:
        """Store and tell a finding of Rootwatch's own, which no event made; again: nothing more.

        Raises:
            PipelineError: the store or a channel failed.
        """
        kept: list[Recorded] = []
        problems: list[Exception] = []
        named = dataclasses.replace(finding, account_name=self.accounts.name(finding.account))
        self._keep(named, A_DAY, kept, problems)
        return self._written_down(kept, problems)[0]

    def announce_digest(self, day: date) -> Finding | None:
        """Announce what declared deployers did on this day (UTC); None where they did nothing. Once, if repeated.

        Raises:
            PipelineError: the store or a channel failed.
        """
        kept: list[Recorded] = []
        problems: list[Exception] = []
        try:
            digest = digest_of(self.book.findings_kept(QuietKind.DIGEST, day), day, now=self.clock())
        except UnavailableError as error:
            raise PipelineError([error]) from error
        if digest is None:
            return None
        named = dataclasses.replace(digest, account_name=self.accounts.name(digest.account))
        self._keep(named, DAILY_DIGEST.window, kept, problems)
        return self._written_down(kept, problems)[0]

    def refresh_alert(self, alert_id: str) -> None:
        """Tell each channel what came since it was last told; what `Later` reminds of.

        Raises:
            PipelineError: the store or a channel failed.
        """
        # Given back first: a finding that comes after this asks for a reminder of its own.
        self.book.release(alert_id, "refresh")
        alert = self.book.find(alert_id)
        if alert is None:
            return  # expired from the table: nobody waits for it
        if problems := self._notify(alert, due=True):
            raise PipelineError(problems)

    def _keep(self, finding: Finding, window: timedelta, kept: list[Recorded], problems: list[Exception]) -> None:
        try:
            recorded = self.book.record(finding, window=window, now=self.clock())
        except UnavailableError as error:
            problems.append(error)
            return
        kept.append(recorded)
        try:
            alert = self._lived(recorded)
        except UnavailableError as error:  # people are told all the same
            problems.append(error)
            alert = recorded.alert
        problems.extend(self._notify(alert, due=False))
        try:
            self.recorded(alert, recorded.finding)
        except UnavailableError as error:
            problems.append(error)

    def _written_down(self, kept: Sequence[Recorded], problems: list[Exception]) -> tuple[Finding, ...]:
        """Add the findings to the audit log, quiet ones as well, and return them; raise what is not done yet.

        Last of all, as people wait for nothing that a bucket does. A log that is away makes the queue bring the event
        again; who was told then is not told twice, and what had been written is left as it is.
        """
        if self.audit_log is not None:
            for recorded in kept:
                try:
                    self.audit_log.append(
                        finding_key(recorded.finding), finding_entry(recorded.finding, recorded.alert.id)
                    )
                except UnavailableError as error:
                    problems.append(error)
                    break  # the others would wait for the same answer
        if problems:
            raise PipelineError(problems)
        return tuple(recorded.finding for recorded in kept)

    def _lived(self, recorded: Recorded) -> Alert:
        """The alert as this finding leaves it: open again if it was closed, closed if everything in it is over."""
        alert, finding = recorded.alert, recorded.finding
        if not recorded.is_new and alert.life.version:
            acts = frozenset({reopening_id(finding.id), closing_id(finding.id)})
            write_again(alert.id, acts, book=self.book, audit_log=self.audit_log)
        act = None
        if finding.quiet is None:  # a quiet one brings no message up to date, so it must not change the state either
            if finding.over and not alert.unsettled:
                act = closed_by(alert.life, finding_id=finding.id, at=finding.received, reason=finding.summary)
            elif not finding.over and alert.unsettled:
                act = reopened_by(alert.life, finding_id=finding.id, received=finding.received)
        if act is None:
            return alert
        self._carry_out(alert.id, act)
        current = self.book.find(alert.id) or alert
        if finding.over and current.unsettled and current.life.is_settled:
            # Something else was found after the counting and before the closing.
            again = Act(id=f"after {act.id}", verb=Verb.REOPEN, by=OURSELVES, at=self.clock())
            self._carry_out(alert.id, again)
            current = self.book.find(alert.id) or current
        return current

    def _carry_out(self, alert_id: str, act: Act) -> None:
        carry_out(alert_id, act, book=self.book, audit_log=self.audit_log)

    def _enriched(self, finding: Finding, event: Event) -> Finding:
        if (account_name := self.accounts.name(finding.account)) is not None:
            finding = dataclasses.replace(finding, account_name=account_name)
        for name, enrich in self.enrichments:
            try:
                finding = enrich(finding, event)
            except Exception as error:  # decoration: it costs its own line, never the alert
                finding = finding.with_fact(name, f"unavailable ({type(error).__name__})")
        return finding

    def _quietened(self, finding: Finding, event: Event) -> Finding:
        if finding.is_calm or finding.is_out_of_window:
            return finding
        for quieten in self.quietenings:
            if reason := quieten(finding, event):
                return finding.quieted(reason)
        return finding

    def _notify(self, alert: Alert, *, due: bool) -> list[Exception]:
        """Bring every channel up to date; a channel that fails does not keep the others from being told."""
        problems: list[Exception] = []
        for notifier in self.notifiers:
            if not self.accepts(alert, notifier.name):
                continue
            try:
                self._tell(notifier, alert, due=due)
            except UnavailableError as error:
                problems.append(error)
        return problems

    def _tell(self, notifier: Notifier, alert: Alert, *, due: bool) -> None:
        step = self._step(notifier, alert, due=due)
        if step is Step.NOTHING:
            return
        if step is Step.WAIT or not self.book.claim(alert.id, notifier.name, now=self.clock(), lease=_LEASE):
            self._remind(alert.id)  # too soon, or somebody else is telling: what is new must not be forgotten
            return
        try:
            # What was true before the claim may have been done by whoever held it.
            current = self.book.find(alert.id) or alert
            step = self._step(notifier, current, due=due)
            if step is Step.WAIT:
                self._remind(alert.id)
            if step in (Step.NOTHING, Step.WAIT):
                self.book.release(alert.id, notifier.name)
                return
            self._say(notifier, current, step)
        except BaseException:
            self.book.release(alert.id, notifier.name)
            raise

    def _step(self, notifier: Notifier, alert: Alert, *, due: bool) -> Step:
        step = next_step(
            alert,
            notifier.name,
            minimum=notifier.minimum_severity,
            now=self.clock(),
            refresh_every=self.refresh_every,
            due=due,
        )
        return step if notifier.follows or step in (Step.ANNOUNCE, Step.BROADCAST) else Step.NOTHING

    def _say(self, notifier: Notifier, alert: Alert, step: Step) -> None:
        known = alert.told.get(notifier.name)
        if step is Step.ANNOUNCE or known is None:
            told = Told(
                reference=notifier.announce(alert),
                count=1,
                severity=alert.severity,
                kinds=alert.kinds,
                cursor=alert.headline.cursor,
                at=self.clock(),
            )
        else:
            news = self.book.findings(alert.id, after=known.cursor, limit=_LINES)
            notifier.follow_up(alert, known, news, broadcast=step is Step.BROADCAST)
            told = Told(
                reference=known.reference,
                count=alert.loud,
                severity=alert.severity,
                kinds=alert.kinds,
                cursor=news[-1].cursor if news else known.cursor,
                at=self.clock(),
            )
        self.book.save_told(alert.id, notifier.name, told)
        if alert.loud > told.count and notifier.follows:
            self._remind(alert.id)

    def _remind(self, alert_id: str) -> None:
        """One reminder at a time: whoever takes the errand sends it."""
        wait = self.refresh_every
        if self.book.claim(alert_id, "refresh", now=self.clock(), lease=wait + _LEASE):
            try:
                self.later.refresh(alert_id, seconds=max(1, round(wait.total_seconds())))
            except UnavailableError:
                self.book.release(alert_id, "refresh")
                raise


def _told_once(found: Sequence[tuple[Finding, Detection]]) -> list[tuple[Finding, Detection]]:
    """One event is told once in a conversation, by its worst finding; the others are recorded with it, quietly.

    Otherwise "2 times" would be said of a call that was made once.
    """
    worst: dict[str, Finding] = {}
    for finding, _ in found:
        if finding.quiet is None and (finding.group not in worst or finding.severity > worst[finding.group].severity):
            worst[finding.group] = finding
    return [
        (
            finding
            if worst.get(finding.group) in (None, finding)
            else finding.quieted(f"the same event is told by {worst[finding.group].detection_id}"),
            detection,
        )
        for finding, detection in found
    ]


def _named(detection: Detection, error: Exception) -> Exception:
    problem = RootwatchError(f"the detection {detection.id} failed: {type(error).__name__}")
    problem.__cause__ = error
    return problem


UNREADABLE_EVENT = Detection.announced(
    id="unreadable-event",
    title="An event we cannot read",
    why="It reached the events queue, so a rule matched it; what it says cannot be judged.",
    severity=Severity.MEDIUM,
    respond=(
        "Look up what CloudTrail recorded at this minute",
        "Find out who can send to the events queue",
        "Report the text if AWS sent it",
    ),
)


def unreadable_finding(body: str, reason: str, *, now: datetime, road: Road) -> Finding:
    """The finding that announces a text which is not an event; the same text gives the same finding."""
    digest = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:32]
    event = Event(envelope={"id": f"sha256-{digest}", "detail-type": "unreadable", "detail": {}}, road=road)
    concern = Concern(
        summary=f"A text of {len(body):,} characters arrived that is not an event: {reason}.",
        subject="the events queue" if road is Road.EVENTBRIDGE else "the log bucket",
        severity=UNREADABLE_EVENT.severity,
        group="unreadable",
        exhibits=(Exhibit(title="How it begins", text=body[:1_000]),),
    )
    return Finding.of(UNREADABLE_EVENT, event, concern, now=now)
