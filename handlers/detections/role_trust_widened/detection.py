"""A role can be assumed by somebody who should not: made so, or changed to be so."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Exhibit, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.neighbours import judged_trust
from handlers.alerting.ports import Lookups
from handlers.alerting.privilege import TrustJudgement, TrustVerdict, Verdict
from handlers.alerting.severity import Severity
from handlers.alerting.text import joined, phrase
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Judged, Target, judged_principal
from handlers.detections.words import HIDDEN, facts, listed, lowered, pretty, sentence

# Each call, and where it keeps the trust policy.
_DOCUMENT = {"CreateRole": "assumeRolePolicyDocument", "UpdateAssumeRolePolicy": "policyDocument"}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _DOCUMENT):
        return OTHER_CALL
    role = Target.of(event, "role", "roleName")
    if not event.request.get(_DOCUMENT[event.name]):
        return _unseen(event, role)
    document = event.request[_DOCUMENT[event.name]]
    trust = judged_trust(document, account=event.account, lookups=lookups)
    rights = judged_principal(event, lookups, role) if event.name == "UpdateAssumeRolePolicy" else _NEW
    severity = _severity(trust, rights)
    if severity is None:
        return Pass(reason=f"nobody can assume it who should not: {trust.reason}")
    effect = _in_words(trust)
    if rights is not _NEW:
        effect = phrase("{trust}; {rights}", trust=effect, rights=rights.held_by(role.again))
    return Concern(
        summary=sentence(event, *_deed(event, role), effect),
        subject=role.subject,
        severity=severity if event.succeeded else lowered(severity, 2),
        group=role.group(event),
        routine=trust.verdict is not TrustVerdict.COULD_NOT_JUDGE and (rights is _NEW or rights.is_routine),
        facts=facts(
            ("Who may assume it", trust.reason),
            ("What the role may do", phrase("nothing yet") if rights is _NEW else rights.reason),
        ),
        exhibits=(Exhibit(title="The trust policy", text=pretty(document)),),
    )


_NEW = Judged(judgement=None, reason="the role is new and has no policies yet")


def _severity(trust: TrustJudgement, rights: Judged) -> Severity | None:
    if trust.verdict is TrustVerdict.COULD_NOT_JUDGE:
        return Severity.MEDIUM
    if trust.is_dangerous:
        return Severity.MEDIUM if rights is _NEW or rights.is_harmless else Severity.HIGH
    if rights.verdict in (Verdict.ADMINISTRATOR, Verdict.ADMINISTRATOR_UNDER_CONDITION):
        return Severity.MEDIUM  # who may become administrator was changed, if not to a stranger
    return None


def _unseen(event: Event, role: Target) -> Concern:
    """CloudTrail does not show the trust policy: the call was denied, or the policy too long."""
    severity = Severity.HIGH if event.request_omitted else Severity.MEDIUM
    summary = sentence(event, *_deed(event, role), phrase("who may assume it is not recorded"))
    return Concern(
        summary=joined((summary, HIDDEN)) if event.request_omitted else summary,
        subject=role.subject,
        severity=severity if event.succeeded else Severity.LOW,
        group=role.group(event),
        routine=False,
    )


def _deed(event: Event, role: Target) -> tuple[str, str]:
    if event.name == "CreateRole":
        return phrase("created {role}", role=role.words), phrase("create {role}", role=role.words)
    return (
        phrase("changed who may assume {role}", role=role.words),
        phrase("change who may assume {role}", role=role.words),
    )


def _in_words(trust: TrustJudgement) -> str:
    if trust.verdict is TrustVerdict.COULD_NOT_JUDGE:
        return phrase("who may assume it could not be judged")
    if trust.is_dangerous:
        return trust.effect
    names = listed(dict.fromkeys(one.name for one in trust.trusted))
    return phrase("it lets in {names}", names=names) if names else phrase("it lets in nobody")


ROLE_TRUST_WIDENED = Detection(
    id="role-trust-widened",
    title="A role lets strangers in",
    why="Whoever may assume a role has its rights for good, with no key or password of yours to revoke.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _DOCUMENT),
    assess=assess,
    respond=(
        "Ask whoever changed the role who the other side is, and for the ticket",
        "Find out whether the role has been assumed since, from where, and what was done",
        "If nobody can explain it: put the trust policy back and revoke the role's sessions",
    ),
    regions=Regions.GLOBAL,
    attack=("T1098.003", "T1199"),
)
