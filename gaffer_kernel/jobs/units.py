"""Numbers, truth values and units as users write them: `500ms`, `64M`, `25%`, `yes`."""

import math
import re
from string import ascii_letters

_INT = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_BOOLS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLS |= {"false": False, "no": False, "off": False, "0": False}


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


# int() and float() alone would accept `1_000`, the digits of any script, `nan` and `infinity`.


def parse_int(text: str) -> int:
    """Return a whole number in decimal digits.

    Raises:
        ValueError: it has another form.
    """
    if not _INT.fullmatch(text):
        raise ValueError(text)
    return int(text)


def parse_float(text: str) -> float:
    """Return a number: `30`, `7.`, `.5` or `1e3`, but neither infinity nor NaN.

    Raises:
        ValueError: it has another form.
    """
    if not _FLOAT.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def parse_number(text: str) -> float:
    """Return a number: `5` is an int, `5.` a float.

    Raises:
        ValueError: it has another form.
    """
    return parse_int(text) if _INT.fullmatch(text) else parse_float(text)


def parse_bool(text: str) -> bool:
    """Return a truth value: `true yes on 1` or `false no off 0`, in any case.

    Raises:
        ValueError: it is another word.
    """
    if text.lower() not in _BOOLS:
        raise ValueError(text)
    return _BOOLS[text.lower()]


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
