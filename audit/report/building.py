"""From facts to the report: what counts, into which part it goes, and which query gives it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from audit.period import Period
from audit.questions import question
from audit.report.counting import PrivilegedSession, first_act, opened, quantile, sessions_of, waited, was_told
from audit.report.document import (
    Cell,
    Chart,
    Figure,
    Missing,
    Plot,
    Report,
    Section,
    Series,
    Source,
    Table,
    Title,
    Tone,
    Word,
)
from audit.report.facts import AlertStory, Asked, Facts, Practice, State, WindowStory, Work
from audit.report.month import Month
from handlers.alerting.actor import Mfa
from handlers.alerting.finding import QuietKind
from handlers.alerting.life import OURSELVES
from handlers.alerting.life import State as LifeState
from handlers.alerting.severity import Severity
from handlers.alerting.window import Standing, Window

GRANTS = frozenset(
    {
        "admin-policy-attached",
        "admin-policy-written",
        "admin-group-joined",
        "role-trust-widened",
        "permissions-boundary-loosened",
        "protecting-deny-removed",
        "admin-credential-created",
        "access-key-created",
        "root-access-key-created",
        "user-policy-attached",
        "identity-center-grant",
        "identity-provider-changed",
        "organization-guardrail-changed",
    }
)
ACCESS = frozenset({"external-access-found", "internal-access-found", "unused-access-found"})
WORTH_TAKING = Severity.MEDIUM  # what is less is for reading: nobody has to take it
_MOST_CALLS = 5  # named of one session
_BANDS = (
    ("band.5m", timedelta(minutes=5)),
    ("band.15m", timedelta(minutes=15)),
    ("band.1h", timedelta(hours=1)),
    ("band.4h", timedelta(hours=4)),
    ("band.1d", timedelta(days=1)),
)


def report_of(facts: Facts) -> Report:
    """The report. It asks nobody: the same facts give the same report."""
    parts = _Parts(facts)
    sections = (
        parts.sessions(),
        parts.windows(),
        parts.grants(),
        parts.alerts(),
        parts.open_items(),
        parts.access(),
        parts.quiet(),
        parts.coverage(),
        parts.canary(),
        parts.integrity(),
        parts.practices(),
        parts.questions(),
    )
    summary = parts.summary(sections)
    return Report(
        month=facts.month,
        made_at=facts.made_at,
        is_over=facts.made_at >= facts.month.until,
        is_example=facts.is_example,
        deployment=facts.deployment,
        account=facts.account,
        account_name=facts.account_name,
        version=facts.version,
        sections=(summary, *sections),
        sources=tuple(parts.sources.values()),
        lines=parts.lines(),
    )


class _Parts:
    """Makes the sections; remembers which sources they name."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.month = facts, facts.month
        self.sources: dict[str, Source] = {}
        known = facts.alerts
        self._all = [] if isinstance(known, Missing) else list(known)
        self._opened = [story for story in self._all if self.month.holds(opened(story))]
        self._told = [story for story in self._opened if was_told(story.alert)]
        self._to_take = [story for story in self._told if story.alert.severity >= WORTH_TAKING]
        self._findings = [
            (finding, story.alert.id)
            for story in self._all
            for finding in story.findings
            if self.month.holds(finding.happened)
        ]
        self._sessions = sessions_of(self._all, self.month)
        self._windows: Mapping[str, WindowStory] = (
            {} if isinstance(facts.windows, Missing) else {item.window.id: item for item in facts.windows}
        )
        self._open = sorted(
            (
                story
                for story in self._all
                if was_told(story.alert)
                and story.alert.life.state in (LifeState.OPEN, LifeState.ESCALATED)
                and story.alert.severity >= WORTH_TAKING
                and opened(story) < self.month.until
            ),
            key=lambda story: (-story.alert.severity, opened(story)),
        )

    # -- what is common

    @property
    def _no_alerts(self) -> Missing | None:
        return self.facts.alerts if isinstance(self.facts.alerts, Missing) else None

    @property
    def _alerts_partial(self) -> tuple[Missing, ...]:
        """Rows expire: an old month may have lost some."""
        kept_from = self.facts.made_at - timedelta(days=self.facts.alerts_kept_days)
        if self._no_alerts or kept_from <= self.month.since:
            return ()
        return (Missing(Word("missing.expired", {"days": self.facts.alerts_kept_days})),)

    def _count(self, number: int) -> Cell:
        """A number of the alert table; unknown where that was not read."""
        return self._no_alerts or number

    def _book(self, name: str) -> str:
        """A source in the alert table; the audit log has the same, and a question gives the rows again."""
        if name not in self.sources:
            asked = question(f"report_{name}")
            self.sources[name] = Source(
                id=name,
                title=Title(asked.title("en"), asked.title("ja")),
                command=command_of(asked.name, self.month),
                where=f"DynamoDB: {self.facts.deployment}-alerts",
                sql=asked.sql,
                parameters=said_parameters(asked.bind(period_of(self.month))),
            )
        return name

    def _place(self, name: str, *, command: str = "", where: str = "") -> str:
        self.sources.setdefault(name, Source(id=name, title=Word(f"source.{name}"), command=command, where=where))
        return name

    def _person(self, who: str) -> Cell:
        if who == OURSELVES:
            return Word("rootwatch")
        return self.facts.people.get(who, who)

    # -- sections

    def sessions(self) -> Section:
        """Every root and administrator session: its window, its ticket, who approved, what it did."""
        source = self._book("sessions")
        if self._no_alerts:
            return Section(key="sessions", missing=self._no_alerts)
        roots = [item for item in self._sessions if item.is_root]
        outside = [item for item in self._sessions if item.standing and Standing(item.standing).pages]
        needed = not isinstance(self.facts.windows, Missing) or any(item.standing for item in self._sessions)
        rows = [self._session_row(item) for item in self._sessions]
        partial = self._alerts_partial
        partial += (self.facts.work,) if isinstance(self.facts.work, Missing) else self.facts.work_partial
        return Section(
            key="sessions",
            figures=(
                Figure(key="root_sessions", value=len(roots), source=source, tone=Tone.WATCH if roots else Tone.GOOD),
                Figure(key="admin_sessions", value=len(self._sessions) - len(roots), source=source),
                Figure(
                    key="outside_window",
                    value=len(outside) if needed else Missing(Word("missing.no_windows")),
                    source=source,
                    tone=_bad_if(outside) if needed else Tone.PLAIN,
                ),
            ),
            tables=(
                Table(
                    id="sessions",
                    caption=Word("table.sessions"),
                    columns=_columns(
                        "began kind who account address user_agent mfa standing "
                        "window ticket approver writes reads failed did alert"
                    ),
                    rows=rows,
                    source=source,
                    below=("user_agent", "did", "alert"),
                    partial=partial,
                ),
            ),
        )

    def _session_row(self, session: PrivilegedSession) -> tuple[Cell, ...]:
        first = session.first
        story = self._windows.get(session.window_id)
        window = story.window if story else None
        work = self._work(session)
        did: tuple[Cell, ...]
        if isinstance(work, Missing):
            did = (work, work, work, work)
        else:
            shown = ", ".join(f"{name} ×{count:,}" for name, count in work.calls[:_MOST_CALLS])
            did = (work.writes, work.reads, work.failures, shown or Word("nothing"))
        return (
            first.happened,
            Word("kind.root" if session.is_root else "kind.admin"),
            first.actor,
            first.account_name or first.account,
            first.source_ip,
            first.user_agent,
            Word(f"mfa.{first.mfa}") if first.mfa in set(Mfa) else first.mfa,
            Word(f"standing.{session.standing.replace(' ', '_')}" if session.standing else "standing.not_needed"),
            session.window_id,
            window.ticket if window else "",
            self._approver(window),
            *did,
            ", ".join(session.alert_ids),
        )

    def _approver(self, window: Window | None) -> Cell:
        if window is None or not window.approved_by:
            return ""
        who = self._person(window.approved_by)
        return Word("approved.alone", {"who": str(who)}) if window.emergency else who

    def _work(self, session: PrivilegedSession) -> Work | Missing:
        """What the logs say it did; a session of which they say nothing did nothing that was seen."""
        known = self.facts.work
        if isinstance(known, Missing):
            return known
        if not session.keys:
            return Missing(Word("missing.no_session_key"))
        parts = [known[key] for key in sorted(session.keys) if key in known]
        if not parts:
            return Missing(Word("missing.no_records"))
        calls: Counter[str] = Counter()
        for part in parts:
            calls.update(dict(part.calls))
        return Work(
            writes=sum(part.writes for part in parts),
            reads=sum(part.reads for part in parts),
            failures=sum(part.failures for part in parts),
            calls=tuple(sorted(calls.items(), key=lambda item: (-item[1], item[0]))),
        )

    def windows(self) -> Section:
        """Break-glass windows against their use."""
        source = self._book("windows")
        if isinstance(self.facts.windows, Missing):
            return Section(key="windows", missing=self.facts.windows)
        mine = [
            item
            for item in self._windows.values()
            if item.window.starts < self.month.until and item.window.ends >= self.month.since
        ]
        mine.sort(key=lambda item: (item.window.starts, item.window.id))
        approved = [item for item in mine if item.window.approved_at]
        unused = [item for item in approved if not item.uses]
        alone = [item for item in approved if item.window.emergency]
        return Section(
            key="windows",
            figures=(
                Figure(key="windows", value=len(mine), source=source),
                Figure(key="windows_approved", value=len(approved), source=source),
                Figure(
                    key="windows_emergency", value=len(alone), source=source, tone=Tone.WATCH if alone else Tone.GOOD
                ),
                Figure(
                    key="windows_unused", value=len(unused), source=source, tone=Tone.WATCH if unused else Tone.GOOD
                ),
            ),
            tables=(
                Table(
                    id="windows",
                    caption=Word("table.windows"),
                    columns=_columns(
                        "window starts ends account identity person "
                        "purpose ticket state requested_by approver uses uses_outside"
                    ),
                    rows=[self._window_row(item) for item in mine],
                    source=source,
                    below=("purpose",),
                    partial=self._alerts_partial,
                ),
            ),
        )

    def _window_row(self, story: WindowStory) -> tuple[Cell, ...]:
        window = story.window
        return (
            window.id,
            window.starts,
            window.closes,
            window.account,
            window.identity,
            window.person,
            window.purpose,
            window.ticket,
            Word(f"window_state.{window.state}"),
            self._person(window.requested_by),
            self._approver(window),
            len(story.uses),
            sum(use.standing.pages for use in story.uses),
        )

    def grants(self) -> Section:
        """Who was given rights or credentials, and by whom."""
        source = self._book("grants")
        if self._no_alerts:
            return Section(key="grants", missing=self._no_alerts)
        made = sorted(
            ((item, alert_id) for item, alert_id in self._findings if item.detection_id in GRANTS),
            key=lambda pair: (pair[0].happened, pair[0].id),
        )
        done = [(item, alert_id) for item, alert_id in made if item.error is None]
        by = Counter(item.actor for item, _ in done)
        rows = [
            (
                item.happened,
                item.detection_id,
                Word(f"severity.{item.severity.name}"),
                item.subject,
                item.actor,
                item.account_name or item.account,
                item.source_ip,
                item.summary,
                Word("result.ok") if item.error is None else item.error,
                alert_id,
            )
            for item, alert_id in made
        ]
        return Section(
            key="grants",
            figures=(
                Figure(key="grants", value=len(done), source=source),
                Figure(key="grants_refused", value=len(made) - len(done), source=source),
                Figure(key="granters", value=len(by), source=source),
            ),
            tables=(
                Table(
                    id="grants_by",
                    caption=Word("table.grants_by"),
                    columns=_columns("granted_by grants"),
                    rows=[*sorted(by.items(), key=lambda item: (-item[1], item[0]))],
                    source=source,
                    partial=self._alerts_partial,
                ),
                Table(
                    id="grants",
                    caption=Word("table.grants"),
                    columns=_columns(
                        "time detection severity granted_to granted_by account address summary result alert"
                    ),
                    rows=rows,
                    source=source,
                    below=("summary",),
                    partial=self._alerts_partial,
                ),
            ),
        )

    def alerts(self) -> Section:
        """How much there was, when, and how soon somebody took it."""
        source = self._book("alerts")
        if self._no_alerts:
            return Section(key="alerts", missing=self._no_alerts)
        took = self._book("acknowledged")
        waits = [wait for story in self._to_take if (wait := waited(story)) is not None]
        return Section(
            key="alerts",
            figures=(
                Figure(key="alerts", value=len(self._told), source=source),
                Figure(
                    key="alerts_critical",
                    value=sum(story.alert.severity is Severity.CRITICAL for story in self._told),
                    source=source,
                ),
                Figure(key="taken", value=Word("of", {"part": len(waits), "all": len(self._to_take)}), source=took),
                Figure(key="median_wait", value=_or_none(quantile(waits, 0.5)), source=took),
                Figure(key="p90_wait", value=_or_none(quantile(waits, 0.9)), source=took),
                self._answered("events_without_alert"),
                self._answered("alerts_without_event"),
            ),
            charts=(self._activity(source), self._waits(took), self._heat(self._book("findings"))),
            tables=(
                Table(
                    id="acknowledgement",
                    caption=Word("table.acknowledgement"),
                    columns=_columns("severity alerts taken not_taken median p90 slowest"),
                    rows=[self._wait_row(severity) for severity in sorted(Severity, reverse=True)],
                    source=took,
                    partial=self._alerts_partial,
                ),
                Table(
                    id="alerts",
                    caption=Word("table.alerts"),
                    columns=_columns("opened severity title account who findings state taken_by wait ticket alert"),
                    rows=[self._alert_row(story) for story in sorted(self._told, key=_by_opened)],
                    source=source,
                    partial=self._alerts_partial,
                ),
            ),
            notes=(Word("note.worth_taking"),),
        )

    def _answered(self, name: str) -> Figure:
        """How many rows answer a question of the logs; unknown where it was not asked or not answered."""
        asked = self.facts.asked
        item = None if isinstance(asked, Missing) else next((one for one in asked if one.name == name), None)
        if item is None:
            why = asked if isinstance(asked, Missing) else Missing(Word("missing.not_asked"))
            return Figure(key=name, value=why, source="")
        value = item.missing or len(item.rows)
        tone = Tone.PLAIN if item.missing else _bad_if(item.rows)
        return Figure(key=name, value=value, source=self._question(item), tone=tone)

    def _alert_row(self, story: AlertStory) -> tuple[Cell, ...]:
        alert, act = story.alert, first_act(story)
        tickets = [item.ticket for item, _ in story.acts if item.ticket]
        return (
            opened(story),
            Word(f"severity.{alert.severity.name}"),
            alert.headline.title,
            alert.headline.account_name or alert.headline.account,
            alert.headline.actor,
            alert.count,
            Word(f"state.{alert.life.state}"),
            self._person(act[1]) if act else Word("nobody"),
            waited(story) if act else Word("nobody_yet"),
            tickets[-1] if tickets else "",
            alert.id,
        )

    def _wait_row(self, severity: Severity) -> tuple[Cell, ...]:
        mine = [story for story in self._told if story.alert.severity is severity]
        waits = [wait for story in mine if (wait := waited(story)) is not None]
        return (
            Word(f"severity.{severity.name}"),
            len(mine),
            len(waits),
            len(mine) - len(waits),
            _or_none(quantile(waits, 0.5)),
            _or_none(quantile(waits, 0.9)),
            _or_none(max(waits, default=None)),
        )

    def _activity(self, source: str) -> Chart:
        counts: Counter[tuple[date, Severity]] = Counter(
            (self.month.local(opened(story)).date(), story.alert.severity) for story in self._told
        )
        return Chart(
            id="activity",
            caption=Word("chart.activity"),
            plot=Plot.STACKED,
            label=Word("column.day"),
            labels=self.month.days,
            series=tuple(
                Series(
                    name=Word(f"severity.{severity.name}"),
                    style=severity.name,
                    values=tuple(counts[day, severity] for day in self.month.days),
                )
                for severity in sorted(Severity, reverse=True)
            ),
            source=source,
        )

    def _waits(self, source: str) -> Chart:
        names = [*(name for name, _ in _BANDS), "band.longer", "band.never"]
        counts: Counter[str] = Counter(_band(waited(story)) for story in self._to_take)
        return Chart(
            id="waits",
            caption=Word("chart.waits"),
            plot=Plot.BARS,
            label=Word("column.wait"),
            labels=tuple(Word(name) for name in names),
            series=(Series(name=Word("column.alerts"), style="plain", values=tuple(counts[name] for name in names)),),
            source=source,
        )

    def _heat(self, source: str) -> Chart:
        counts: Counter[tuple[int, int]] = Counter()
        for finding, _ in self._findings:
            local = self.month.local(finding.happened)
            counts[local.weekday(), local.hour] += 1
        return Chart(
            id="hours",
            caption=Word("chart.hours", {"zone": self.month.zone.key}),
            plot=Plot.HEAT,
            label=Word("column.hour"),
            labels=tuple(range(24)),
            series=tuple(
                Series(
                    name=Word(f"weekday.{number}"),
                    style="plain",
                    values=tuple(counts[number, hour] for hour in range(24)),
                )
                for number in range(7)
            ),
            source=source,
        )

    def open_items(self) -> Section:
        """What nobody has taken, now."""
        source = self._book("open")
        if self._no_alerts:
            return Section(key="open", missing=self._no_alerts)
        rows = [
            (
                opened(story),
                self.facts.made_at - opened(story),
                Word(f"severity.{story.alert.severity.name}"),
                story.alert.headline.title,
                story.alert.headline.account_name or story.alert.headline.account,
                story.alert.headline.summary,
                Word(f"state.{story.alert.life.state}"),
                story.alert.id,
            )
            for story in self._open
        ]
        return Section(
            key="open",
            figures=(Figure(key="open", value=len(rows), source=source, tone=_bad_if(rows)),),
            tables=(
                Table(
                    id="open",
                    caption=Word("table.open"),
                    columns=_columns("opened age severity title account summary state alert"),
                    rows=rows,
                    source=source,
                    below=("summary",),
                    partial=self._alerts_partial,
                ),
            ),
        )

    def access(self) -> Section:
        """What Access Analyzer finds: who outside could come in, and what nobody uses."""
        source = self._place("access", where="access-analyzer:ListAnalyzers, ListFindingsV2 (status ACTIVE)")
        found = self.facts.access
        if isinstance(found, Missing):
            return Section(key="access", missing=found)
        counts = Counter(item.kind for item in found)
        rows = [
            (Word(f"access.{item.kind}"), item.type, item.resource, item.region, item.updated)
            for item in sorted(found, key=lambda item: (item.kind, item.resource))
        ]
        new = Counter(item.detection_id for item, _ in self._findings if item.detection_id in ACCESS and not item.over)
        seen = self._book("findings")
        partial = self.facts.access_partial
        return Section(
            key="access",
            figures=(
                Figure(key="external", value=counts["external"], source=source, tone=_bad_if(counts["external"])),
                Figure(key="internal", value=counts["internal"], source=source),
                Figure(
                    key="unused",
                    value=counts["unused"],
                    source=source,
                    tone=Tone.WATCH if counts["unused"] else Tone.GOOD,
                ),
                Figure(key="access_new", value=self._count(sum(new.values())), source=seen),
            ),
            tables=(
                Table(
                    id="access",
                    caption=Word("table.access"),
                    columns=_columns("access_kind type resource region updated"),
                    rows=rows,
                    source=source,
                    partial=partial,
                ),
            ),
            notes=(Word("note.as_of_now"),),
        )

    def quiet(self) -> Section:
        """What is declared to be quiet, and what was kept so."""
        source = self._place("suppressions", command="rootwatch suppressions list --json", where="rootwatch.toml")
        declared = self.facts.quiet
        if isinstance(declared, Missing):
            return Section(key="quiet", missing=declared)
        first, last = self.month.days[0], self.month.days[-1]
        in_force = [item for item in declared.suppressions if item.created <= last and item.expires >= first]
        today = self.facts.made_at.astimezone(UTC).date()
        kept = self._book("quiet")
        rows: list[tuple[Cell, ...]] = [
            (
                item.detection,
                ", ".join(filter(None, (item.account, item.principal, item.source_role))),
                item.reason,
                item.owner,
                item.ticket,
                item.created,
                item.expires,
                Word("ended") if item.days_left(today) <= 0 else item.days_left(today),
                self._count(sum(finding.quiet == item.words for finding, _ in self._findings)),
            )
            for item in sorted(in_force, key=lambda item: (item.expires, item.detection))
        ]
        routine = sum(item.quiet_kind is QuietKind.DIGEST for item, _ in self._findings)
        hidden = sum(item.quiet_kind is QuietKind.SUPPRESSED for item, _ in self._findings)
        deployers: list[tuple[Cell, ...]] = [
            (item.role, ", ".join(item.accounts), item.owner) for item in declared.deployers
        ]
        return Section(
            key="quiet",
            figures=(
                Figure(key="suppressions", value=len(in_force), source=source),
                Figure(key="suppressed", value=self._count(hidden), source=kept),
                Figure(key="routine", value=self._count(routine), source=kept),
                Figure(key="staging", value=len(declared.staging), source=source),
            ),
            tables=(
                Table(
                    id="suppressions",
                    caption=Word("table.suppressions"),
                    columns=_columns("detection scope reason owner ticket created expires days_left kept_quiet"),
                    rows=rows,
                    source=source,
                    below=("reason",),
                ),
                Table(
                    id="deployers",
                    caption=Word("table.deployers"),
                    columns=_columns("role accounts owner"),
                    rows=deployers,
                    source=source,
                ),
            ),
            notes=(Word("note.declared_now"),),
        )

    def coverage(self) -> Section:
        """Whether each detection has its rule in each watched region."""
        rules = self.facts.rules
        if isinstance(rules, Missing):
            return Section(key="coverage", missing=rules)
        source = self._place("coverage", command=rules.how, where="events:ListRules, ListTargetsByRule")
        wrong = len(rules.wrong)
        return Section(
            key="coverage",
            figures=(
                Figure(key="rules", value=rules.expected, source=source),
                Figure(key="rules_wrong", value=wrong, source=source, tone=_bad_if(wrong)),
            ),
            tables=(
                Table(
                    id="coverage",
                    caption=Word("table.coverage"),
                    columns=_columns("region detection rule matter"),
                    rows=list(rules.wrong),
                    source=source,
                ),
            ),
            notes=(Word("note.as_of_now"),),
        )

    def canary(self) -> Section:
        """Whether a synthetic event came through, each time."""
        beats = self.facts.heartbeats
        if isinstance(beats, Missing):
            return Section(key="canary", missing=beats)
        source = self._place("canary", where=f"DynamoDB: {self.facts.deployment}-alerts, CANARY#")
        share: Cell = Missing(Word("missing.none_sent"))
        if beats.sent:
            share = round(100 * beats.arrived / beats.sent, 2)
        lost = beats.sent - beats.arrived
        return Section(
            key="canary",
            figures=(
                Figure(key="uptime", value=share, source=source, tone=_bad_if(lost)),
                Figure(key="beats_sent", value=beats.sent, source=source),
                Figure(key="beats_lost", value=lost, source=source, tone=_bad_if(lost)),
                Figure(key="beats_slowest", value=_or_none(beats.slowest), source=source),
            ),
            tables=(
                Table(
                    id="canary",
                    caption=Word("table.canary"),
                    columns=_columns("starts ends lasted"),
                    rows=[(since, until, until - since) for since, until in beats.gaps],
                    source=source,
                ),
            ),
        )

    def integrity(self) -> Section:
        """Whether the log files are the ones that CloudTrail wrote, all of them."""
        found = self.facts.integrity
        if isinstance(found, Missing):
            return Section(key="integrity", missing=found)
        source = self._place("integrity", command=found.command, where="S3: CloudTrail-Digest")
        partial = (Missing(Word("missing.unchecked", {"count": len(found.unchecked)})),) if found.unchecked else ()
        return Section(
            key="integrity",
            figures=(
                Figure(
                    key="whole",
                    value=Word(f"whole.{_whole(found.is_whole, bool(found.problems))}"),
                    source=source,
                    tone=Tone.GOOD if found.is_whole else Tone.BAD,
                ),
                Figure(key="log_files", value=found.log_files, source=source),
                Figure(key="digests", value=found.digests, source=source),
                Figure(key="log_problems", value=len(found.problems), source=source, tone=_bad_if(found.problems)),
            ),
            tables=(
                Table(
                    id="integrity",
                    caption=Word("table.integrity"),
                    columns=_columns("object matter"),
                    rows=[*found.problems, *found.unchecked],
                    source=source,
                    partial=partial,
                ),
            ),
            notes=(Word("note.statement", {"hash": found.statement}),) if found.statement else (),
        )

    def practices(self) -> Section:
        """What of the best practices is kept."""
        found = self.facts.practices
        if isinstance(found, Missing):
            return Section(key="practices", missing=found)
        source = self._place(
            "practices",
            where="config:DescribeComplianceByConfigRule, GetComplianceDetailsByConfigRule; iam:GetCredentialReport",
        )
        counts = Counter(item.state for item in found)
        return Section(
            key="practices",
            figures=(
                Figure(key="practices_kept", value=counts[State.KEPT], source=source, tone=Tone.GOOD),
                Figure(
                    key="practices_broken",
                    value=counts[State.BROKEN],
                    source=source,
                    tone=_bad_if(counts[State.BROKEN]),
                ),
                Figure(
                    key="practices_unknown",
                    value=counts[State.UNKNOWN],
                    source=source,
                    tone=Tone.WATCH if counts[State.UNKNOWN] else Tone.GOOD,
                ),
            ),
            tables=(
                Table(
                    id="practices",
                    caption=Word("table.practices"),
                    columns=_columns("practice kept offenders found_by"),
                    rows=[_practice_row(item) for item in found],
                    source=source,
                ),
            ),
            notes=(Word("note.as_of_now"),),
        )

    def questions(self) -> Section:
        """What auditors ask of the logs: a line for each question, and its rows."""
        asked = self.facts.asked
        if isinstance(asked, Missing):
            return Section(key="questions", missing=asked)
        overview: list[tuple[Cell, ...]] = []
        tables: list[Table] = []
        for item in asked:
            source = self._question(item)
            overview.append((item.title, item.missing or len(item.rows), item.answers, item.name))
            if item.missing is None:
                tables.append(
                    Table(
                        id=f"question-{item.name}",
                        caption=item.title,
                        columns=item.columns,
                        rows=[tuple(_cell(value) for value in row) for row in item.rows],
                        source=source,
                        foreign=True,
                        partial=tuple(Missing(Word("missing.engine"), reason) for reason in item.partial),
                    )
                )
        listed = self._place("questions", command="rootwatch audit list")
        partial = tuple(dict.fromkeys(item.missing for item in asked if item.missing))
        overview_table = Table(
            id="questions",
            caption=Word("table.questions"),
            columns=_columns("question rows answers name"),
            rows=overview,
            source=listed,
            partial=partial,
        )
        return Section(key="questions", tables=(overview_table, *tables))

    def _question(self, item: Asked) -> str:
        id_ = f"question-{item.name}"
        self.sources[id_] = Source(
            id=id_,
            title=item.title,
            command=item.command,
            sql=item.sql,
            parameters=item.parameters,
            scanned_bytes=item.scanned_bytes,
        )
        return id_

    # -- the whole

    def summary(self, sections: Sequence[Section]) -> Section:
        """The numbers that somebody reads who reads nothing else, and what is missing in the report."""
        wanted = (
            ("sessions", "root_sessions"),
            ("sessions", "admin_sessions"),
            ("sessions", "outside_window"),
            ("grants", "grants"),
            ("alerts", "alerts"),
            ("alerts", "median_wait"),
            ("alerts", "events_without_alert"),
            ("open", "open"),
            ("integrity", "whole"),
        )
        known = {(section.key, item.key): item for section in sections for item in section.figures}
        missing = {section.key: section.missing for section in sections}
        figures = []
        for section, key in wanted:
            figure = known.get((section, key))
            figures.append(
                replace(figure)
                if figure
                else Figure(key=key, value=missing[section] or Missing(Word("missing.not_asked")), source="")
            )
        return Section(key="summary", figures=tuple(figures))

    def lines(self) -> tuple[Word, ...]:
        """Three lines for a message: how much, what is left to do, and whether the records can be trusted."""
        waits = [wait for story in self._to_take if (wait := waited(story)) is not None]
        roots = sum(item.is_root for item in self._sessions)
        month = str(self.month)
        if self._no_alerts:
            first, second = Word("line.no_alerts", {"month": month}), Word("line.open_unknown")
        else:
            first = Word(
                "line.activity",
                {"month": month, "alerts": len(self._told), "roots": roots, "admins": len(self._sessions) - roots},
            )
            median = quantile(waits, 0.5)
            minutes = -1 if median is None else int(median.total_seconds() // 60)
            second = Word(
                "line.open" if median is not None else "line.open_no_waits",
                {"open": len(self._open), "minutes": minutes},
            )
        found = self.facts.integrity
        if isinstance(found, Missing):
            third = Word("line.logs_unchecked")
        else:
            third = Word(
                f"line.logs_{_whole(found.is_whole, bool(found.problems))}",
                {"files": found.log_files, "problems": len(found.problems), "unchecked": len(found.unchecked)},
            )
        return (first, second, third)


def _whole(is_whole: bool, has_problems: bool) -> str:
    if is_whole:
        return "yes"
    return "no" if has_problems else "unknown"


def _practice_row(item: Practice) -> tuple[Cell, ...]:
    kept: Cell = item.why if item.state is State.UNKNOWN and item.why else Word(f"kept.{item.state}")
    return (Word(item.key), kept, ", ".join(item.offenders), item.found_by)


def _bad_if(something: Any) -> Tone:
    return Tone.BAD if something else Tone.GOOD


def _or_none(value: timedelta | None) -> Cell:
    return Word("nothing_to_measure") if value is None else value


def _band(wait: timedelta | None) -> str:
    if wait is None:
        return "band.never"
    return next((name for name, limit in _BANDS if wait < limit), "band.longer")


def _by_opened(story: AlertStory) -> tuple[datetime, str]:
    return opened(story), story.alert.id


def _cell(value: Any) -> Cell:
    """Whatever an engine gives, as something that can be shown."""
    if value is None or isinstance(value, (str, bool, int, float, datetime, date, timedelta)):
        return value
    return str(value)


def period_of(month: Month) -> Period:
    """The month as the questions are bounded by it."""
    return Period(begin=month.since, end=month.until)


def command_of(name: str, month: Month) -> str:
    """What a reader types to ask a question of this month again."""
    period = period_of(month)
    return f"rootwatch audit run {name} --from {period.from_time} --to {period.to_time}"


def said_parameters(bound: Mapping[str, object]) -> dict[str, str]:
    """A question's parameters as texts; those that leave nothing out are left out."""
    return {name: _said(value) for name, value in bound.items() if value != ()}


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _columns(names: str) -> tuple[str, ...]:
    """Keys of `words`, with a blank between them."""
    return tuple(names.split())
