"""A made-up month, so that a newcomer sees a report before anything is deployed; the same each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from audit.questions import all_questions
from audit.report.building import command_of, period_of, said_parameters
from audit.report.document import Missing, Title, Word
from audit.report.facts import (
    AccessFinding,
    AlertStory,
    Asked,
    Facts,
    Heartbeats,
    Integrity,
    Practice,
    Rules,
    State,
    WindowStory,
    Work,
)
from audit.report.month import Month
from handlers.alerting.alert import Alert, alert_id_of, kind_of
from handlers.alerting.finding import Finding
from handlers.alerting.life import OURSELVES, Act, Cause, Life, Verb, decide
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Deployer, Quiet, Suppression
from handlers.alerting.text import phrase
from handlers.alerting.window import ROOT, Standing, Use, Window, WindowAct, WindowState, WindowVerb
from handlers.detections import CATALOGUE

ACCOUNT, NAME = "123456789012", "production"
ALICE, BOB, CAROL = "U0ALICE", "U0BOB", "U0CAROL"
HOSTILE_AGENT = '<script>alert(1)</script> "><img src=x onerror=alert(2)> =HYPERLINK("https://example.com")'
_DETECTIONS = {item.id: item for item in CATALOGUE}
_LEADS_TO = {
    "taken": (Verb.ACKNOWLEDGE, Verb.CLOSE),
    "expected": (Verb.EXPECT,),
    "escalated": (Verb.ESCALATE,),
    "open": (),
}


def example_facts(month: Month, *, version: str = "") -> Facts:
    """The facts of an invented deployment in that month."""
    builder = _Example(month)
    builder.play()
    return Facts(
        month=month,
        made_at=month.until + timedelta(hours=9),
        deployment="rootwatch",
        account=ACCOUNT,
        account_name=NAME,
        version=version,
        is_example=True,
        people={ALICE: "alice", BOB: "bob", CAROL: "carol"},
        alerts=builder.stories(),
        windows=builder.windows,
        work=builder.work,
        asked=builder.asked(),
        practices=_practices(),
        access=_access(month),
        quiet=builder.quiet,
        rules=Rules(
            expected=94,
            wrong=(("eu-west-1", "alarm-disabled", "rootwatch-alarm-disabled", "switched off"),),
        ),
        heartbeats=Heartbeats(
            sent=2_976,
            arrived=2_971,
            slowest=timedelta(minutes=4, seconds=12),
            gaps=((builder.at(14, 2, 15), builder.at(14, 3, 30)),),
        ),
        integrity=Integrity(
            is_whole=True,
            log_files=26_784,
            digests=2_976,
            since=month.since,
            until=month.until,
            statement="3f0c2f6a5b1e4d7c8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f7",
            command=f"rootwatch verify-logs --from {month.days[0]} --to {month.days[-1]}",
        ),
    )


class _Example:
    """Plays the month."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self._dice = random.Random(f"example {month.year}-{month.month}")  # noqa: S311 - invented numbers
        self._stories: list[AlertStory] = []
        self._number = 0
        self.windows: list[WindowStory] = []
        self.work: dict[str, Work] = {}
        first = month.days[0]
        self.quiet = Quiet(
            suppressions=(
                Suppression(
                    detection="access-key-created",
                    source_role=f"arn:aws:iam::{ACCOUNT}:role/key-rotation",
                    reason="the nightly key rotation of the old build machines",
                    owner="alice",
                    ticket="OPS-1",
                    created=first - timedelta(days=20),
                    expires=first + timedelta(days=40),
                ),
                Suppression(
                    detection="config-rule-noncompliant",
                    account=ACCOUNT,
                    reason="the sandbox is being taken apart",
                    owner="bob",
                    ticket="OPS-19",
                    created=first,
                    expires=first + timedelta(days=13),
                ),
            ),
            deployers=(
                Deployer(
                    role="arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*",
                    accounts=(ACCOUNT,),
                    owner="bob",
                ),
            ),
            staging=("inspector-disabled",),
        )

    def at(self, day: int, hour: int, minute: int) -> datetime:
        """A moment of the month, on its own wall clock; a day it does not have is its last."""
        chosen: date = self.month.days[min(day, len(self.month.days)) - 1]
        local = datetime(chosen.year, chosen.month, chosen.day, hour, minute, 7, tzinfo=self.month.zone)
        return local.astimezone(UTC)

    def stories(self) -> Sequence[AlertStory]:
        return self._stories

    def play(self) -> None:
        """What happened."""
        self._break_glass()
        self._strangers()
        self._administrators()
        self._grants()
        self._the_rest()

    def _break_glass(self) -> None:
        window = self._window("W0123456789ab", 6, 10, "OPS-7", "change the account's contact", used=True)
        key = "ASIAIOSFODNN7ROOT001"
        inside = self._finding(
            "root-console-login",
            self.at(6, 10, 12),
            actor="root user",
            subject="the console",
            summary="Root signed in to the console from 192.0.2.17 with MFA.",
            mfa="yes",
            session={"access_keys": [key], "sign_ins": [f"arn:aws:signin:us-east-1:{ACCOUNT}:session/root-1"]},
            severity=Severity.LOW,
            standing=Standing.INSIDE,
            window_id=window.id,
        )
        self._tell([inside], life="expected", by=BOB, after=4, ticket="OPS-7")
        self.work[f"arn:aws:signin:us-east-1:{ACCOUNT}:session/root-1"] = Work(
            writes=2, reads=41, failures=0, calls=(("account PutContactInformation", 2), ("iam GetAccountSummary", 9))
        )
        self._window("Wfedcba987654", 20, 15, "OPS-23", "close the old billing account", used=False)
        self._window("W00000000cafe", 24, 3, "OPS-31", "the trail's key was disabled", used=True, emergency=True)
        rescue = self._finding(
            "root-console-login",
            self.at(24, 3, 20),
            actor="root user",
            subject="the console",
            summary="Root signed in to the console from 192.0.2.17 with MFA.",
            mfa="yes",
            session={"access_keys": ["ASIAIOSFODNN7ROOT002"]},
            severity=Severity.LOW,
            standing=Standing.INSIDE,
            window_id="W00000000cafe",
        )
        self._tell([rescue], life="expected", by=CAROL, after=35, ticket="OPS-31")
        self.work["ASIAIOSFODNN7ROOT002"] = Work(
            writes=1, reads=6, failures=0, calls=(("kms EnableKey", 1), ("kms DescribeKey", 4))
        )

    def _strangers(self) -> None:
        outside = self._finding(
            "root-console-login",
            self.at(17, 23, 41),
            actor="root user",
            subject="the console",
            summary="Root signed in to the console from 198.51.100.23 without MFA. No approved window covers it.",
            mfa="no",
            ip="198.51.100.23",
            agent=HOSTILE_AGENT,
            session={"access_keys": ["ASIAIOSFODNN7ROOT666"]},
            severity=Severity.CRITICAL,
            standing=Standing.NONE,
        )
        key = self._finding(
            "root-access-key-created",
            self.at(17, 23, 44),
            actor="root user",
            subject="root's access key",
            summary="Root was given an access key.",
            ip="198.51.100.23",
            agent=HOSTILE_AGENT,
        )
        self._tell([outside, key], life="taken", by=ALICE, after=6, cause=Cause.INCIDENT, ticket="INC-4")
        self.work["ASIAIOSFODNN7ROOT666"] = Work(
            writes=3,
            reads=28,
            failures=7,
            calls=(("iam CreateAccessKey", 1), ("iam CreateUser", 1), ("s3 ListBuckets", 12), ("iam ListUsers", 9)),
        )
        trail = self._finding(
            "trail-tampered",
            self.at(18, 0, 2),
            actor="mallory",
            subject="trail main",
            summary="mallory tried to stop the trail main.",
            ip="198.51.100.23",
            error="AccessDenied",
        )
        self._tell([trail], life="escalated", by=ALICE, after=9, ticket="INC-4")

    def _administrators(self) -> None:
        for number in range(14):
            day = 1 + (number * 2) % len(self.month.days)
            who = ("alice", "bob", "carol")[number % 3]
            key = f"ASIAIOSFODNN7ADMIN{number:02d}"
            began = self._finding(
                "admin-session-started",
                self.at(day, 8 + number % 10, 5 + 3 * number % 50),
                actor=f"AWSReservedSSO_Admin/{who}",
                subject=f"a session of {who}",
                summary=f"{who} began an administrator session.",
                mfa="yes",
                session={"access_keys": [key]},
            )
            self._tell([began], life="open")
            writes = self._dice.randrange(0, 30)
            self.work[key] = Work(
                writes=writes,
                reads=self._dice.randrange(20, 400),
                failures=self._dice.randrange(0, 4),
                calls=(("ec2 DescribeInstances", 40), ("cloudformation UpdateStack", writes))[: 2 if writes else 1],
            )

    def _grants(self) -> None:
        made = (
            (3, "admin-policy-attached", "alice", "user dave", "Alice attached AdministratorAccess to the user dave."),
            (9, "role-trust-widened", "bob", "role audit", "bob let account 210987654321 assume the role audit."),
            (12, "identity-center-grant", "carol", "group platform", "carol gave the group platform the set Admin."),
            (21, "admin-group-joined", "alice", "user erin", "alice put the user erin into the group admins."),
            (25, "admin-credential-created", "bob", "user dave", "bob made an access key for the administrator dave."),
        )
        for day, detection, actor, subject, summary in made:
            finding = self._finding(
                detection, self.at(day, 14, day), actor=actor, subject=subject, summary=summary, mfa="yes"
            )
            self._tell(
                [finding], life="taken", by=BOB if actor != "bob" else ALICE, after=day * 3, cause=Cause.HARMLESS
            )
        refused = self._finding(
            "user-policy-attached",
            self.at(18, 1, 12),
            actor="mallory",
            subject="user mallory",
            summary="mallory tried to attach a policy to the user mallory.",
            error="AccessDenied",
            severity=Severity.MEDIUM,
        )
        self._tell([refused], life="open")
        rotation = self.quiet.suppressions[0]
        for every in self.month.days[::2]:
            made_by = self._finding(
                "access-key-created",
                self.at(every.day, 2, 0),
                actor="key-rotation",
                subject="user build",
                summary="key-rotation made an access key for the user build.",
                quiet=rotation.words,
            )
            self._tell([made_by], life="open")

    def _the_rest(self) -> None:
        kinds = (
            ("config-rule-noncompliant", 8, "A rule of AWS Config found something."),
            ("log-group-deleted", 6, "deploy deleted a log group."),
            ("alarm-disabled", 3, "bob switched an alarm off."),
            ("external-access-found", 2, "A bucket can be read from outside."),
            ("unused-access-found", 4, "A role has not been used for 90 days."),
        )
        for detection, count, summary in kinds:
            for _ in range(count):
                when = self.at(
                    self._dice.randrange(1, len(self.month.days) + 1),
                    min(23, max(0, round(self._dice.gauss(13, 4)))),
                    self._dice.randrange(60),
                )
                finding = self._finding(detection, when, actor="deploy", subject="a resource", summary=summary)
                taken = self._dice.random() < 0.8
                minutes = int(self._dice.lognormvariate(3.4, 1.3)) + 1
                self._tell([finding], life="taken" if taken else "open", by=CAROL, after=minutes, cause=Cause.MENDED)

    def _window(
        self, id_: str, day: int, hour: int, ticket: str, purpose: str, *, used: bool, emergency: bool = False
    ) -> Window:
        starts = self.at(day, hour, 0)
        approver = ALICE if emergency else BOB
        window = Window(
            id=id_,
            account=ACCOUNT,
            identity=ROOT,
            person="alice",
            purpose=purpose,
            ticket=ticket,
            starts=starts,
            ends=starts + timedelta(hours=2),
            requested_by=ALICE,
            requested_at=starts - timedelta(minutes=40),
            state=WindowState.ENDED,
            approved_by=approver,
            approved_at=starts - timedelta(minutes=25),
            emergency=emergency,
            reason="nobody else is awake" if emergency else "",
            settled_by=OURSELVES,
            settled_at=starts + timedelta(hours=2),
            version=3,
        )
        asked = WindowAct(id=f"{id_} 1", verb=WindowVerb.REQUEST, by=ALICE, at=window.requested_at)
        use = Use(
            finding_id=f"root-console-login#{id_}",
            at=starts + timedelta(minutes=12),
            standing=Standing.INSIDE,
            summary="Root signed in to the console.",
            region="us-east-1",
            address="192.0.2.17",
        )
        self.windows.append(WindowStory(window=window, acts=((asked, window),), uses=(use,) if used else ()))
        return window

    def _finding(
        self,
        detection_id: str,
        when: datetime,
        *,
        actor: str,
        subject: str,
        summary: str,
        mfa: str = "unknown",
        ip: str = "192.0.2.17",
        agent: str = "Mozilla/5.0 (X11; Linux x86_64)",
        error: str | None = None,
        session: dict[str, list[str]] | None = None,
        severity: Severity | None = None,
        standing: str = "",
        window_id: str = "",
        quiet: str | None = None,
    ) -> Finding:
        detection = _DETECTIONS[detection_id]
        self._number += 1
        event_id = f"00000000-0000-4000-8000-{self._number:012d}"
        return Finding(
            id=f"{detection_id}#{ACCOUNT}#{event_id}",
            detection_id=detection_id,
            account=ACCOUNT,
            group=f"{ACCOUNT}#{detection_id}",
            severity=severity or detection.severity,
            title=phrase(detection.title),
            summary=summary,
            subject=subject,
            why=detection.why,
            respond=detection.respond,
            threshold=1,
            event_id=event_id,
            event_name="ConsoleLogin" if "login" in detection_id else "Example",
            event_service="signin.amazonaws.com" if "login" in detection_id else "iam.amazonaws.com",
            region="us-east-1",
            time=when,
            received=when + timedelta(seconds=self._dice.randrange(20, 200)),
            actor=actor,
            actor_kind="root user" if actor == "root user" else "role session",
            actor_arn=f"arn:aws:iam::{ACCOUNT}:root"
            if actor == "root user"
            else f"arn:aws:iam::{ACCOUNT}:user/{actor}",
            access_key_id=(session or {}).get("access_keys", [""])[0],
            source_ip=ip,
            user_agent=agent,
            mfa=mfa,
            error=error,
            account_name=NAME,
            quiet=quiet,
            session=session,
            standing=standing,
            window_id=window_id,
        )

    def _tell(
        self,
        findings: Sequence[Finding],
        *,
        life: str,
        by: str = "",
        after: int = 0,
        cause: Cause | None = None,
        ticket: str = "",
    ) -> None:
        """An alert of these findings, and what somebody did with it `after` minutes."""
        head = findings[0]
        loud = [item for item in findings if item.quiet is None]
        id_ = alert_id_of(head)
        state, acts = Life(), []
        for number, verb in enumerate(_LEADS_TO[life]):
            moment = head.received + timedelta(minutes=after + 30 * number, seconds=11)
            act = Act(
                id=f"{id_} {number}",
                verb=verb,
                by=by,
                at=moment,
                ticket=ticket,
                cause=cause if verb is Verb.CLOSE else None,
            )
            state = decide(state, act).life
            acts.append((act, state))
        alert = Alert(
            id=id_,
            headline=loud[0] if loud else head,
            count=len(findings),
            loud=len(loud),
            kinds=frozenset(kind_of(item) for item in loud),
            last_time=findings[-1].happened,
            life=state,
        )
        self._stories.append(AlertStory(alert=alert, findings=tuple(findings), acts=tuple(acts)))

    def asked(self) -> Sequence[Asked]:
        """The auditors' questions with a few invented rows: one that failed, one that is partial."""
        found = []
        for number, item in enumerate(all_questions()):
            if item.name.startswith("report_") or any(one.default is None for one in item.parameters):
                continue
            bound = item.bind(period_of(self.month))
            rows = [
                (f"{self.at(1 + place * 3, 9, place):%Y-%m-%dT%H:%M:%SZ}", "Example", "alice", "192.0.2.17")
                for place in range(0 if "_without_" in item.name else number % 4)
            ]
            found.append(
                Asked(
                    name=item.name,
                    title=Title(item.title("en"), item.title("ja")),
                    answers=Title(item.answers("en"), item.answers("ja")),
                    sql=item.sql,
                    parameters=said_parameters(bound),
                    command=command_of(item.name, self.month),
                    columns=("time", "operation", "actor", "source_ip"),
                    rows=rows,
                    scanned_bytes=1_234_567 * (number + 1),
                    partial=("2 files are truncated and were left out.",) if number == 1 else (),
                )
            )
        return found


