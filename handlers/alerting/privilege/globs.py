"""Matches one IAM wildcard pattern against many known words at once, in time linear in the pattern."""

from __future__ import annotations

from collections.abc import Iterable


class Work:
    """Counts the pattern characters read, so that a test can bound the work without a clock."""

    def __init__(self) -> None:
        self.steps = 0


class WordSet:
    """A fixed set of words, and which of them a pattern with `*` and `?` matches.

    The words lie one after another in one big integer: a bit per character, one for the word's end, one as a guard.
    A set of bits says how far the pattern has come in every word together; a literal is AND and shift, `*` is one
    subtraction (the borrow runs from the first reached position up to the guard). So a hostile `*a*a*a*a` costs as
    many steps as it has characters, whatever the words: there is nothing to backtrack into.

    Sets of words are the words' end bits in an integer; combine them with `&`, `|` and `everything & ~mask`.
    """

    def __init__(self, words: Iterable[str], *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case
        self._at: dict[str, int] = {}  # character -> where it stands
        self._any = self._starts = self._ends = self._guards = 0
        self._bits: dict[str, int] = {}
        position = 0
        for word in dict.fromkeys(self._fold(word) for word in words):
            self._starts |= 1 << position
            for offset, character in enumerate(word):
                self._at[character] = self._at.get(character, 0) | 1 << (position + offset)
            self._any |= ((1 << len(word)) - 1) << position
            end = position + len(word)
            self._bits[word] = 1 << end
            self._ends |= 1 << end
            self._guards |= 1 << (end + 1)
            position = end + 2
        self.size = position  # the first bit that is free for other uses

    def _fold(self, text: str) -> str:
        return text.lower() if self._ignore_case else text

    @property
    def words(self) -> tuple[str, ...]:
        """The words, folded if case is ignored."""
        return tuple(self._bits)

    @property
    def everything(self) -> int:
        """The set of all words."""
        return self._ends

    def bit(self, word: str) -> int:
        """The set that holds this one word; `KeyError` if it is not one of the words."""
        return self._bits[self._fold(word)]

    def match(self, pattern: str, work: Work) -> int:
        """The set of words that `pattern` matches; `*` is any run of characters, `?` is any one character."""
        pattern = self._fold(pattern)
        if "*" not in pattern and "?" not in pattern:
            work.steps += 1
            return self._bits.get(pattern, 0)
        if not pattern.strip("*"):
            work.steps += 1
            return self._ends
        reached = self._starts
        for character in pattern:
            work.steps += 1
            if character == "*":
                reached = ((self._guards - reached) & ~self._guards) | reached
            elif character == "?":
                reached = (reached & self._any) << 1
            else:
                reached = (reached & self._at.get(character, 0)) << 1
            if not reached:
                return 0
        return reached & self._ends
