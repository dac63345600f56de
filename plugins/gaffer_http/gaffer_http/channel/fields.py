"""Conversion of a client's JSON objects to structs, with errors that name the field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from gaffer_kernel import InvalidField

from gaffer_http.views.body import check_known

_PLACE = re.compile(r"(?P<reason>.*) - at `\$\.?(?P<field>.*)`", re.DOTALL)

T = TypeVar("T", bound=msgspec.Struct)


class MissingFieldError(InvalidField):
    """A required field is missing."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "is missing")


def convert(value: dict[str, Any], kind: type[T]) -> T:
    """Convert an object to a struct; values keep their types.

    Raises:
        MissingFieldError: a required field is missing.
        InvalidField: a field is unknown, or of another type.
    """
    fields = msgspec.structs.fields(kind)
    check_known(value, [field.name for field in fields])
    for field in fields:
        if field.required and field.name not in value:
            raise MissingFieldError(field.name)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        assert match is not None
        reason = match["reason"].replace("`", "")
        raise InvalidField(match["field"], reason[:1].lower() + reason[1:]) from None
