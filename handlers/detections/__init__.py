"""What we watch for: every detection, listed by name - nothing is discovered by accident."""

from __future__ import annotations

from handlers.alerting.detection import Detection
from handlers.detections.access_key_created.detection import ACCESS_KEY_CREATED
from handlers.detections.admin_attempts_denied.detection import ADMIN_ATTEMPTS_DENIED
from handlers.detections.admin_console_login.detection import ADMIN_CONSOLE_LOGIN
from handlers.detections.admin_credential_created.detection import ADMIN_CREDENTIAL_CREATED
from handlers.detections.admin_group_joined.detection import ADMIN_GROUP_JOINED
from handlers.detections.admin_policy_attached.detection import ADMIN_POLICY_ATTACHED
from handlers.detections.admin_policy_written.detection import ADMIN_POLICY_WRITTEN
from handlers.detections.admin_session_started.detection import ADMIN_SESSION_STARTED
from handlers.detections.identity_center_grant.detection import IDENTITY_CENTER_GRANT
from handlers.detections.identity_provider_changed.detection import IDENTITY_PROVIDER_CHANGED
from handlers.detections.leaked_key_quarantined.detection import LEAKED_KEY_QUARANTINED
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
from handlers.detections.sign_in_anomaly.detection import SIGN_IN_ANOMALY
from handlers.detections.trail_tampered.detection import TRAIL_TAMPERED
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
)
