"""What we watch for: every detection, listed by name - nothing is discovered by accident."""

from __future__ import annotations

from collections.abc import Iterable

from handlers.alerting.detection import Detection
from handlers.detections.access_key_created.detection import ACCESS_KEY_CREATED
from handlers.detections.admin_attempts_denied.detection import ADMIN_ATTEMPTS_DENIED
from handlers.detections.admin_console_login.detection import ADMIN_CONSOLE_LOGIN
from handlers.detections.admin_credential_created.detection import ADMIN_CREDENTIAL_CREATED
from handlers.detections.admin_group_joined.detection import ADMIN_GROUP_JOINED
from handlers.detections.admin_policy_attached.detection import ADMIN_POLICY_ATTACHED
from handlers.detections.admin_policy_written.detection import ADMIN_POLICY_WRITTEN
from handlers.detections.admin_session_started.detection import ADMIN_SESSION_STARTED
from handlers.detections.alarm_disabled.detection import ALARM_DISABLED
from handlers.detections.analyzer_changed.detection import ANALYZER_CHANGED
from handlers.detections.cis_config_changed.detection import CIS_CONFIG_CHANGED
from handlers.detections.cis_console_authentication_failures.detection import CIS_CONSOLE_AUTHENTICATION_FAILURES
from handlers.detections.cis_console_login_without_mfa.detection import CIS_CONSOLE_LOGIN_WITHOUT_MFA
from handlers.detections.cis_iam_policy_changed.detection import CIS_IAM_POLICY_CHANGED
from handlers.detections.cis_kms_key_disabled_or_deletion.detection import CIS_KMS_KEY_DISABLED_OR_DELETION
from handlers.detections.cis_network_acl_changed.detection import CIS_NETWORK_ACL_CHANGED
from handlers.detections.cis_network_gateway_changed.detection import CIS_NETWORK_GATEWAY_CHANGED
from handlers.detections.cis_organizations_changed.detection import CIS_ORGANIZATIONS_CHANGED
from handlers.detections.cis_route_table_changed.detection import CIS_ROUTE_TABLE_CHANGED
from handlers.detections.cis_s3_bucket_policy_changed.detection import CIS_S3_BUCKET_POLICY_CHANGED
from handlers.detections.cis_security_group_changed.detection import CIS_SECURITY_GROUP_CHANGED
from handlers.detections.cis_trail_changed.detection import CIS_TRAIL_CHANGED
from handlers.detections.cis_unauthorized_api_calls.detection import CIS_UNAUTHORIZED_API_CALLS
from handlers.detections.cis_vpc_changed.detection import CIS_VPC_CHANGED
from handlers.detections.config_recorder_changed.detection import CONFIG_RECORDER_CHANGED
from handlers.detections.config_rule_noncompliant.detection import CONFIG_RULE_NONCOMPLIANT
from handlers.detections.event_data_store_changed.detection import EVENT_DATA_STORE_CHANGED
from handlers.detections.external_access_found.detection import EXTERNAL_ACCESS_FOUND
from handlers.detections.guardduty_disabled.detection import GUARDDUTY_DISABLED
from handlers.detections.guardduty_identity_finding.detection import GUARDDUTY_IDENTITY_FINDING
from handlers.detections.identity_center_grant.detection import IDENTITY_CENTER_GRANT
from handlers.detections.identity_provider_changed.detection import IDENTITY_PROVIDER_CHANGED
from handlers.detections.inspector_disabled.detection import INSPECTOR_DISABLED
from handlers.detections.internal_access_found.detection import INTERNAL_ACCESS_FOUND
from handlers.detections.leaked_key_quarantined.detection import LEAKED_KEY_QUARANTINED
from handlers.detections.log_group_deleted.detection import LOG_GROUP_DELETED
from handlers.detections.macie_disabled.detection import MACIE_DISABLED
from handlers.detections.organization_guardrail_changed.detection import ORGANIZATION_GUARDRAIL_CHANGED
from handlers.detections.password_policy_weakened.detection import PASSWORD_POLICY_WEAKENED
from handlers.detections.permissions_boundary_loosened.detection import PERMISSIONS_BOUNDARY_LOOSENED
from handlers.detections.protecting_deny_removed.detection import PROTECTING_DENY_REMOVED
from handlers.detections.role_trust_widened.detection import ROLE_TRUST_WIDENED
from handlers.detections.root_access_key_created.detection import ROOT_ACCESS_KEY_CREATED
from handlers.detections.root_activity.detection import ROOT_ACTIVITY
from handlers.detections.root_console_login.detection import ROOT_CONSOLE_LOGIN
from handlers.detections.root_credentials_changed.detection import ROOT_CREDENTIALS_CHANGED
from handlers.detections.root_federated.detection import ROOT_FEDERATED
from handlers.detections.root_federated_activity.detection import ROOT_FEDERATED_ACTIVITY
from handlers.detections.root_login_failed.detection import ROOT_LOGIN_FAILED
from handlers.detections.root_session_assumed.detection import ROOT_SESSION_ASSUMED
from handlers.detections.rootwatch_function_changed.detection import ROOTWATCH_FUNCTION_CHANGED
from handlers.detections.rootwatch_tampered.detection import ROOTWATCH_TAMPERED
from handlers.detections.securityhub_disabled.detection import SECURITYHUB_DISABLED
from handlers.detections.securityhub_identity_finding.detection import SECURITYHUB_IDENTITY_FINDING
from handlers.detections.sign_in_anomaly.detection import SIGN_IN_ANOMALY
from handlers.detections.trail_bucket_changed.detection import TRAIL_BUCKET_CHANGED
from handlers.detections.trail_key_changed.detection import TRAIL_KEY_CHANGED
from handlers.detections.trail_tampered.detection import TRAIL_TAMPERED
from handlers.detections.unused_access_found.detection import UNUSED_ACCESS_FOUND
from handlers.detections.user_policy_attached.detection import USER_POLICY_ATTACHED

