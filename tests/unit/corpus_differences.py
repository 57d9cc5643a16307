"""Where a detection fires on other captured records than its definition says: each of them, and why.

A case is what `Record.label` is: a case's id, an envelope's key, or what happened in a bulk file, there with how often.
One that no longer differs has to go from here; the tests say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why these cases differ."""

    why: str
    cases: tuple[str | tuple[str, int], ...]  # with a number: so many records of this label
    told_by: tuple[str, ...] = ()  # detections of which one at least fires on each of the cases instead; it is checked

    @property
    def counted(self) -> Mapping[str, int]:
        """How many records of each label it explains."""
        return dict(case if isinstance(case, tuple) else (case, 1) for case in self.cases)


_FIVEXL = "fivexl-cloudtrail-to-slack:fivexl.default_rules"
_LAKE = "aws-cloudtrail-lake-detections"
_PANTHER = "panther-analysis:AWS"
_ROOT_STORY = "panther-analysis:scenario:compromised-root-creds"
_STRATUS = "stratus-red-team:aws"
_TRAILDISCOVER = "traildiscover"
_LEAKED_KEYS = (
    f"{_LAKE}:key_compromised:1",
    f"{_PANTHER}.CloudTrail.IAMCompromisedKeyQuarantine:1",
    "pypanther:AWS.IAM.AccessKeyCompromised-prototype:1",
)

