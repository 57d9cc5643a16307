"""What is said about break-glass windows, out of the bundle; a module of its own, as the door loads little."""

from __future__ import annotations

from pathlib import Path

from handlers.alerting.window import BreakGlass
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