CATALOGUE: tuple[Detection, ...] = (
    # Root
    ROOT_CONSOLE_LOGIN,
    ROOT_LOGIN_FAILED,
    ROOT_ACTIVITY,
    ROOT_CREDENTIALS_CHANGED,
    ROOT_ACCESS_KEY_CREATED,
    ROOT_SESSION_ASSUMED,
    ROOT_FEDERATED,
    ROOT_FEDERATED_ACTIVITY,
    SIGN_IN_ANOMALY,
    # Becoming administrator
    ADMIN_POLICY_ATTACHED,
    ADMIN_POLICY_WRITTEN,
    ADMIN_GROUP_JOINED,
    ROLE_TRUST_WIDENED,
    PERMISSIONS_BOUNDARY_LOOSENED,
    PROTECTING_DENY_REMOVED,
    ADMIN_CREDENTIAL_CREATED,
    ACCESS_KEY_CREATED,
    USER_POLICY_ATTACHED,
    LEAKED_KEY_QUARANTINED,
    IDENTITY_CENTER_GRANT,
    IDENTITY_PROVIDER_CHANGED,
    ORGANIZATION_GUARDRAIL_CHANGED,
    PASSWORD_POLICY_WEAKENED,
    ADMIN_ATTEMPTS_DENIED,
    ADMIN_SESSION_STARTED,
    ADMIN_CONSOLE_LOGIN,
    # Blinding
    TRAIL_TAMPERED,
    TRAIL_BUCKET_CHANGED,
    TRAIL_KEY_CHANGED,
    ROOTWATCH_TAMPERED,
    ROOTWATCH_FUNCTION_CHANGED,
    EVENT_DATA_STORE_CHANGED,
    CONFIG_RECORDER_CHANGED,
    ANALYZER_CHANGED,
    GUARDDUTY_DISABLED,
    SECURITYHUB_DISABLED,
    MACIE_DISABLED,
    INSPECTOR_DISABLED,
    ALARM_DISABLED,
    LOG_GROUP_DELETED,
    # Posture: what AWS's own services found
    CONFIG_RULE_NONCOMPLIANT,
    EXTERNAL_ACCESS_FOUND,
    INTERNAL_ACCESS_FOUND,
    UNUSED_ACCESS_FOUND,
    GUARDDUTY_IDENTITY_FINDING,
    SECURITYHUB_IDENTITY_FINDING,
    # The CIS monitoring pack, in the order of its controls
    CIS_UNAUTHORIZED_API_CALLS,
    CIS_CONSOLE_LOGIN_WITHOUT_MFA,
    CIS_CONSOLE_AUTHENTICATION_FAILURES,
    CIS_IAM_POLICY_CHANGED,
    CIS_TRAIL_CHANGED,
    CIS_KMS_KEY_DISABLED_OR_DELETION,
    CIS_S3_BUCKET_POLICY_CHANGED,
    CIS_CONFIG_CHANGED,
    CIS_SECURITY_GROUP_CHANGED,
    CIS_NETWORK_ACL_CHANGED,
    CIS_NETWORK_GATEWAY_CHANGED,
    CIS_ROUTE_TABLE_CHANGED,
    CIS_VPC_CHANGED,
    CIS_ORGANIZATIONS_CHANGED,
)

PACKS: frozenset[str] = frozenset(detection.pack for detection in CATALOGUE if detection.pack)


def catalogue(packs: Iterable[str] = ()) -> tuple[Detection, ...]:
    """The detections at work where these packs are switched on; CATALOGUE is everything there is.

    Raises:
        ValueError: there is no such pack; names it and those there are.
    """
    wanted = frozenset(packs)
    if unknown := wanted - PACKS:
        raise ValueError(f"there is no pack {', '.join(sorted(unknown))}; there is {', '.join(sorted(PACKS))}")
    return tuple(detection for detection in CATALOGUE if not detection.pack or detection.pack in wanted)
