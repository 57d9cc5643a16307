"""What somebody does with an alert, carried out: decided, kept, and written into the audit log."""

from __future__ import annotations

from handlers.alerting.life import Act, Decision, Outcome, audit_entry, audit_key
from handlers.alerting.ports import AlertBook, AuditLog


def carry_out(alert_id: str, act: Act, *, book: AlertBook, audit_log: AuditLog | None) -> Decision:
    """Decide about an act and keep it. Repeating it finishes what was left undone.

    The alert book comes first, as it decides who is first; an act that it has done is then in the audit log as well, or
    the error makes the queue bring it again. `audit_log` is None where a deployment has none.

    Raises:
        UnavailableError: the book or the log did not answer.
    """
    decision = book.act(alert_id, act)
    if decision.outcome is Outcome.DONE and audit_log is not None:
        life = decision.life
        audit_log.append(audit_key(alert_id, act.id, life), audit_entry(alert_id, act.id, act.verb, life))
    return decision


def write_again(alert_id: str, act_ids: frozenset[str], *, book: AlertBook, audit_log: AuditLog | None) -> None:
    """See that those of these acts which were done are in the audit log: a crash may have come in between.

    Raises:
        UnavailableError: the book or the log did not answer.
    """
    if audit_log is None:
        return
    for act, life in book.history(alert_id):
        if act.id in act_ids:
            audit_log.append(audit_key(alert_id, act.id, life), audit_entry(alert_id, act.id, act.verb, life))
