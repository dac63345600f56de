"""Output of programs, cleaned for the terminal: control sequences are removed or escaped."""

from __future__ import annotations

import re

from gaffer_console.color import RESET

MAX_LINE = 64 * 1024
"""Bytes of a line; a longer one is shown in several lines."""
CONTINUED = "\N{HORIZONTAL ELLIPSIS} continued"
"""The mark at the end of a line that continues in the next one; its first character cannot be part
of an escape sequence."""

_SGR = r"\x1b\[[0-9;:]*m"
# Each class excludes the start of the next sequence, so that matching takes linear time.
# An unterminated sequence loses only its introducer: stray characters are better than a lost line.
_SEQUENCE = re.compile(
    rf"(?P<sgr>{_SGR})"
    # OSC: titles, links, clipboard
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]*(?:\x07|\x1b\\|\x9c)"
    # DCS, SOS, PM, APC
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x90\x98\x9c\x9e\x9f]*(?:\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: cursor, erase, modes, reports
    r"|\x1b[ -/]*[0-~]"  # the short sequences: charset, reset
    r"|(?P<control>[\x00-\x08\x0a-\x1f\x7f-\x9f])"
    # Bidirectional controls reorder the text around them, also that of other programs.
    r"|(?P<bidi>[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])"
)

_CONTINUATION = range(0x80, 0xC0)
_CONTINUED_LINE_END = f"{CONTINUED}\n".encode()


def split_lines(block: bytes) -> list[bytes]:
    """Split a block of whole lines, without their line ends."""
    lines = block.split(b"\n")
    lines.pop()
    return [line.removesuffix(b"\r") for line in lines] if b"\r" in block else lines


def split_long(line: bytes) -> list[bytes]:
    """Split a line without its line end into lines of at most MAX_LINE bytes and the rest.

    All but the rest end with CONTINUED and a line end.
    """
    pieces = []
    while len(line) > MAX_LINE:
        end = MAX_LINE
        # A UTF-8 character has at most three continuation bytes.
        while line[end] in _CONTINUATION and MAX_LINE - end < 3:
            end -= 1
        pieces.append(line[:end] + _CONTINUED_LINE_END)
        line = line[end:]
    return [*pieces, line]


def clean(line: bytes, *, colors: bool) -> str:
    """Convert a line, without its line end, to text that is safe to print.

    Invalid UTF-8 and control characters are escaped as `\\xNN`, bidirectional controls as
    `\\uNNNN`; escape sequences are removed.
    With `colors`, colours are kept, and reset at the end of the line.
    """
    return clean_text(line.decode("utf-8", "backslashreplace"), colors=colors)


def clean_text(text: str, *, colors: bool) -> str:
    """Clean a line as `clean` does, from text."""
    if text.isprintable():
        return text
    colored = False

    def shown(match: re.Match[str]) -> str:
        nonlocal colored
        if (control := match["control"]) is not None:
            return f"\\x{ord(control):02x}"
        if (bidi := match["bidi"]) is not None:
            return f"\\u{ord(bidi):04x}"
        if match["sgr"] is None or not colors:
            return ""
        colored = True
        return match["sgr"]

    text = _SEQUENCE.sub(shown, text)
    return f"{text}{RESET}" if colored else text
