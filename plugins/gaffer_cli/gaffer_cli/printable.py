"""Untrusted text on the terminal: control characters are escaped or removed."""

from __future__ import annotations

from gaffer_console.text import clean_text


def printable(text: str) -> str:
    """Return a text as one printable line.

    Escape sequences for terminals are removed, other unprintable characters are escaped.
    """
    if text.isprintable():
        return text
    text = clean_text(text.expandtabs(), colors=False)
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
