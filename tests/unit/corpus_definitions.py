"""For each detection, which captured records should fire it, as the record itself says: no code of a detection is used.

They are as plain as a metric filter: names of calls, types of identities, what a peer or the CIS benchmark lists. Where
a detection looks closer than that, the difference has its reason in corpus_differences.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from handlers.detections.cis import CONTROLS
from tests.unit.corpus_records import Record, created_trails

Definition = Callable[[Record], bool]

_CIS = {control.number: control.calls for control in CONTROLS}
_KINDS = ("User", "Role", "Group")
_ATTACH = tuple(f"Attach{kind}Policy" for kind in _KINDS)
_PUT = tuple(f"Put{kind}Policy" for kind in _KINDS)
_TAKE = tuple(f"{verb}{kind}Policy" for verb in ("Detach", "Delete") for kind in _KINDS)
_BOUNDARIES = tuple(f"{verb}{kind}PermissionsBoundary" for verb in ("Put", "Delete") for kind in ("User", "Role"))
_CREDENTIALS = (
    "CreateAccessKey",
    "CreateLoginProfile",
    "UpdateLoginProfile",
    "DeactivateMFADevice",
    "CreateServiceSpecificCredential",
    "ResetServiceSpecificCredential",
    "UploadSigningCertificate",
    "UploadSSHPublicKey",
)
_ROOTS_OWN = (
    *("ChangePassword", "EnableMFADevice", "DeactivateMFADevice", "ResyncMFADevice", "DeleteVirtualMFADevice"),
    *("PasswordUpdated", "PasswordRecoveryRequested", "PasswordRecoveryCompleted", "EmailUpdated"),
    *("SetContactAddress", "PutContactInformation", "PutAlternateContact", "DeleteAlternateContact"),
    *("DeleteAccessKey", "UpdateLoginProfile", "DeleteLoginProfile", "UploadSigningCertificate"),
)
_FULL = ("AdministratorAccess", "IAMFullAccess")
_BUCKET_CALLS = (
    *("DeleteBucket", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl", "PutBucketVersioning"),
    *("PutBucketLifecycle", "PutBucketLifecycleConfiguration", "DeleteBucketEncryption", "PutObjectLockConfiguration"),
    *("DeletePublicAccessBlock", "DeleteBucketPublicAccessBlock", "PutBucketLogging", "PutBucketReplication"),
)


def _call(service: str, *names: str) -> Definition:
    return lambda record: record.calls(service, *names)


def _made(service: str, *names: str) -> Definition:
    return lambda record: record.made(service, *names)


def _sent(detail_type: str) -> Definition:
    return lambda record: record.detail_type == detail_type


def _either(*definitions: Definition) -> Definition:
    return lambda record: any(definition(record) for definition in definitions)


def _login(record: Record, result: str) -> bool:
    return record.calls("signin", "ConsoleLogin") and record.sign_in == result


def _is_roots_work(record: Record) -> bool:
    """As CIS 4.3 and Panther: root, not AWS in its name; and what was written, not read, beside the sign-in."""
    return (
        record.is_root
        and "invokedBy" not in record.identity
        and record.detail.get("eventType") != "AwsServiceEvent"
        and not record.is_read
        and not record.calls("signin", "ConsoleLogin", "CheckMfa")
    )


def _makes_roots_key(record: Record) -> bool:
    return record.is_root and record.calls("iam", "CreateAccessKey") and not record.request.get("userName")


def _is_root_federated(record: Record) -> bool:
    return record.identity.get("type") == "FederatedUser" and ":root" in json.dumps(record.identity)


def _attaches_admin(record: Record) -> bool:
    arn = str(record.request.get("policyArn") or "")
    return record.calls("iam", *_ATTACH) and arn.endswith(_FULL)


def _writes_admin(record: Record) -> bool:
    if not record.calls("iam", *_PUT, "CreatePolicy", "CreatePolicyVersion"):
        return False
    return any(
        statement.get("Effect") == "Allow"
        and {"*", "*:*", "iam:*"} & set(_words(statement.get("Action")))
        and "*" in _words(statement.get("Resource"))
        for statement in _statements(record.request.get("policyDocument"))
    )


def _trusts_others(record: Record) -> bool:
    """It lets in an AWS principal whose account is not the role's."""
    if not record.calls("iam", "CreateRole", "UpdateAssumeRolePolicy"):
        return False
    own = str(record.detail.get("recipientAccountId") or record.identity.get("accountId"))
    document = record.request.get("assumeRolePolicyDocument") or record.request.get("policyDocument")
    for statement in _statements(document):
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, Mapping) else principal
        if statement.get("Effect") == "Allow" and any(own not in word for word in _words(named)):
            return True
    return False


