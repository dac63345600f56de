"""Limits for everything together, and for each owner."""

from __future__ import annotations

from collections import Counter

from gaffer_lookup.registry.errors import too_many

LIMITS = {"nodes": 10_000, "jobs": 400_000, "processes": 1_000_000}
"""For all owners together, because memory is bounded."""

DEFAULT_SHARE = 0.25
"""The part of a limit that one owner may use, so that a leaked or looping token leaves room."""


class Quotas:
    """Counts what each owner has registered.

    Args:
        share: the part of each limit that one owner may use, from 0 to 1.
    """

    def __init__(self, share: float = DEFAULT_SHARE) -> None:
        self._share = share
        self._all: Counter[str] = Counter()
        self._owned: Counter[tuple[str, str]] = Counter()

    def reserve(self, owner: str, **counts: int) -> None:
        """Count what an owner registers: `reserve("token a", jobs=1, processes=3)`; all or nothing.

        Raises:
            RegistryError: 429, the owner, or all owners together, would exceed a limit.
        """
        for what, count in counts.items():
            self._check(owner, what, count)
        self._all.update(counts)
        self._owned.update({(owner, what): n for what, n in counts.items() if n})

    def _check(self, owner: str, what: str, count: int) -> None:
        if self._all[what] + count > LIMITS[what]:
            raise too_many(
                f"this lookupd has {self._all[what]} {what}, of at most {LIMITS[what]}: register"
                " with another one"
            )
        limit = int(LIMITS[what] * self._share)
        if self._owned[owner, what] + count > limit:
            raise too_many(
                f"{owner} has {self._owned[owner, what]} {what} here, of at most {limit}: give each"
                " node a token of its own, or gaffer_lookupd a larger --share"
            )

    def release(self, owner: str, **counts: int) -> None:
        """Count what an owner has no longer."""
        for what, count in counts.items():
            self._all[what] -= count
            self._owned[owner, what] -= count
            if not self._owned[owner, what]:
                del self._owned[owner, what]
