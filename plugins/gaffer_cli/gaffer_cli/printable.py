"""Text of others on the terminal: what would steer it is shown, or left out."""

from __future__ import annotations

from gaffer_console.text import clean_text


def printable(text: str) -> str:
    """A text in one line: sequences that steer a terminal are gone, all else that is not printable
    is shown.
    """
    if text.isprintable():
        return text
    text = clean_text(text.expandtabs(), colors=False)
    return "".join(each if each.isprintable() else _shown(each) for each in text)


def _shown(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