def _takes_protection(record: Record) -> bool:
    policy = f"{record.request.get('policyArn')} {record.request.get('policyName')}".casefold()
    return record.calls("iam", *_TAKE) and any(word in policy for word in ("deny", "quarantine", "guardrail"))


def _is_quarantine(record: Record) -> bool:
    policy = f"{record.request.get('policyArn')} {record.request.get('policyName')}"
    words = ("AWSCompromisedKeyQuarantine", "AWSExposedCredentialPolicy")
    return record.made("iam", "AttachUserPolicy", "PutUserPolicy") and any(word in policy for word in words)


def _is_denied_way_up(record: Record) -> bool:
    names = (
        *(*_ATTACH, *_PUT, *_TAKE, *_BOUNDARIES, *_CREDENTIALS),
        *("CreatePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion"),
        *("AddUserToGroup", "CreateRole", "UpdateAssumeRolePolicy"),
    )
    return record.calls("iam", *names) and record.error.startswith("AccessDenied")


def _is_admins_session(record: Record) -> bool:
    role = str(record.request.get("roleArn") or "").casefold()
    is_service = record.identity.get("type") == "AWSService" or "invokedBy" in record.identity
    names = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
    return record.made("sts", *names) and not is_service and "admin" in role.rpartition("/")[2]


def _is_users_login(record: Record) -> bool:
    return record.identity.get("type") == "IAMUser" and _login(record, "Success")


def _of_trails_bucket(record: Record) -> bool:
    """Its name says so, or a trail that the same file creates delivers to it."""
    bucket = str(record.request.get("bucketName"))
    known = [name for names in created_trails().values() for name in names]
    return record.calls("s3", *_BUCKET_CALLS) and ("cloudtrail" in bucket.casefold() or bucket in known)


def _of_trails_key(record: Record) -> bool:
    names = ("DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial", "PutKeyPolicy", "UpdateAlias")
    return record.calls("kms", *names) and "trail" in json.dumps([record.request, record.detail.get("resources")])


def _names_rootwatch(record: Record) -> bool:
    return not record.is_read and "rootwatch" in json.dumps(record.request).casefold()


def _is_broken_rule(record: Record) -> bool:
    result = record.detail.get("newEvaluationResult") or {}
    return _sent("Config Rules Compliance Change")(record) and result.get("complianceType") == "NON_COMPLIANT"


def _is_about_a_key(record: Record) -> bool:
    resource = record.detail.get("resource") or {}
    return _sent("GuardDuty Finding")(record) and resource.get("resourceType") == "AccessKey"


def _is_about_iam(record: Record) -> bool:
    if not _sent("Security Hub Findings - Imported")(record):
        return False
    findings = record.detail.get("findings") or []
    return any("AwsIam" in str(item.get("Type")) for finding in findings for item in finding.get("Resources") or [])


def _is_refused(record: Record) -> bool:
    """CIS 4.1's metric filter."""
    return (
        (record.error.endswith("UnauthorizedOperation") or record.error.startswith("AccessDenied"))
        and record.detail.get("sourceIPAddress") != "delivery.logs.amazonaws.com"
        and record.name != "HeadBucket"
    )


def _is_login_without_mfa(record: Record) -> bool:
    """CIS 4.2's metric filter."""
    return _is_users_login(record) and record.mfa_used != "Yes"


