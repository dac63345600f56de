"""How much there may be of everything, and how much of that may be one owner's."""

from __future__ import annotations

from collections import Counter

from gaffer_lookup.registry.errors import too_many

MOST = {"nodes": 10_000, "jobs": 400_000, "processes": 1_000_000}
"""Of all owners: memory has an end, whoever registers."""

SHARE = 0.25
"""Of that, one owner's: no token that leaks, or loops, leaves no room for others."""


class Shares:
    """Counts what each owner has registered.

    Args:
        share: how much of everything may be one owner's, from 0 to 1.
    """

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._all: Counter[str] = Counter()
        self._owned: Counter[tuple[str, str]] = Counter()

    def take(self, owner: str, **counts: int) -> None:
        """Count what an owner registers: `take("token a", jobs=1, processes=3)`; all or nothing.

        Raises:
            Refusal: 429, that would be too many, his or altogether.
        """
        for what, count in counts.items():
            self._check(owner, what, count)
        self._all.update(counts)
        self._owned.update({(owner, what): n for what, n in counts.items() if n})

    def _check(self, owner: str, what: str, count: int) -> None:
        if self._all[what] + count > MOST[what]:
            raise too_many(
                f"this lookupd has {self._all[what]} {what}, of at most {MOST[what]}: register with"
                " another one"
            )
        most = int(MOST[what] * self._share)
        if self._owned[owner, what] + count > most:
            raise too_many(
                f"{owner} has {self._owned[owner, what]} {what} here, of at most {most}: give each"
                " node a token of its own, or gaffer_lookupd a larger --share"
            )

    def give(self, owner: str, **counts: int) -> None:
        """Count what an owner has no longer."""
        for what, count in counts.items():
            self._all[what] -= count
            self._owned[owner, what] -= count
            if not self._owned[owner, what]:
                del self._owned[owner, what]
