from enum import Enum
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from gaffer_kernel.jobs.fields import FilePath, Percent, Seconds, Size
from gaffer_kernel.jobs.kinds import describe, from_text, has_text_form

TITLED = Annotated[int, Meta(title="a port")]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def read(text, kind):
    return from_text(text, kind, lambda path: f"/etc/{path}")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (bool, "yes", True),
        (bool, "0", False),
        (int, "-5", -5),
        (float, "2.5", 2.5),
        (str, "yes", "yes"),
        (Seconds, "500ms", 0.5),
        (Size, "64M", 64 * 1024**2),
        (Percent, "25%", 25.0),
        (Literal["fast", 1, True], "fast", "fast"),
        (Literal["fast", 1, True], "1", 1),
        (Literal["fast", 1, True], "true", True),
        (Colour, "red", "red"),
        (FilePath, "a b.log", "/etc/a b.log"),
        (tuple[int, ...], "1, 2,3", [1, 2, 3]),
        (tuple[str, ...], "a b\nc,", ["a b", "c"]),
        (list[FilePath], "a, b", ["/etc/a", "/etc/b"]),
        (tuple[str, ...], "", []),
        (int | str, "5", 5),
        (str | int, "5", 5),
        (int | str, "5x", "5x"),
        (Seconds | None, "10", 10.0),
        (Annotated[Seconds | None, Meta(description="a time")], "1m", 60.0),
        (Seconds | Literal["never"], "never", "never"),
    ],
)
def test_text_is_read_as_its_type_says(kind, text, value):
    found = read(text, kind)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("kind", [int | None, Seconds | None, str | None, FilePath | None])
def test_empty_text_is_none_where_none_is_accepted(kind):
    assert read("", kind) is None


@pytest.mark.parametrize("kind", [bool, int, Seconds, Size, Literal["a"], Colour, dict[str, int]])
def test_other_text_is_kept_for_the_error(kind):
    assert read("x", kind) == "x"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (int | None, "a whole number"),
        (Literal["a", "b"], "one of a, b"),
        (Colour, "one of red, blue"),
        (TITLED, "a port"),
        (TITLED | None, "a port"),
        (tuple[TITLED, ...], "a list, each a port"),
        (int | Literal["auto"], "a whole number or one of auto"),
        (dict[str, int], "a JSON value of another form"),
    ],
)
def test_type_is_described_in_words(kind, words):
    assert describe(kind) == words


@pytest.mark.parametrize(
    ("kind", "can"),
    [
        (Seconds | None, True),
        (tuple[FilePath, ...], True),
        (int | Literal["auto"], True),
        (Colour, True),
        (dict[str, str], False),
        (tuple[dict[str, str], ...], False),
        (int | dict[str, str], False),
    ],
)
def test_text_form_of_a_type(kind, can):
    assert has_text_form(kind) is can
