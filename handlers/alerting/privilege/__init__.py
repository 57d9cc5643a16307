"""What a policy allows, whether that is administrator, who may assume a role - each with its reason."""

from handlers.alerting.privilege.differences import Weakening, diff_documents, weakened_by_removal
from handlers.alerting.privilege.judge import judge_managed_policy, judge_policy, judge_principal
from handlers.alerting.privilege.trust import Trusted, TrustedKind, TrustJudgement, TrustVerdict, judge_trust
from handlers.alerting.privilege.verdicts import DecidingStatement, Judgement, OpenPath, PathKind, Verdict

__all__ = [
    "DecidingStatement",
    "Judgement",
    "OpenPath",
    "PathKind",
    "TrustJudgement",
    "TrustVerdict",
    "Trusted",
    "TrustedKind",
    "Verdict",
    "Weakening",
    "diff_documents",
    "judge_managed_policy",
    "judge_policy",
    "judge_principal",
    "judge_trust",
    "weakened_by_removal",
]
