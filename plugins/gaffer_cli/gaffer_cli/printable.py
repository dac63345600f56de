"""Text of others on the terminal: what would steer it is shown, or left out."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and the other strings
    r"|[ -/]*[0-~])"
)


def printable(text: str) -> str:
    """A text in one line: sequences that steer a terminal are gone, other controls are shown."""
    if text.isprintable():
        return text
    text = _SEQUENCE.sub("", text).expandtabs()
    return "".join(each if each.isprintable() else _shown(each) for each in text)


def _shown(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
