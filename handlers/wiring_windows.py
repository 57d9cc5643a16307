"""Break-glass windows for whichever function needs them: the rules in its bundle, and the desk on the alert table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handlers.adapters.window_table import WindowTable
from handlers.alerting.ports import Timer
from handlers.alerting.window import BreakGlass
from handlers.alerting.window_desk import Audit, WindowDesk
from handlers.settings import SettingsError

_BUNDLE = Path(__file__).parent.parent  # /var/task: the folder that holds `handlers`


def rules_in(file: str, *, bundle: Path = _BUNDLE) -> BreakGlass | None:
    """What the deployment says about windows, from its file in the bundle; None where `file` is "": there are none.

    Raises:
        SettingsError: the file is not there or unreadable. The queue then keeps the events and its alarm mails.
    """
    if not file:
        return None
    try:
        return BreakGlass.from_json((bundle / file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} in the function's bundle cannot be read ({error}): deploy again") from error


def window_desk(
    rules: BreakGlass | None,
    *,
    client: Any,
    table: str,
    retention_days: int,
    audit: Audit | None = None,
    timer: Timer | None = None,
) -> WindowDesk | None:
    """The desk on the alert table; None without rules. `client` is DynamoDB's, `audit` an AuditLog's append."""
    if rules is None:
        return None
    return WindowDesk(
        windows=WindowTable(client=client, table=table, retention=timedelta(days=retention_days)),
        rules=rules,
        clock=lambda: datetime.now(UTC),
        audit=audit,
        timer=timer,
    )
