"""The daily digest: one finding that tells of a day's routine work, which nobody was told of while it happened."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from handlers.alerting.detection import Concern, Detection, Exhibit, Fact
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.severity import Severity
from handlers.alerting.text import Text, lined, phrase

# By this attribute a message on the events queue asks for a digest; its body is the time at which it was due. A
# message attribute, because EventBridge cannot set one: no event can pass for it.
DIGEST_ATTRIBUTE = "rootwatch-digest"

_LINES = 200  # calls spelled out; the table has all of them


DAILY_DIGEST = Detection.announced(
    id="daily-digest",
    title="What declared deployers did yesterday",
    why="Routine work disturbs nobody, which is why somebody who takes over a pipeline would look like it.",
    severity=Severity.LOW,
    respond=(
        "Hold what was done against the changes that were merged that day",
        "Ask whoever answers for the deployer about what no merged change explains",
        "If nobody can explain it: stop the pipeline and revoke its role's sessions",
    ),
)


def digest_of(kept: Sequence[Finding], day: date, *, now: datetime) -> Finding | None:
    """The digest of what was kept for it on this day (UTC); the same day gives the same finding. None for no work."""
    if not kept:
        return None
    account, _ = Counter(finding.account for finding in kept).most_common(1)[0]
    event = Event(
        envelope={"id": f"digest-{day}", "detail-type": "Daily digest", "account": account, "detail": {}},
    )
    kinds = Counter((finding.title, finding.detection_id) for finding in kept)
    deployers = Counter(finding.quiet or "" for finding in kept)
    concern = Concern(
        summary=phrase(
            "Routine work of declared deployers on {day} (UTC), told to nobody at the time: {findings} of {kinds}.",
            day=day.isoformat(),
            findings=phrase("{count} findings", count=f"{len(kept):,}") if len(kept) > 1 else phrase("1 finding"),
            kinds=phrase("{count} kinds", count=str(len(kinds))) if len(kinds) > 1 else phrase("1 kind"),
        ),
        subject=phrase("declared deployers"),
        severity=DAILY_DIGEST.severity,
        group=f"digest:{day}",
        facts=tuple(
            Fact(
                label="Deployer",
                value=phrase("{count} of them: {reason}", count=f"{count:,}", reason=_answered(reason)),
            )
            for reason, count in deployers.most_common()
        ),
        exhibits=(
            Exhibit(
                title="How often",
                text=lined(
                    phrase("{count}  {title} ({id})", count=f"{count:>5,}", title=phrase(title), id=id_)
                    for (title, id_), count in kinds.most_common()
                ),
            ),
            Exhibit(title="What", text=lined(_lines(kept))),
        ),
    )
    digest = Finding.of(DAILY_DIGEST, event, concern, now=now)
    return dataclasses.replace(digest, actor="declared deployers", actor_kind="role session")


def _answered(reason: str) -> str:
    """Who did it and who answers for it, without the word that brought it here."""
    if isinstance(reason, Text) and {"role", "owner"} <= reason.arguments.keys():
        return phrase("the declared deployer {role} did it; {owner} answers for it", **reason.arguments)
    return reason.removeprefix(f"{QuietKind.DIGEST}: ")


def _lines(kept: Sequence[Finding]) -> list[str]:
    lines: list[str] = [
        phrase(
            "{time}  {account}  {summary}", time=f"{item.happened:%H:%M:%S}", account=item.account, summary=item.summary
        )
        for item in kept[:_LINES]
    ]
    if len(kept) > _LINES:
        lines.append(phrase("and {count} more: rootwatch digest shows all", count=f"{len(kept) - _LINES:,}"))
    return lines
