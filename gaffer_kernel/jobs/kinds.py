"""Annotated types: the values that they accept, in words and as the text of an ini file."""

import enum
import re
from collections.abc import Callable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta

from gaffer_kernel.jobs import units

PARSE = "parse"
"""Key of `Meta.extra`: the function that makes a value of a text; it raises ValueError."""

RESOLVE = "resolve"
"""Key of `Meta.extra`: a function that is called with the text of an ini file, and with a function
that makes a path absolute; it returns the text with absolute paths."""

_LISTS = (list, tuple, Sequence)
_SEPARATOR = re.compile(r"[,\n]")
_SIMPLE: dict[Any, tuple[str, Callable[[str], Any]]] = {
    bool: ("true or false", units.parse_bool),
    int: ("a whole number", units.parse_int),
    float: ("a number", units.parse_float),
    str: ("text", str),
}

Resolve = Callable[[str], str]
"""Makes a path absolute, relative to the folder of the file that has it."""


def get_metas(kind: Any) -> list[Meta]:
    """Return the metas of an annotated type."""
    return [meta for meta in get_args(kind)[1:] if isinstance(meta, Meta)]


def get_extra(kind: Any, key: str) -> Any:
    """Return an entry of `Meta.extra` of a type, else of a member of the union that it is."""
    for meta in get_metas(kind):
        if meta.extra and key in meta.extra:
            return meta.extra[key]
    found = (get_extra(part, key) for part in get_args(kind) if not isinstance(part, Meta))
    return next((each for each in found if each is not None), None)


def find_parser(kind: Any) -> Callable[[str], Any] | None:
    """Return the function that parses the texts of a type such as Seconds; None for others."""
    parser: Callable[[str], Any] | None = get_extra(kind, PARSE)
    return parser


def get_members(kind: Any) -> Iterator[Any]:
    """Yield the members of a union, still annotated; or the type itself."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) in (Union, UnionType):
        for each in get_args(bare):
            yield from get_members(each)
    else:
        yield kind


def get_item(kind: Any) -> Any:
    """Return the type of the items of a list, which may also be None; None for other types."""
    for member in get_members(kind):
        bare = _bare(member)
        if get_origin(bare) in _LISTS:
            return get_args(bare)[0]
    return None


def describe(kind: Any) -> str:
    """Return the end of the sentence "must be ..." for a type: its title, or its members."""
    titles = [meta.title for meta in get_metas(kind) if meta.title]
    if titles:
        return titles[-1]
    members = [each for each in get_members(kind) if each is not NoneType]
    if len(members) != 1:
        return " or ".join(map(describe, members))
    [member] = members
    if member is not kind:
        return describe(member)
    bare = _bare(kind)
    if (item := get_item(bare)) is not None:
        return f"a list, each {describe(item)}"
    if choices := _choices(bare):
        return f"one of {', '.join(choices)}"
    return _SIMPLE[bare][0] if bare in _SIMPLE else "a JSON value of another form"


def has_text_form(kind: Any) -> bool:
    """Return whether `from_text` can make each value of a type."""
    if get_extra(kind, PARSE) or get_extra(kind, RESOLVE):
        return True
    members = [_bare(each) for each in get_members(kind) if each is not NoneType]
    items = [(each, get_item(each)) for each in members]
    return all(
        has_text_form(item) if item is not None else each in _SIMPLE or bool(_choices(each))
        for each, item in items
    )


def from_text(text: str, kind: Any, resolve: Resolve) -> Any:
    """Return the JSON value that the text of an ini file stands for.

    Args:
        text: an empty one is None where that is accepted. Lists are separated by commas or line
            breaks.
        kind: the type of the value.
        resolve: makes a path absolute.

    Returns:
        The value, or the text itself if it stands for none: `kind` then refuses it.
    """
    members = list(get_members(kind))
    if not text and NoneType in members:
        return None
    # Any text is a str: another type that accepts it goes first.
    for member in sorted(members, key=lambda each: _bare(each) is str):
        try:
            return _from_text(text, member, resolve)
        except ValueError:
            pass
    return text


def _from_text(text: str, kind: Any, resolve: Resolve) -> Any:
    extra = {key: value for meta in get_metas(kind) for key, value in (meta.extra or {}).items()}
    if RESOLVE in extra:
        return extra[RESOLVE](text, resolve) if text else text
    if PARSE in extra:
        return extra[PARSE](text)
    bare = _bare(kind)
    if (item := get_item(bare)) is not None:
        words = (word.strip() for word in _SEPARATOR.split(text))
        return [from_text(word, item, resolve) for word in words if word]
    if choices := _choices(bare):
        return choices[text] if text in choices else _refuse(text)
    return _SIMPLE[bare][1](text) if bare in _SIMPLE else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _choices(kind: Any) -> dict[str, Any]:
    """Return the values of a Literal or an Enum, by their text in an ini file."""
    if get_origin(kind) is Literal:
        values = get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        values = tuple(each.value for each in kind)
    else:
        return {}
    return {_text(value): value for value in values}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
