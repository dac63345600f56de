"""Seconds, sizes and percentages as users write them: `500ms`, `64M`, `25%`."""

import re
from string import ascii_letters


def _any_unit(digits: dict[str, int]) -> str:
    # The digits are limited for each unit, so that the pattern accepts no number out of range.
    forms = (rf"[0-9]{{1,{most}}}(\.[0-9]{{0,9}})?{unit}" for unit, most in digits.items())
    return f"({'|'.join(forms)}|\\.[0-9]{{1,9}})"


SECONDS = _any_unit({"": 9, " ?ms": 12, " ?s": 9, " ?m": 7, " ?h": 5, " ?d": 4})
SIZE = _any_unit(
    {"": 18}
    | {rf" ?[{unit}{unit.lower()}](i?[Bb])?": 15 - 3 * power for power, unit in enumerate("KMGT")}
)
PERCENT = _any_unit({" ?%?": 6})
"""Texts that the functions below accept, without anchors; JSON Schema uses them, too."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_seconds(text: str) -> float:
    """Return the seconds that `10`, `10s`, `500ms`, `20m`, `1h` or `2d` stands for.

    Raises:
        ValueError: it has another form, or another unit.
    """
    number, unit = _split(SECONDS, text)
    return float(number) * _SECONDS[unit or "s"]


def parse_size(text: str) -> int:
    """Return the bytes that `4096`, `512K`, `64M`, `1.5G` or `1T` stands for, 1024-based.

    `64MB` and `64MiB` mean the same as `64M`.

    Raises:
        ValueError: it has another form, or another unit.
    """
    number, unit = _split(SIZE, text)
    power = _POWERS[unit[:1].lower()]
    return int(float(number) * 1024**power) if "." in number else int(number) * 1024**power


def parse_percent(text: str) -> float:
    """Return the percentage that `25%` or `25` stands for: 25.0.

    Raises:
        ValueError: it has another form.
    """
    return float(_split(PERCENT, text)[0])


def _split(pattern: str, text: str) -> tuple[str, str]:
    if not re.fullmatch(pattern, text):
        raise ValueError(text)
    number = text.rstrip(f"{ascii_letters}% ")
    return number, text[len(number) :].strip()
