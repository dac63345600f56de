"""The types of the fields of a job: what msgspec checks, and how errors and docs describe them.

The `title` of each is the end of the sentence "must be ...", so that the schema that checks a
value, the error that explains it and the OpenAPI page that documents it are one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gaffer_kernel.errors import InvalidField, shown
from gaffer_kernel.jobs import units
from gaffer_kernel.jobs.kinds import PARSE, RESOLVE, describe, find_parser, get_item, get_metas
from gaffer_kernel.names import MAX_NAME, PART, PART_RULE

MAX_TEXT = 64 * 1024
"""Bytes of one string, in UTF-8. The system's own limit is twice that."""

MAX_ARGV = 128 * 1024
"""Bytes of the whole command line."""

MAX_WORDS = 256
MAX_VARIABLES = 1024
MAX_PROCESSES = 10_000
MAX_STREAMS = 64
MAX_PORT = 65535
BATCH = "^(all|[1-9][0-9]{0,3}|(100|[1-9][0-9]?)%)$"
"""Texts that name a part of the instances of a job."""
PORT_TITLE = f"a whole number from 1 to {MAX_PORT}"


def _matching(pattern: str, title: str, longest: int) -> Meta:
    # Not Meta(pattern=...): msgspec (0.19 to 0.22) frees a pattern once too often if its type
    # occurs twice in a union, and the interpreter crashes later.
    return Meta(title=title, max_length=longest, extra_json_schema={"pattern": f"^{pattern}$"})