# Should fire by definition, and does not.
MISSED: Mapping[str, tuple[Reason, ...]] = {
    "root-activity": (
        Reason(
            why="it is root's own credential or contact, which has a louder detection of its own",
            cases=(
                f"{_PANTHER}.CloudTrail.RootPasswordChanged:1",
                f"{_PANTHER}.CloudTrail.RootPasswordChanged:2",
                f"{_ROOT_STORY}:6",
                f"{_ROOT_STORY}:14",
                "aws.iam/EnableMFADevice/Root",
                "aws.iam/EnableMFADevice/Root~2",
                "aws.iam/ChangePassword/Root",
                "aws.signin/PasswordUpdated/Root",
            ),
            told_by=("root-credentials-changed", "root-access-key-created"),
        ),
    ),
    "user-policy-attached": (
        Reason(
            why="it is AWS that quarantines a leaked key, not somebody who gives rights",
            cases=_LEAKED_KEYS,
            told_by=("leaked-key-quarantined",),
        ),
    ),
    "identity-provider-changed": (
        Reason(
            why="Identity Center makes its own provider in each account: invokedBy, which only AWS writes, says so",
            cases=(f"{_PANTHER}.Suspicious.SAML.Activity:5",),
        ),
    ),
    "organization-guardrail-changed": (
        Reason(
            why="it is how CreateAccount ended; the call itself, which somebody made, is what is told",
            cases=("panther-analysis:Standard.NewAWSAccountCreated:1",),
        ),
    ),
    "trail-tampered": (
        Reason(
            why="the selectors are put back: everything is recorded again",
            cases=("invictus PutEventSelectors",),
            told_by=("cis-trail-changed",),
        ),
    ),
    "trail-bucket-changed": (
        Reason(
            why="the rule keeps records for two years; what is deleted within one year is told",
            cases=(f"{_PANTHER}.CloudTrail.ShortLifecycle:4",),
            told_by=("cis-s3-bucket-policy-changed",),
        ),
    ),
    "guardduty-disabled": (
        Reason(
            why="the detector is switched on, not off",
            cases=("streamalert:cloudtrail_critical_api_calls:11", f"{_TRAILDISCOVER}:GuardDuty.UpdateDetector:1"),
        ),
    ),
    "securityhub-disabled": (
        Reason(
            why="an insight is a saved search: it hides no finding",
            cases=(f"{_PANTHER}.SecurityHub.Finding.Evasion:1",),
        ),
    ),
    "macie-disabled": (
        Reason(
            why="how often Macie reports is changed, not whether it looks",
            cases=(f"{_PANTHER}.Macie.Evasion:2", f"{_PANTHER}.Macie.Evasion:3"),
        ),
    ),
    "log-group-deleted": (
        Reason(
            why="streams come and go; that one is of the trail's group, a denied call does not say",
            cases=(f"{_TRAILDISCOVER}:CloudWatch.DeleteLogStream:1",),
            told_by=("cis-unauthorized-api-calls",),
        ),
    ),
    "cis-unauthorized-api-calls": (
        Reason(
            why="a way to more rights was refused: it is told from the third on, not from the tenth",
            cases=tuple(
                f"{_TRAILDISCOVER}:IAM.{call}:1"
                for call in (
                    "AddUserToGroup",
                    "AttachUserPolicy",
                    "CreatePolicyVersion",
                    "DeleteUserPermissionsBoundary",
                    "DeleteUserPolicy",
                    "DetachRolePolicy",
                    "DetachUserPolicy",
                    "PutRolePermissionsBoundary",
                    "PutUserPolicy",
                    "UpdateAssumeRolePolicy",
                    "UpdateLoginProfile",
                )
            ),
            told_by=("admin-attempts-denied",),
        ),
    ),
    "cis-console-login-without-mfa": (
        Reason(
            why="nothing tells the user's rights: an administrator's sign-in is announced, with MFA and without",
            cases=(
                f"{_FIVEXL}:1",
                f"{_PANTHER}.CloudTrail.PasswordSpraying:2",
                f"{_PANTHER}.Console.LoginWithoutMFA:2",
                "aws.signin/ConsoleLogin/IAMUser/Success/MFA-No",
                "aws.signin/ConsoleLogin/IAMUser/Success/MFA-No~2",
                "invictus ConsoleLogin",
            ),
            told_by=("admin-console-login",),
        ),
    ),
    "cis-console-authentication-failures": (
        Reason(
            why="root's failures are counted apart",
            cases=(
                f"{_PANTHER}.Console.RootLoginFailed:1",
                f"{_ROOT_STORY}:1",
                f"{_ROOT_STORY}:2",
                f"{_ROOT_STORY}:3",
                "aws.signin/ConsoleLogin/Root/Failure/MFA-No",
                "aws.signin/ConsoleLogin/Root/Failure/MFA-No~2",
            ),
            told_by=("root-login-failed",),
        ),
    ),
    "cis-iam-policy-changed": (
        Reason(
            why="it makes an administrator, or may: that is told without the pack too, and once",
            cases=(
                f"{_PANTHER}.IAM.AttachAdminRolePolicy:1",
                f"{_ROOT_STORY}:8",
                f"{_ROOT_STORY}:10",
                f"{_STRATUS}.persistence.iam-create-backdoor-role:1",
                "aws.iam/AttachRolePolicy/consoleme",
                "aws.iam/AttachRolePolicy/stratus",
                "aws.iam/AttachUserPolicy/stratus",
                "invictus AttachRolePolicy",
                "invictus AttachUserPolicy",
            ),
            told_by=("admin-policy-attached",),
        ),
        Reason(
            why="what a user is given directly is told without the pack too",
            cases=(f"{_PANTHER}.CloudTrail.IAMCompromisedKeyQuarantine:2", f"{_ROOT_STORY}:9"),
            told_by=("user-policy-attached",),
        ),
        Reason(
            why="it is AWS that quarantines a leaked key, which has a louder detection of its own",
            cases=_LEAKED_KEYS,
            told_by=("leaked-key-quarantined",),
        ),
    ),
    "cis-trail-changed": (
        Reason(
            why="the trail records less: that is told without the pack too, and once",
            cases=(
                f"{_LAKE}:security_config_tampering:1",
                f"{_FIVEXL}:4",
                f"{_PANTHER}.CloudTrail.Stopped:1",
                f"{_STRATUS}.defense-evasion.cloudtrail-stop:1",
                "streamalert:cloudtrail_critical_api_calls:3",
                "aws.cloudtrail/DeleteTrail/stratus",
                "aws.cloudtrail/StopLogging/stratus",
                ("invictus DeleteTrail", 2),
            ),
            told_by=("trail-tampered",),
        ),
    ),
    "cis-s3-bucket-policy-changed": (
        Reason(
            why="it is the bucket of a trail, which has a louder detection of its own",
            cases=(("invictus PutBucketPolicy", 2), "invictus PutBucketLifecycle"),
            told_by=("trail-bucket-changed",),
        ),
    ),
    "cis-config-changed": (
        Reason(
            why="Config records less: that is told without the pack too, and once",
            cases=(
                f"{_PANTHER}.ConfigService.Created:2",
                f"{_PANTHER}.ConfigService.DisabledDeleted:2",
                "aws.config/DeleteDeliveryChannel/IAMUser",
                "aws.config/PutConfigurationRecorder/IAMUser",
                "aws.config/StopConfigurationRecorder/IAMUser",
            ),
            told_by=("config-recorder-changed",),
        ),
    ),
}

