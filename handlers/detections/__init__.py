"""What we watch for: every detection, listed by name - nothing is discovered by accident."""

from __future__ import annotations

from handlers.alerting.detection import Detection
from handlers.detections.admin_policy_attached.detection import ADMIN_POLICY_ATTACHED
from handlers.detections.admin_policy_written.detection import ADMIN_POLICY_WRITTEN
from handlers.detections.root_activity.detection import ROOT_ACTIVITY
from handlers.detections.root_console_login.detection import ROOT_CONSOLE_LOGIN
from handlers.detections.root_credentials_changed.detection import ROOT_CREDENTIALS_CHANGED
from handlers.detections.root_login_failed.detection import ROOT_LOGIN_FAILED
from handlers.detections.trail_tampered.detection import TRAIL_TAMPERED

CATALOGUE: tuple[Detection, ...] = (
    # Root
    ROOT_CONSOLE_LOGIN,
    ROOT_LOGIN_FAILED,
    ROOT_ACTIVITY,
    ROOT_CREDENTIALS_CHANGED,
    # Becoming administrator
    ADMIN_POLICY_ATTACHED,
    ADMIN_POLICY_WRITTEN,
    # Blinding
    TRAIL_TAMPERED,
)
