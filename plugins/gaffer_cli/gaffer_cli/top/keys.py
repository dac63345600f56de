"""Decoding of the bytes of a terminal into keys."""

from __future__ import annotations

_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"k": "up",
    b"j": "down",
    b" ": "page down",
    b"g": "home",
    b"G": "end",
    b"\x03": "interrupt",
    b"\x1a": "suspend",
    b"\x0c": "repaint",
    b"q": "quit",
}


class Keys:
    """Decodes keys. Unknown bytes are returned as they are."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the keys in these bytes; a sequence may arrive in pieces."""
        waiting, self._rest = self._rest + data, b""
        keys = []
        while waiting:
            found = next((each for each in _SEQUENCES if waiting.startswith(each)), None)
            if found is None and waiting in _BEGINNINGS:
                self._rest = waiting
                break
            taken = found or waiting[:1]
            keys.append(_SEQUENCES.get(taken, taken.decode("latin-1")))
            waiting = waiting[len(taken) :]
        return keys


_BEGINNINGS = {each[:length] for each in _SEQUENCES for length in range(1, len(each))}
