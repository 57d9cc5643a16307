"""Alerts to an HTTPS address of the user's own, signed; and to PagerDuty's Events API v2."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from handlers.adapters.destination import HttpsDestination, Request
from handlers.adapters.notices import reminder_sentence
from handlers.adapters.story import links_of
from handlers.adapters.untrusted import plain
from handlers.adapters.wording import words_for
from handlers.adapters.wording_notify import notify_words_for
from handlers.alerting.alert import Alert, Told
from handlers.alerting.finding import Finding
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity

SIGNATURE = "Rootwatch-Signature"  # "t=1762077600,v1=<hex>": HMAC-SHA256 over "<t>.<body>", as many webhooks have it
DELIVERY = "Rootwatch-Delivery"  # the same for the same news: a repeat can be told from what is new
PAGERDUTY_HOSTS = {"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}

_VALUE = 1_000  # characters of one value
_SUMMARY = 1_024  # characters PagerDuty takes (Events API v2, "payload.summary")
_PAGERDUTY_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}


def alert_as_plain(alert: Alert, *, language: str) -> dict[str, Any]:
    """An alert as JSON values: its strings are visible characters on one line, bounded."""
    words = words_for(language)
    finding = alert.headline.said_in(words.phrases)
    texts = {
        "id": alert.id,
        "title": finding.title,
        "summary": finding.summary,
        "why": finding.why,
        "detection": finding.detection_id,
        "account": finding.account,
        "account_name": finding.account_name or "",
        "region": finding.region,
        "actor": finding.actor,
        "actor_kind": finding.actor_kind,
        "actor_arn": finding.actor_arn,
        "subject": finding.subject,
        "source_ip": finding.source_ip,
        "event_name": finding.event_name,
        "event_id": finding.event_id,
    }
    return {
        **{key: plain(value, _VALUE) for key, value in texts.items()},
        "severity": alert.severity.name,
        "time": finding.happened.isoformat(),
        "last_time": alert.last_time.isoformat(),
        "count": alert.loud,
        "respond": [plain(step, _VALUE) for step in finding.respond],
        "links": [{"text": plain(link.text, 120), "url": link.url} for link in links_of(finding, words)],
    }


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header by which the receiver knows that a body is ours, and that it is not an old one sent again."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class WebhookNotifier(HttpsDestination):
    """Posts JSON: {"version": 1, "type": "alert" | "worse" | "reminder", "alert": {...}, ...}."""

    def __init__(self, *, url: str, **rest: Any) -> None:
        """Args: `secret` in `rest` is what bodies are signed with."""
        super().__init__(**rest)
        self._url = url

    def opened(self, alert: Alert, secret: str) -> Request:
        return self._request("alert", alert, secret, key="")

    def got_worse(self, alert: Alert, told: Told, findings: Sequence[Finding], secret: str) -> Request:
        kinds = " ".join(sorted(alert.critical_kinds))
        return self._request("worse", alert, secret, key=f"{alert.severity} {kinds}", before=told.severity.name)

    def reminded(self, alert: Alert, reminder: Reminder, secret: str) -> Request:
        said = {
            "number": reminder.number,
            "most": reminder.most,
            "waiting_seconds": int(reminder.waiting.total_seconds()),
        }
        key = f"{reminder.severity} {reminder.number}"
        return self._request("reminder", alert, secret, key=key, reminder=said)

    def _request(self, kind: str, alert: Alert, secret: str, *, key: str, **more: Any) -> Request:
        delivery = hashlib.sha256(f"{self.name} {kind} {alert.id} {key}".encode("utf-8", "replace")).hexdigest()[:32]
        content = {
            "version": 1,
            "type": kind,
            "delivery": delivery,
            "environment": plain(self._settings.environment),
            "alert": alert_as_plain(alert, language=self._settings.language),
            **more,
        }
        body = json.dumps(content).encode()  # in ASCII: every other character is escaped
        return Request(
            url=self._url,
            body=body,
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"Rootwatch/{self._settings.version}",
                DELIVERY: delivery,
                SIGNATURE: signature(secret, body, at=int(self._clock().timestamp())),
            },
        )


class PagerDutyNotifier(HttpsDestination):
    """Opens an alert in PagerDuty, one for each of ours: a repeat, a rise and a reminder are the same one's.

    https://developer.pagerduty.com/docs/send-alert-event
    """

    def __init__(self, *, region: str = "us", **rest: Any) -> None:
        """Args: `secret` in `rest` is the integration's routing key."""
        super().__init__(**rest)
        self._url = f"https://{PAGERDUTY_HOSTS[region]}/v2/enqueue"

    def opened(self, alert: Alert, secret: str) -> Request:
        return self._trigger(alert, secret)

    def got_worse(self, alert: Alert, told: Told, findings: Sequence[Finding], secret: str) -> Request:
        return self._trigger(alert, secret)

    def reminded(self, alert: Alert, reminder: Reminder, secret: str) -> Request:
        said = reminder_sentence(
            reminder, words_for(self._settings.language), notify_words_for(self._settings.language)
        )
        return self._trigger(alert, secret, reminder=said)

    def settle(self, alert: Alert, *, is_closed: bool) -> None:
        """Somebody took the alert, or closed it, elsewhere: PagerDuty stops calling people. Raises like `announce`."""
        action = "resolve" if is_closed else "acknowledge"
        self._send(lambda secret: self._event(alert, secret, action))

    def _trigger(self, alert: Alert, secret: str, **more: str) -> Request:
        finding = alert.headline.said_in(words_for(self._settings.language).phrases)
        content = alert_as_plain(alert, language=self._settings.language)
        links = content.pop("links")
        payload = {
            "summary": plain(f"{alert.severity.name}: {finding.title}. {finding.summary}", _SUMMARY),
            "source": plain(finding.account_name or finding.account) or "unknown account",
            "severity": _PAGERDUTY_SEVERITY[alert.severity],
            "timestamp": finding.happened.isoformat(),
            "component": plain(finding.subject),
            "group": plain(finding.account),
            "class": plain(finding.detection_id),
            "custom_details": {**content, **more},
        }
        return self._event(
            alert,
            secret,
            "trigger",
            payload=payload,
            links=[{"href": link["url"], "text": link["text"]} for link in links],
            client=f"Rootwatch {self._settings.environment}".rstrip(),
        )

    def _event(self, alert: Alert, secret: str, action: str, **more: Any) -> Request:
        content = {"routing_key": secret, "event_action": action, "dedup_key": plain(alert.id, 255), **more}
        return Request(
            url=self._url,
            body=json.dumps(content).encode(),
            headers={"Content-Type": "application/json", "User-Agent": f"Rootwatch/{self._settings.version}"},
        )