def _is_failed_login(record: Record) -> bool:
    """CIS 4.6's metric filter asks for the message; Panther for the response, which every failure has."""
    return _login(record, "Failure") or (record.name == "ConsoleLogin" and record.message == "Failed authentication")


DEFINITIONS: Mapping[str, Definition] = {
    # Root
    "root-console-login": lambda record: record.is_root and _login(record, "Success"),
    "root-login-failed": lambda record: record.is_root and _login(record, "Failure"),
    "root-activity": _is_roots_work,
    "root-credentials-changed": lambda record: record.is_root and record.name in _ROOTS_OWN,
    "root-access-key-created": _makes_roots_key,
    "root-session-assumed": _either(
        _call("sts", "AssumeRoot"),
        _call("iam", "EnableOrganizationsRootSessions", "DisableOrganizationsRootSessions"),
        _call("iam", "EnableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootCredentialsManagement"),
    ),
    "root-federated": lambda record: (
        record.is_root and record.name in ("GetFederationToken", "GetSessionToken", "GetSigninToken")
    ),
    "root-federated-activity": _is_root_federated,
    "sign-in-anomaly": _sent("Sign-in Anomaly Alert"),
    # Becoming administrator
    "admin-policy-attached": _attaches_admin,
    "admin-policy-written": _writes_admin,
    "admin-group-joined": _call("iam", "AddUserToGroup"),
    "role-trust-widened": _trusts_others,
    "permissions-boundary-loosened": _call("iam", *_BOUNDARIES),
    "protecting-deny-removed": _takes_protection,
    "admin-credential-created": lambda record: record.made("iam", *_CREDENTIALS) and not _makes_roots_key(record),
    "access-key-created": lambda record: record.made("iam", "CreateAccessKey") and not _makes_roots_key(record),
    "user-policy-attached": _made("iam", "AttachUserPolicy", "PutUserPolicy"),
    "leaked-key-quarantined": _is_quarantine,
    "identity-center-grant": _either(
        _call("sso", "AttachManagedPolicyToPermissionSet", "PutInlinePolicyToPermissionSet", "CreateAccountAssignment"),
        _call("sso", "AttachCustomerManagedPolicyReferenceToPermissionSet"),
        _call("sso-directory", "AddMemberToGroup"),
        _call("identitystore", "CreateGroupMembership"),
    ),
    "identity-provider-changed": _either(
        _call("iam", "CreateSAMLProvider", "UpdateSAMLProvider", "DeleteSAMLProvider"),
        _call("iam", "CreateOpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint"),
        _call("rolesanywhere", "CreateTrustAnchor", "UpdateTrustAnchor", "CreateProfile", "UpdateProfile"),
        _call("sso", "AssociateDirectory", "DisassociateDirectory"),
    ),
    "organization-guardrail-changed": _call(
        "organizations",
        *("AttachPolicy", "DetachPolicy", "UpdatePolicy", "DeletePolicy", "DisablePolicyType", "EnablePolicyType"),
        *("LeaveOrganization", "RemoveAccountFromOrganization", "CloseAccount", "MoveAccount", "DeleteOrganization"),
        *("RegisterDelegatedAdministrator", "DeregisterDelegatedAdministrator", "CreateAccount", "CreateAccountResult"),
        *("InviteAccountToOrganization", "AcceptHandshake", "EnableAWSServiceAccess", "DisableAWSServiceAccess"),
    ),
    "password-policy-weakened": _call("iam", "UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy"),
    "admin-attempts-denied": _is_denied_way_up,
    "admin-session-started": _is_admins_session,
    "admin-console-login": _is_users_login,  # whose rights nothing in the corpus tells: any may be an administrator
    # Blinding
    "trail-tampered": _call("cloudtrail", "StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"),
    "trail-bucket-changed": _of_trails_bucket,
    "trail-key-changed": _of_trails_key,
    "rootwatch-tampered": lambda record: record.service != "lambda" and _names_rootwatch(record),
    "rootwatch-function-changed": lambda record: record.service == "lambda" and _names_rootwatch(record),
    "event-data-store-changed": _call(
        "cloudtrail", "DeleteEventDataStore", "StopEventDataStoreIngestion", "UpdateEventDataStore"
    ),
    "config-recorder-changed": _call(
        "config",
        *("StopConfigurationRecorder", "DeleteConfigurationRecorder", "PutConfigurationRecorder"),
        *("DeleteDeliveryChannel", "DeleteConfigRule", "DeleteConformancePack", "PutRetentionConfiguration"),
    ),
    "analyzer-changed": _call(
        "access-analyzer", "DeleteAnalyzer", "UpdateAnalyzer", "CreateArchiveRule", "UpdateArchiveRule"
    ),
    "guardduty-disabled": _call(
        "guardduty",
        *("DeleteDetector", "UpdateDetector", "DisassociateMembers", "DeleteMembers", "StopMonitoringMembers"),
        *("DisassociateFromMasterAccount", "DisassociateFromAdministratorAccount"),
        *("CreateIPSet", "UpdateIPSet", "CreateFilter", "UpdateFilter", "DeletePublishingDestination"),
    ),
    "securityhub-disabled": _call(
        "securityhub",
        *("DisableSecurityHub", "BatchDisableStandards", "UpdateStandardsControl", "DeleteMembers"),
        *("DisassociateMembers", "DisassociateFromAdministratorAccount", "UpdateFindings", "BatchUpdateFindings"),
        *("CreateInsight", "UpdateInsight", "DeleteInsight"),
    ),
    "macie-disabled": _either(
        *(
            _call(service, "DisableMacie", "UpdateMacieSession", "CreateFindingsFilter", "DeleteMember")
            for service in ("macie", "macie2")
        )
    ),
    "inspector-disabled": _call("inspector2", "Disable", "CreateFilter", "DisassociateMember"),
    "alarm-disabled": _call("monitoring", "DeleteAlarms", "DisableAlarmActions"),
    "log-group-deleted": _call("logs", "DeleteLogGroup", "DeleteLogStream", "DeleteSubscriptionFilter"),
    # Posture
    "config-rule-noncompliant": _is_broken_rule,
    "external-access-found": _sent("Access Analyzer Finding"),
    "internal-access-found": _sent("Internal Access Finding"),
    "unused-access-found": _sent("Unused Access Finding for IAM entities"),
    "guardduty-identity-finding": _is_about_a_key,
    "securityhub-identity-finding": _is_about_iam,
    # The CIS pack: the calls that the benchmark's metric filters name, where they changed something
    "cis-unauthorized-api-calls": _is_refused,
    "cis-console-login-without-mfa": _is_login_without_mfa,
    "cis-console-authentication-failures": _is_failed_login,
    "cis-iam-policy-changed": _made("iam", *_CIS[4]),
    "cis-trail-changed": _made("cloudtrail", *_CIS[5]),
    "cis-kms-key-disabled-or-deletion": _made("kms", *_CIS[7]),
    "cis-s3-bucket-policy-changed": _made("s3", *_CIS[8]),
    "cis-config-changed": _made("config", *_CIS[9]),
    "cis-security-group-changed": _made("ec2", *_CIS[10]),
    "cis-network-acl-changed": _made("ec2", *_CIS[11]),
    "cis-network-gateway-changed": _made("ec2", *_CIS[12]),
    "cis-route-table-changed": _made("ec2", *_CIS[13]),
    "cis-vpc-changed": _made("ec2", *_CIS[14]),
    "cis-organizations-changed": _made("organizations", *_CIS[15]),
}


def _statements(document: object) -> Iterator[Mapping[str, Any]]:
    """Of a policy as CloudTrail writes it: JSON in a string, sometimes URL-encoded, sometimes broken."""
    if not isinstance(document, str):
        return
    try:
        parsed = json.loads(document if document.lstrip().startswith("{") else unquote(document))
    except ValueError:
        return
    found = parsed.get("Statement") if isinstance(parsed, Mapping) else None
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, Mapping):
            yield item


def _words(value: object) -> list[str]:
    return [word for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)]