# Should not fire by definition, and does.
EXTRA: Mapping[str, tuple[Reason, ...]] = {
    "root-activity": (
        Reason(
            why="invokedBy signin.amazonaws.com has a person behind it, wherever the console sends the call from",
            cases=(f"{_PANTHER}.CloudTrail.RootAccessKeyCreated:2", "streamalert:cloudtrail_root_account_usage:2"),
        ),
    ),
    "admin-policy-attached": (
        Reason(
            why="no administrator by its name; by its content AmazonEC2FullAccess can become one, by passing a role on",
            cases=(f"{_ROOT_STORY}:8",),
        ),
        Reason(
            why="what the customer's own policy allows could not be read: it may be anything",
            cases=("aws.iam/AttachRolePolicy/consoleme",),
        ),
        Reason(
            why="a denied call does not say with which policy: it may be an administrator's",
            cases=(f"{_TRAILDISCOVER}:IAM.AttachUserPolicy:1",),
        ),
    ),
    "admin-policy-written": (
        Reason(
            why="a denied call does not show the policy: it may be an administrator's",
            cases=(f"{_TRAILDISCOVER}:IAM.CreatePolicyVersion:1", f"{_TRAILDISCOVER}:IAM.PutUserPolicy:1"),
        ),
    ),
    "role-trust-widened": (
        Reason(
            why="who may assume the role is not recorded: it may be anybody",
            cases=(f"{_PANTHER}.IAM.CreateRole:1", f"{_TRAILDISCOVER}:IAM.UpdateAssumeRolePolicy:1"),
        ),
    ),
    "admin-console-login": (
        Reason(
            why="the record does not say how the sign-in ended; it does not say that it failed",
            cases=(f"{_PANTHER}.Console.GetSigninToken.Abuse:3",),
        ),
    ),
    "cis-unauthorized-api-calls": (
        Reason(
            why="services spell it in many ways; UnauthorizedException is one that the benchmark's filter misses",
            cases=(f"{_TRAILDISCOVER}:ResourceExplorer.Search:1",),
        ),
    ),
    "cis-trail-changed": (
        Reason(
            why="the benchmark does not name event selectors; they decide what is recorded",
            cases=("invictus PutEventSelectors",),
        ),
    ),
    "cis-s3-bucket-policy-changed": (
        Reason(
            why="the benchmark does not name the block of public access; without it any policy may open a bucket",
            cases=("streamalert:cloudtrail_critical_api_calls:12",),
        ),
    ),
    "cis-network-gateway-changed": (
        Reason(
            why="the benchmark does not name NAT gateways; they lead out to the internet too",
            cases=(("invictus CreateNatGateway", 2), ("invictus DeleteNatGateway", 2)),
        ),
    ),
    "cis-route-table-changed": (
        Reason(
            why="the benchmark names the end of an association and not its beginning, which changes the same",
            cases=(("invictus AssociateRouteTable", 10),),
        ),
    ),
}

# Nobody captured what these watch for, as far as the corpus goes: only their own examples prove them. One of which a
# record turns up has to go from here, and is held to its definition.
NOT_CAPTURED: frozenset[str] = frozenset(
    {
        "root-session-assumed",
        "root-federated",
        "root-federated-activity",
        "sign-in-anomaly",
        "admin-policy-written",
        "protecting-deny-removed",
        "identity-center-grant",
        "password-policy-weakened",
        "admin-session-started",
        "trail-key-changed",
        "rootwatch-tampered",
        "rootwatch-function-changed",
        "event-data-store-changed",
        "analyzer-changed",
        "inspector-disabled",
        "config-rule-noncompliant",
        "securityhub-identity-finding",
        "cis-organizations-changed",
    }
)
