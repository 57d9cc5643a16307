"""A user joined a group whose policies make administrators."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, grant, judged_principal

_NAMES = ("AddUserToGroup",)


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    user = Target.of(event, "user", "userName")
    group = Target.of(event, "group", "groupName")
    return grant(
        event,
        judged_principal(event, lookups, group),
        did=lambda: phrase("put {user} into {group}", user=user.words, group=group.words),
        tried=lambda: phrase("put {who} into {where}", who=user.words, where=group.words),
        target=user,
        extra=[("Group", group.name)],
    )


ADMIN_GROUP_JOINED = Detection(
    id="admin-group-joined",
    title="A user joined a group of administrators",
    why="A group hands its rights to whoever joins, and no policy changes: a change of policies would not show it.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask whoever added the user for the change's ticket",
        "Read what the user has done since joining",
        "If nobody can explain it: take the user out of the group and revoke both sessions",
    ),
    regions=Regions.GLOBAL,
    attack=("T1098.007",),
)