Name = Annotated[
    str, _matching(f"(?![0-9]+$){PART}", f"made of {PART_RULE}, and not all digits", MAX_NAME)
]
_BOUNDED = f"{PART.removesuffix('*')}{{0,{MAX_NAME - 1}}}"
FullName = Annotated[
    str,
    _matching(
        rf"({_BOUNDED}[./:])?(?![0-9]+$){_BOUNDED}",
        "the name of a job, or `session:name`",
        2 * MAX_NAME + 1,
    ),
]
Label = Annotated[str, _matching(PART, f"made of {PART_RULE}", MAX_NAME)]
Key = Annotated[
    str,
    _matching(r"[^=\u0000]+", "a name of one character or more, without = and NUL", MAX_TEXT),
]
Text = Annotated[
    str,
    _matching(r"[^\u0000]*", f"text of at most {MAX_TEXT} bytes, without NUL", MAX_TEXT),
]
Words = Annotated[
    Annotated[Sequence[Text], Meta(max_length=MAX_WORDS)] | Text,
    Meta(title=f"a list of at most {MAX_WORDS} texts, or one text that is split like a shell does"),
]
Variables = Annotated[
    Mapping[str, Text],
    Meta(
        title="an object of texts by name",
        extra_json_schema={
            "propertyNames": {"pattern": r"^[^=\u0000]+$"},
            "maxProperties": MAX_VARIABLES,
        },
    ),
]
Outputs = Annotated[Sequence[Label], Meta(title="a list of at most 2 labels", max_length=2)]
Streams = Annotated[
    Sequence[Label],
    Meta(
        title=f"a list of at most {MAX_STREAMS} labels",
        max_length=MAX_STREAMS,
        extra_json_schema={"uniqueItems": True},
    ),
]
Account = Annotated[
    Annotated[int, Meta(ge=0, le=2**32 - 2)] | Text | None,
    Meta(title="a name, or a number from 0"),
]
Count = Annotated[int, Meta(title="a whole number from 0", ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(title="a whole number from 1", ge=1, le=2**31 - 1)]
Processes = Annotated[
    int,
    Meta(title=f"a whole number from 0 to {MAX_PROCESSES}", ge=0, le=MAX_PROCESSES),
]
Restart = Annotated[
    Literal["always", "on-failure", "never"], Meta(title="always, on-failure or never")
]
ExitCode = Annotated[int, Meta(title="an exit code from 0 to 255", ge=0, le=255)]
ExitCodes = Annotated[
    Sequence[ExitCode], Meta(title="a list of exit codes from 0 to 255", max_length=256)
]
Port = Annotated[int, Meta(title=PORT_TITLE, ge=1, le=MAX_PORT)]


def _in_units(title: str, parse: Callable[[str], float], pattern: str, most: float) -> Meta:
    # JSON Schema ignores `pattern` for numbers: `/openapi.json` makes two alternatives of it.
    json_schema = {"pattern": f"^{pattern}$"}
    return Meta(title=title, ge=0, le=most, extra={PARSE: parse}, extra_json_schema=json_schema)


Seconds = Annotated[
    float,
    _in_units(
        "seconds from 0 to 1e9, such as 10, 500ms, 20m or 1h",
        units.parse_seconds,
        units.SECONDS,
        1e9,
    ),
]
Size = Annotated[
    int,
    _in_units(
        "a number of bytes from 0, such as 4096, 512K, 64M or 1G",
        units.parse_size,
        units.SIZE,
        2**63 - 1,
    ),
]
Percent = Annotated[
    float,
    _in_units("a percentage from 0, such as 25%", units.parse_percent, units.PERCENT, 1e6),
]
FilePath = Annotated[
    str,
    Meta(
        title="a path",
        min_length=1,
        max_length=MAX_TEXT,
        extra={RESOLVE: lambda text, resolve: resolve(text)},
    ),
]
Batch = Annotated[
    Annotated[int, Meta(ge=1, le=MAX_PROCESSES)]
    | Annotated[str, Meta(extra_json_schema={"pattern": BATCH})],
    Meta(title=f"a whole number from 1 to {MAX_PROCESSES}, a percentage such as 25%, or all"),
]
Flag = Annotated[bool, Meta(title="true or false")]
StopScope = Annotated[Literal["group", "leader"], Meta(title="group or leader")]


def checked(field: str, value: object, kind: Any) -> Any:
    """Return `value` if the type `kind` accepts it.

    Only whole numbers where a type says float are converted, and texts with a unit.

    Raises:
        InvalidField: naming `field`, what it must be, and what was given.
    """
    try:
        kept = _convert(value, kind)
        if isinstance(kept, str) and not _fits(kept, kind):
            raise refused(field, value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # half a surrogate pair
        raise refused(field, value, kind) from None
    return kept


def _convert(value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        parse = find_parser(kind)
        if parse is None or not isinstance(value, str):
            raise
    try:
        return msgspec.convert(parse(value), kind)
    except ValueError as error:
        raise msgspec.ValidationError from error


def _fits(text: str, kind: Any) -> bool:
    if "\0" in text or len(text.encode()) > MAX_TEXT:
        return False
    patterns = (
        meta.extra_json_schema.get("pattern") for meta in get_metas(kind) if meta.extra_json_schema
    )
    return all(re.fullmatch(pattern, text) for pattern in patterns if pattern)


def checked_list(field: str, value: object, kind: Any, item: Any) -> tuple[Any, ...]:
    """Return `value` as a tuple if `kind` accepts the list and `item` accepts each of its items.

    Raises:
        InvalidField: naming `field`, or the item as `field[index]`.
    """
    if not isinstance(value, list | tuple):
        raise refused(field, value, kind)
    items = [checked(f"{field}[{index}]", each, item) for index, each in enumerate(value)]
    return tuple(checked(field, items, kind))


def checked_value(field: str, value: object, kind: Any) -> Any:
    """Return `value` if `kind` accepts it; lists are checked item by item.

    Raises:
        InvalidField: naming `field`, or the item as `field[index]`.
    """
    item = get_item(kind)
    if item is not None and isinstance(value, list | tuple):
        value = [checked_value(f"{field}[{index}]", each, item) for index, each in enumerate(value)]
    return checked(field, value, kind)


def refused(field: str, value: object, kind: Any) -> InvalidField:
    """Return the error that says what the annotated type `kind` accepts, and what was given."""
    return InvalidField(field, f"must be {describe(kind)}, not {shown(value)}")
