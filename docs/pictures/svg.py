"""The screen of a terminal as an SVG image with real text."""

import re
from html import escape
from itertools import groupby

CELL = 8.4
"""Width of a character, in pixels."""
LINE = 17
MARGIN = 14
BAR = 30
"""Height of the title bar."""

PALETTE = {
    "default": "#d6deeb",
    "black": "#5c6773",
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#56d4dd",
    "white": "#f0f6fc",
}
BACKGROUND = "#0d1117"
WORDS = re.compile(r"\S+(?: \S+)*")
FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def render(rows, columns, title):
    """Return the SVG of a screen.

    Args:
        rows: the lines of the screen, each a sequence of characters with the attributes `data`,
            `fg`, `bg`, `bold` and `reverse` of pyte.
        columns: the number of characters in a line.
        title: the text of the title bar, and what a screen reader says.
    """
    width = round(columns * CELL + 2 * MARGIN)
    height = len(rows) * LINE + BAR + MARGIN
    text = escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img">',
        f"<title>{text}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
        *(
            f'<circle cx="{18 + 18 * number}" cy="15" r="5" fill="{colour}"/>'
            for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
        f'<g font-family="{FONTS}" font-size="14">',
        f'<text x="{width / 2}" y="20" text-anchor="middle" fill="#8b949e">{text}</text>',
    ]
    for number, row in enumerate(rows):
        parts += _render_line(row, BAR + number * LINE)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _render_line(row, top):
    """Yield the backgrounds and the texts of a line; `top` is its upper edge, in pixels."""
    column = 0
    for (fg, bg, bold), run in groupby(row, _style):
        text = "".join(each.data for each in run)
        left, width = MARGIN + column * CELL, len(text) * CELL
        column += len(text)
        if bg != BACKGROUND:
            yield (
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LINE}" fill="{bg}"/>'
            )
        # Viewers merge blanks: only words with one blank between them share an element.
        weight = ' font-weight="bold"' if bold else ""
        for found in WORDS.finditer(text):
            yield (
                f'<text x="{left + found.start() * CELL:.1f}" y="{top + 13}" fill="{fg}"{weight}'
                f' textLength="{len(found[0]) * CELL:.1f}" lengthAdjust="spacingAndGlyphs">'
                f"{escape(found[0])}</text>"
            )


def _style(char):
    fg, bg = _get_colour(char.fg, PALETTE["default"]), _get_colour(char.bg, BACKGROUND)
    return (bg, fg, char.bold) if char.reverse else (fg, bg, char.bold)


def _get_colour(name, default):
    """Return the colour of a name of pyte, or of its six hexadecimal digits."""
    if name == "default":
        return default
    return PALETTE.get(name.removeprefix("bright"), f"#{name}")
