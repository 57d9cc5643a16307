"""Break-glass windows from the terminal: asked for, decided and listed as whoever the AWS credentials say it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cli.account import Account, reason_of
from cli.errors import USAGE, CommandError
from cli.terminal import Paint, table, wrapped
from handlers.adapters.untrusted import plain
from handlers.adapters.window_news import WindowNews
from handlers.adapters.window_table import WindowTable
from handlers.alerting.errors import UnavailableError
from handlers.alerting.window import (
    MAXIMUM_PURPOSE,
    MAXIMUM_TICKET,
    BreakGlass,
    RequestProblem,
    Window,
    WindowAct,
    WindowOutcome,
    WindowRequest,
    WindowState,
    WindowVerb,
)
from handlers.alerting.window_desk import WindowDesk

if TYPE_CHECKING:
    from infra.deployment import Deployment

_PAST = timedelta(days=30)
_ID = re.compile(r"W[0-9a-f]{1,40}")
_LENGTH = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,4})m)?")
# DynamoDB asks for the same rights for a transaction as for its parts.
_RIGHTS = "dynamodb:GetItem, Query and PutItem on the table, sqs:GetQueueUrl and SendMessage on the events queue"


@dataclass(frozen=True, kw_only=True)
class Counter:
    """The desk as one person at a terminal reaches it."""

    desk: WindowDesk
    rules: BreakGlass
    caller: str  # ARN
    queue: str
    account: Account
    region: str
    time_zone: str

    @classmethod
    def of(cls, deployment: Deployment) -> Counter:
        """Raises CommandError: windows are switched off, there are no credentials, or they are another account's."""
        rules = deployment.break_glass_rules
        if rules is None:
            raise CommandError(
                "break-glass windows are not switched on in this configuration.",
                fix="set enabled = true below [break_glass], name people and approvers, and deploy.",
            )
        account = Account(deployment)
        windows = WindowTable(
            client=account.client("dynamodb", deployment.home_region),
            table=f"{deployment.name}-alerts",
            retention=timedelta(days=deployment.alerts.retention_days),
        )
        return cls(
            # What follows from a decision - audit log, alarm at the end, messages - is the functions' to do.
            desk=WindowDesk(windows=windows, rules=rules, clock=lambda: datetime.now(UTC)),
            rules=rules,
            caller=account.arn,
            queue=f"{deployment.name}-events",
            account=account,
            region=deployment.home_region,
            time_zone=deployment.display.time_zone,
        )

    def request(self, request: WindowRequest) -> Window:
        """Ask for a window; typed again, it is the same one.

        Raises:
            CommandError: something is wrong with it, or the caller may not; says what, option by option.
        """
        asked = (request.account, request.identity, request.person, request.purpose, request.ticket)
        act_id = f"terminal {self.caller} {asked} {request.starts.isoformat()} {request.length}"
        with _Answering(self):
            answer = self.desk.request(request, act_id=act_id, by=self.caller)
        if isinstance(answer, dict):
            raise self._unfit(answer, request)
        assert answer.window is not None  # noqa: S101 - a decision about a request has its window
        self._tell(answer.window.id)
        return answer.window

    def act(self, window_id: str, verb: WindowVerb, *, reason: str = "") -> Window:
        """Decide about a window; typed again, it is done once.

        Raises:
            CommandError: it was not done; says why, and what to do.
        """
        if not _ID.fullmatch(window_id):
            raise CommandError(
                f"{plain(window_id, 60)!a} is not a window's id.",
                fix="copy it from `rootwatch window list`; it looks like W0123456789ab.",
                code=USAGE,
            )
        act = WindowAct(
            id=f"terminal {self.caller} {verb} {window_id}",
            verb=verb,
            by=self.caller,
            at=self.desk.clock(),
            reason=reason[:MAXIMUM_PURPOSE],
        )
        with _Answering(self):
            decision = self.desk.act(window_id, act)
        if decision.outcome is not WindowOutcome.DONE or decision.window is None:
            raise CommandError(
                f"the window {window_id}: {plain(decision.reason, 600)}", fix=self._remedy(decision.outcome)
            )
        self._tell(window_id)
        return decision.window

    def listed(self, *, past: bool) -> list[Window]:
        """The windows of every account, the one that ends first at the top; `past`: those of the last 30 days too.

        Raises:
            CommandError: the table did not answer.
        """
        since = self.desk.clock() - (_PAST if past else timedelta(0))
        with _Answering(self):
            found = [
                window
                for account in self.rules.accounts
                for window in self.desk.windows.of_account(account, ending_from=since)
                if past or not window.is_settled
            ]
        return sorted(found, key=lambda window: (window.ends, window.id))

    def _tell(self, window_id: str) -> None:
        """Have the functions tell people, write it down and set its alarm."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.account.client("sqs", self.region)
        try:
            url = client.get_queue_url(QueueName=self.queue)["QueueUrl"]
            WindowNews(client=client, queue_url=url).tell(window_id)
        except (BotoCoreError, ClientError, UnavailableError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            raise CommandError(
                f"the window {window_id} is decided, but nobody has been told: the queue {self.queue} in {self.region} "
                f"did not take the message ({reason_of(cause)}).",
                fix=f"run the same command again; it needs {_RIGHTS}.",
            ) from None

    def _unfit(self, problems: dict[str, RequestProblem], request: WindowRequest) -> CommandError:
        lines = [self._problem(field, problem, request) for field, problem in problems.items()]
        return CommandError("the window cannot be asked for:\n  " + "\n  ".join(lines), code=USAGE)

    def _problem(self, field: str, problem: RequestProblem, request: WindowRequest) -> str:
        rules = self.rules
        match problem:
            case RequestProblem.UNLISTED:
                return (
                    f"{plain(self.caller)} is nobody among break_glass.people: add this ARN to the principals of the "
                    "person it is (a role's session is nobody's, unless Identity Center opened it), and deploy."
                )
            case RequestProblem.UNKNOWN_ACCOUNT:
                known = ", ".join(rules.accounts[:10])
                return f"--account {plain(request.account, 40)!a} is none of the configuration's: {known}."
            case RequestProblem.UNKNOWN_PERSON:
                known = ", ".join(plain(person.name, 60) for person in rules.people[:10])
                return f"--person {plain(request.person, 60)!a} is nobody among break_glass.people: {known}."
            case RequestProblem.NOT_REQUIRED:
                known = ", ".join(rules.required_for[:10])
                return f"--as {plain(request.identity, 200)!a} is not among break_glass.required_for: {known}."
            case RequestProblem.ANOTHER_ACCOUNT:
                return f"--as {plain(request.identity, 200)!a} is of another account than --account."
            case RequestProblem.IN_THE_PAST:
                return f"--from {_clock(request.starts)} is over."
            case RequestProblem.TOO_FAR_AHEAD:
                return f"--from {_clock(request.starts)} is more than 30 days ahead."
            case RequestProblem.TOO_LONG:
                return "--for is more than 4 hours."
            case RequestProblem.TOO_SHORT:
                return "--for is less than 5 minutes."
            case RequestProblem.EMPTY:
                return f"--{field} is empty."
        limit = MAXIMUM_PURPOSE if field == "purpose" else MAXIMUM_TICKET
        return f"--{field} has more than {limit} characters."

    def _remedy(self, outcome: WindowOutcome) -> str:
        approvers = ", ".join(plain(item) for item in self.rules.approvers[:10])
        another = (
            f"ask another of break_glass.approvers ({approvers}). If there really is nobody: --emergency REASON, which "
            "everybody is told of."
        )
        return {
            WindowOutcome.GONE: "`rootwatch window list --past` shows those there are.",
            WindowOutcome.UNLISTED: f"ask one of break_glass.approvers ({approvers}), or have your ARN added there and "
            "to the principals of your entry in break_glass.people, and deploy.",
            WindowOutcome.OWN_REQUEST: another,
            WindowOutcome.OWN_USE: another,
            WindowOutcome.UNSURE: "add both, with all their identities, to break_glass.people and deploy; or approve "
            "it in Slack.",
            WindowOutcome.NOT_THEIRS: "approve it without --emergency.",
            WindowOutcome.NO_REASON: "say why nobody else can approve it: --emergency REASON.",
            WindowOutcome.SETTLED: "`rootwatch window request` asks for another.",
            WindowOutcome.TOO_LATE: "`rootwatch window request` asks for another.",
        }.get(outcome, "`rootwatch window list --past` shows how it stands.")


class _Answering:
    """Turns a store that does not answer into an error for people."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, UnavailableError):
            cause = reason_of(error.__cause__) if isinstance(error.__cause__, Exception) else str(error)
            raise CommandError(
                f"the alert table in {self._counter.region} did not answer: {cause}.",
                fix=f"deploy first (cdk deploy --all), or ask for {_RIGHTS}.",
            ) from None


