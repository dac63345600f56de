"""Request bodies: JSON, parsed strictly, so that no mistake of a client passes unnoticed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import did_you_mean, shown
from quart import request

from gaffer_http.errors import ApiError

MAX_DEPTH = 32
MAX_NUMBER = 40
"""Characters. Every meaningful number is shorter."""


async def read_bytes() -> bytes:
    """Return the body of the current request, unparsed.

    Raises:
        HTTPException: 413 and 408, by Quart.
    """
    return await request.get_data(cache=True, as_text=False, parse_form_data=False)


async def read_object(
    known: Iterable[str] | None = None, *, optional: bool = False
) -> dict[str, Any]:
    """Return the body of the current request, a JSON object.

    Args:
        known: the fields it may have; None if the caller checks them.
        optional: whether an empty body counts as an empty object.

    Raises:
        ApiError: 400 `invalid_json`, saying where.
        InvalidField: for an unknown field.
        HTTPException: 413 and 408, by Quart.
    """
    data = await read_bytes()
    if optional and not data.strip():
        return {}
    value = parse(data)
    if not isinstance(value, dict):
        raise _invalid(f"the body must be an object, not {shown(value)}")
    if known is not None:
        check_known(value, known)
    return value


async def read_field(name: str) -> Any:
    """Return the only field of the body of the current request.

    Raises:
        ApiError: 400 `invalid_json`.
        InvalidField: it is missing, or there is another one.
    """
    body = await read_object([name])
    if name not in body:
        raise InvalidField(name, "is missing")
    return body[name]


def check_known(value: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse unknown fields.

    Raises:
        InvalidField: naming the field, with a suggestion.
    """
    known = list(known)
    for name in value:
        if name not in known:
            raise InvalidField(name, f"is not a field of this request{did_you_mean(name, known)}")


def parse(data: bytes) -> Any:
    """Decode JSON, and refuse what decoders usually accept.

    That is: other encodings than UTF-8, NaN and infinities, duplicate keys, lone surrogates,
    nesting deeper than MAX_DEPTH, numbers longer than MAX_NUMBER.

    Raises:
        ApiError: 400 `invalid_json`.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_int,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise _invalid(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _invalid(str(error)) from None
    _check(value, 1)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _invalid(f"the key {shown(_first_repeated(pairs))} is there twice")
    return value


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("no key is repeated")


def _constant(text: str) -> NoReturn:
    raise _invalid(f"{text} is not JSON")


def _int(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise _invalid(f"a number has {len(text)} digits, more than {MAX_NUMBER}")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or len(text) > MAX_NUMBER:
        raise _invalid(f"the number {shown(text)} is too large or too long")
    return number


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for each in value:
            _check(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_text(key)
            _check(each, depth + 1)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _invalid("a text holds half a surrogate pair") from None


def _too_deep() -> ApiError:
    return _invalid(f"it is nested deeper than {MAX_DEPTH} levels")


def _invalid(reason: str) -> ApiError:
    return ApiError(400, "invalid_json", f"the body is not valid JSON: {reason}")
