"""Who may act on alerts: people by name, or the members of a user group as Slack knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

KEPT = timedelta(minutes=5)  # somebody who joins or leaves a group is known to have within this time


class Responders:
    """The configured ids: "U..." and "W..." are people, "S..." is a group. None at all: whoever can press."""

    def __init__(
        self, ids: Sequence[str], *, members: Callable[[str], frozenset[str]], clock: Callable[[], datetime]
    ) -> None:
        """`members` asks Slack for the people of a group."""
        self._people = frozenset(id_ for id_ in ids if not id_.startswith("S"))
        self._groups = tuple(id_ for id_ in ids if id_.startswith("S"))
        self._members = members
        self._clock = clock
        self._known: dict[str, tuple[datetime, frozenset[str]]] = {}

    def include(self, user: str) -> bool:
        """Whether this person may act.

        Raises:
            UnavailableError: a group's members are not known now. That is no yes.
        """
        if user in self._people or not (self._people or self._groups):
            return True
        return any(user in self._people_of(group) for group in self._groups)

    def _people_of(self, group: str) -> frozenset[str]:
        now = self._clock()
        kept = self._known.get(group)
        if kept is None or now - kept[0] >= KEPT:
            kept = (now, self._members(group))
            self._known[group] = kept
        return kept[1]
