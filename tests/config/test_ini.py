import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.config.ini import parse_ini, read_ini
from gaffer_kernel.errors import ConfigError

LINES = st.sampled_from(
    [
        "[a]",
        "[b]",
        "[a",
        "[]",
        "x = 1",
        "y=2",
        "=",
        "= 1",
        " z",
        "; c",
        "#",
        "",
        "\ufeff",
        "x",
        "\r",
    ]
)


def items(text: str) -> dict[str, list[tuple[str, str]]]:
    return {section.name: section.items() for section in parse_ini(text, "a.ini")}


def get_line(text: str, section: str, key: str | None = None) -> int | None:
    [found] = [each for each in parse_ini(text, "a.ini") if each.name == section]
    return found.error(key, "").line


def get_error(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_ini(text, "a.ini")
    return str(caught.value)


def test_values_are_not_interpolated():
    text = "[webhooks]\nproc.Web.exit = http://x/?a=1;b#c\ncmd = date +%Y %(x)s %%\na:b = c = d\n"

    assert items(text) == {
        "webhooks": [
            ("proc.Web.exit", "http://x/?a=1;b#c"),
            ("cmd", "date +%Y %(x)s %%"),
            ("a:b", "c = d"),
        ]
    }


def test_whole_lines_are_comments():
    text = "; one\n[a]\n# two\nx = 1\n;y = 2\n  ; three\n[b] ; four\n"

    assert items(text) == {"a": [("x", "1")], "b": []}


def test_an_indented_line_continues_the_value():
    assert items("[a]\nx = 1\n  2\n  ; not this\n  3\ny = 4\n") == {
        "a": [("x", "1\n2\n3"), ("y", "4")]
    }


def test_a_blank_line_ends_the_value():
    assert items("[a]\nx = 1\n\n  y = 2\n") == {"a": [("x", "1"), ("y", "2")]}


def test_no_section_provides_defaults():
    assert items("[DEFAULT]\nuid = 0\n[a]\nx = 1\n")["a"] == [("x", "1")]


def test_sections_and_keys_have_line_numbers():
    text = "; c\n\n[a]\nx = 1\n  2\n; c\ny = 3\n[b]\r\n\nx = 4"

    assert get_line(text, "a") == 3
    assert get_line(text, "a", "x") == 4
    assert get_line(text, "a", "y") == 7
    assert get_line(text, "b") == 8
    assert get_line(text, "b", "x") == 10
    assert get_line(text, "b", "missing") == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\n;\n[b]\n[a]\n", "a.ini:4: [a] duplicate section, the first is at line 1"),
        ("[a]\n;\nx = 1\nx = 2\n", "a.ini:4: [a] x: duplicate key"),
        (";\nx = 1\n", "a.ini:2: there is no [section] before 'x = 1'"),
        ("[a\n", "a.ini:1: there is no [section] before '[a'"),
        (
            "[a]\n;\nfoo\nbar\n",
            "a.ini:3: neither a [section] nor a key = value nor a comment: 'foo'",
        ),
        ("[a]\n= 1\n", "a.ini:2: neither a [section] nor a key = value nor a comment: '= 1'"),
        ("[a]\n[b] c\n", "a.ini:2: neither a [section] nor a key = value nor a comment: '[b] c'"),
        ("[a]\nx = 1\0\n", "a.ini:2: has a NUL character"),
    ],
)
def test_an_error_has_the_line_number(text, message):
    assert get_error(text) == message


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "a.ini"
    path.write_bytes(b"\xef\xbb\xbf[a]\nx = \xc3\xa9\n")

    assert [section.items() for section in read_ini(path)] == [[("x", "é")]]


@pytest.mark.parametrize("data", [b"[a]\nx = \xff\n", b"[a]\n\xe9", "[a]\n".encode("utf-16")])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path, data):
    path = tmp_path / "a.ini"
    path.write_bytes(data)

    with pytest.raises(ConfigError, match=r"a\.ini:[12]: is not UTF-8 text"):
        read_ini(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.ini: cannot be read: No such file or directory"):
        read_ini(tmp_path / "none.ini")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_ini(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_an_error(tmp_path):
    path = tmp_path / "a.ini"
    path.touch(mode=0)

    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        read_ini(path)


@given(st.text() | st.lists(LINES).map("\n".join))
def test_any_text_is_an_ini_file_or_refused(text):
    try:
        sections = parse_ini(text, "a.ini")
    except ConfigError as error:
        assert error.line  # noqa: PT017 - most texts are wrong, some are not
        return

    lines = [section.error(key, "").line for section in sections for key, _ in section.items()]
    assert lines == sorted(lines)
    assert all(1 <= line <= text.count("\n") + text.count("\r") + 1 for line in lines)


@given(st.binary())
def test_any_bytes_are_an_ini_file_or_refused(data):
    class File(os.PathLike):
        def __fspath__(self):
            return "a.ini"

        def open(self, mode):
            return io.BytesIO(data)

    try:
        read_ini(File())
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017
