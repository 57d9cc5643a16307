"""What the audit log keeps of a finding: one line of the auditors' table of findings."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC
from typing import Any

from handlers.alerting.finding import Finding

_NOT_SAFE = re.compile(r"[^A-Za-z0-9-]+")
_READABLE = 150  # characters of an id that a key shows; the digest behind them tells ids apart


def finding_key(finding: Finding) -> str:
    """Where the audit log keeps a finding: by the day (UTC) we learnt of it; a repeat of the finding has the same.

    An id holds what an event said of itself, so only letters, digits and dashes of it are in the key: no "/" of an
    attacker's makes a folder, and a query engine leaves out objects that begin with "_" or ".".
    """
    digest = hashlib.sha256(finding.id.encode("utf-8", "replace")).hexdigest()[:16]
    readable = _NOT_SAFE.sub("_", finding.id).lstrip("_")[:_READABLE]
    return f"findings/{finding.received.astimezone(UTC):%Y/%m/%d}/{readable}-{digest}.json"


def finding_entry(finding: Finding, alert_id: str) -> dict[str, Any]:
    """What the audit log keeps of a finding; times in ISO 8601 UTC, what is not known is None.

    The keys are the columns of the table "findings" in audit/tables.py.
    """
    happened = finding.time.astimezone(UTC).isoformat() if finding.time else None
    return {
        "finding_id": finding.id,
        "detection_id": finding.detection_id,
        "alert_id": alert_id,
        "event_id": finding.event_id,
        "account": finding.account,
        "region": finding.region,
        "severity": finding.severity.name,
        "title": finding.title,
        "summary": finding.summary,
        "subject": finding.subject,
        "actor": finding.actor,
        "actor_arn": finding.actor_arn,
        "actor_kind": finding.actor_kind,
        "access_key_id": finding.access_key_id,
        "source_ip": finding.source_ip,
        "event_name": finding.event_name,
        "event_service": finding.event_service,
        "event_time": happened,
        "received": finding.received.astimezone(UTC).isoformat(),
        "road": str(finding.road),
        "quiet": finding.quiet,
        "window_id": finding.window_id,
        "standing": finding.standing,
        "session": json.dumps(dict(finding.session), sort_keys=True) if finding.session is not None else None,
    }
