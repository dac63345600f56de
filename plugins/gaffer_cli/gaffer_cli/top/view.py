"""The state of the live view: the rows, their order, and the selected one."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_cli.top.rows import ORDERS, Row

_ORDER_KEYS = {"c": "cpu", "m": "mem", "n": "name"}


class View:
    """The state of a live view.

    Args:
        order: one of ORDERS.

    Attributes:
        rows: in order.
        lost: why there is no new data; None while gafferd answers.
        page: the number of visible rows.
    """

    def __init__(self, order: str) -> None:
        self.rows: list[Row] = []
        self.order = order
        self.lost: str | None = None
        self.page = 1
        self._first = 0
        self._index = 0

    @property
    def selected(self) -> Row | None:
        """The selected row; None if there are no rows."""
        return self.rows[self._index] if self.rows else None

    def update(self, rows: list[Row]) -> None:
        """Replace the rows. The selected job stays selected as long as it exists."""
        self.lost = None
        self._arrange(rows)

    def _arrange(self, rows: list[Row]) -> None:
        selected = self.selected
        self.rows = sorted(rows, key=ORDERS[self.order])
        names = [row.name for row in self.rows]
        if selected is not None and selected.name in names:
            self._index = names.index(selected.name)
        self._move(0)

    def press(self, key: str) -> None:
        """Apply a key; unknown keys do nothing."""
        moves: dict[str, Callable[[], int]] = {
            "up": lambda: -1,
            "down": lambda: 1,
            "page up": lambda: -self.page,
            "page down": lambda: self.page,
            "home": lambda: -len(self.rows),
            "end": lambda: len(self.rows),
        }
        if key in moves:
            self._move(moves[key]())
        elif key in _ORDER_KEYS:
            self.order = _ORDER_KEYS[key]
            self._arrange(self.rows)

    def _move(self, by: int) -> None:
        self._index = max(0, min(len(self.rows) - 1, self._index + by))

    def visible_rows(self, number: int) -> list[Row]:
        """Return the visible rows for a window of that many; the selected one is among them."""
        self.page = max(1, number)
        lowest = max(0, self._index - self.page + 1)
        self._first = min(max(self._first, lowest), self._index)
        self._first = max(0, min(self._first, len(self.rows) - self.page))
        return self.rows[self._first : self._first + self.page]