def moment(text: str, *, time_zone: str, now: datetime) -> datetime:
    """ "now", "2026-11-02 12:30" in the configuration's time zone, or with a zone of its own: 2026-11-02T12:30Z.

    Raises:
        CommandError: it is none of them.
    """
    if text.strip().casefold() == "now":
        return now.replace(second=0, microsecond=0)
    try:
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZoneInfo(time_zone))
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            f"--from {plain(text, 60)!a} is not a time.",
            fix=f'write "now", or day and time in {time_zone}, such as "2026-11-02 12:30".',
            code=USAGE,
        ) from None


def length(text: str) -> timedelta:
    """ "90m", "2h", "1h30m". Raises CommandError for anything else."""
    found = _LENGTH.fullmatch(text.strip().casefold())
    if not text.strip() or found is None or not any(found.groups()):
        raise CommandError(
            f"--for {plain(text, 60)!a} is not a length of time.", fix="write it like 90m, 2h or 1h30m.", code=USAGE
        )
    return timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))


def told(window: Window, *, paint: Paint, width: int | None) -> Iterator[str]:
    """A window, in lines."""
    yield paint.bold(f"{window.id}  {standing(window)}")
    facts = (
        ("who uses it", window.person),
        ("as", window.identity),
        ("account", window.account),
        ("what for", window.purpose),
        ("ticket", window.ticket),
        ("from", _clock(window.starts)),
        ("until", _clock(window.ends)),
        ("asked for by", window.requested_by),
        ("approved by", window.approved_by),
        ("closed by", window.settled_by),
        ("reason", window.reason),
    )
    for label, value in facts:
        if value:
            yield wrapped(plain(value, 600), first=f"  {label:<13}", rest=" " * 15, width=width)


