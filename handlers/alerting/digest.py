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
    deployers = Counter((finding.quiet or "").removeprefix(f"{QuietKind.DIGEST}: ") for finding in kept)
    concern = Concern(
        summary=f"Routine work of declared deployers on {day} (UTC), told to nobody at the time: {len(kept):,} "
        f"finding{'s' if len(kept) > 1 else ''} of {len(kinds)} kind{'s' if len(kinds) > 1 else ''}.",
        subject="declared deployers",
        severity=DAILY_DIGEST.severity,
        group=f"digest:{day}",
        facts=tuple(Fact(label=f"{count:,} of them", value=reason) for reason, count in deployers.most_common()),
        exhibits=(
            Exhibit(
                title="How often",
                text="\n".join(f"{count:>5,}  {title} ({id_})" for (title, id_), count in kinds.most_common()),
            ),
            Exhibit(title="What", text="\n".join(_lines(kept))),
        ),
    )
    digest = Finding.of(DAILY_DIGEST, event, concern, now=now)
    return dataclasses.replace(digest, actor="declared deployers", actor_kind="role session")


def _lines(kept: Sequence[Finding]) -> list[str]:
    lines = [f"{item.happened:%H:%M:%S}  {item.account}  {item.summary}" for item in kept[:_LINES]]
    return lines if len(kept) <= _LINES else [*lines, f"and {len(kept) - _LINES:,} more: rootwatch digest shows all"]