def _practices() -> Sequence[Practice]:
    rule, report = "AWS Config: rootwatch-{}", "IAM credential report"
    return (
        Practice(key="practice.root_mfa", state=State.KEPT, found_by=rule.format("root-account-mfa-enabled")),
        Practice(key="practice.root_keys", state=State.KEPT, found_by=rule.format("iam-root-access-key-check")),
        Practice(
            key="practice.groups",
            state=State.BROKEN,
            found_by=rule.format("iam-user-no-policies-check"),
            offenders=("dave",),
        ),
        Practice(
            key="practice.managed_policies",
            state=State.KEPT,
            found_by=rule.format("iam-policy-no-statements-with-admin-access"),
        ),
        Practice(key="practice.roles", state=State.BROKEN, found_by=report, offenders=("build", "dave")),
        Practice(key="practice.user_mfa", state=State.BROKEN, found_by=report, offenders=("dave",)),
        Practice(key="practice.key_age", state=State.KEPT, found_by=report),
        Practice(
            key="practice.password_policy",
            state=State.UNKNOWN,
            found_by=rule.format("iam-password-policy"),
            why=Missing(Word("missing.not_decided")),
        ),
    )


def _access(month: Month) -> Sequence[AccessFinding]:
    return (
        AccessFinding(
            kind="external",
            type="ExternalAccess",
            resource="arn:aws:s3:::example-public-site",
            region="us-east-1",
            updated=month.since + timedelta(days=4),
        ),
        AccessFinding(
            kind="unused",
            type="UnusedIAMRole",
            resource=f"arn:aws:iam::{ACCOUNT}:role/old-build",
            region="us-east-1",
            updated=month.since + timedelta(days=11),
        ),
        AccessFinding(
            kind="unused",
            type="UnusedIAMUserAccessKey",
            resource=f"arn:aws:iam::{ACCOUNT}:user/build",
            region="us-east-1",
            updated=month.since + timedelta(days=11),
        ),
    )