def as_table(windows: Sequence[Window], *, now: datetime, paint: Paint) -> Iterator[str]:
    """One line each."""
    if not windows:
        yield "No windows."
        return
    rows = [("ID", "STATE", "FROM (UTC)", "UNTIL", "WHO", "AS", "ACCOUNT", "TICKET")]
    rows += [
        (
            window.id,
            standing(window, now),
            f"{window.starts:%Y-%m-%d %H:%M}",
            f"{window.ends:%H:%M}",
            plain(window.person, 60),
            plain(window.identity, 100),
            window.account,
            plain(window.ticket, 60),
        )
        for window in windows
    ]
    head, *lines = table(rows)
    yield paint.bold(head)
    for window, line in zip(windows, lines, strict=True):
        is_open = window.state is WindowState.APPROVED and window.starts <= now <= window.ends
        yield paint.good(line) if is_open else line


def as_plain(window: Window, now: datetime) -> dict[str, Any]:
    """For programs."""
    return {**window.to_plain(), "standing": standing(window, now)}


def standing(window: Window, now: datetime | None = None) -> str:
    """ "approved", "approved (emergency)", "open", "lapsed": how a person would say where it stands."""
    state = str(window.state)
    if now is not None and not window.is_settled:
        if window.state is WindowState.REQUESTED:
            state = "lapsed" if now >= window.ends else state
        elif window.starts <= now:
            state = "open" if now <= window.ends else "over"
    return f"{state} (emergency)" if window.emergency else state


def _clock(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
