from pathlib import Path

import pytest

from gaffer_kernel.config.ini import parse_ini
from gaffer_kernel.config.section import Section
from gaffer_kernel.errors import ConfigError


def section(value: str) -> Section:
    [found] = parse_ini(f"[a]\nkey = {value}\n", "a.ini")
    return found


def test_get_returns_the_text():
    assert section("a b").get("key") == "a b"
    assert section("a b").get("other") is None
    assert section("a b").get("other", "c") == "c"


def test_keys_and_items_keep_the_order_of_the_file():
    [found] = parse_ini("[a]\nz = 1\nb = 2\n", "a.ini")

    assert found.keys() == ["z", "b"]
    assert found.items() == [("z", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("value", "number"), [("0", 0), ("30", 30), ("-1", -1), ("+1", 1), ("007", 7)]
)
def test_getint_returns_a_whole_number(value, number):
    assert section(value).getint("key") == number


@pytest.mark.parametrize("value", ["", "x", "1.0", "1_000", "٣", "0x1", "1 2", "9" * 50])
def test_getint_refuses_other_texts(value):
    with pytest.raises(ConfigError, match=r"^a\.ini:2: \[a\] key: must be a whole number, not '"):
        section(value).getint("key")


@pytest.mark.parametrize(
    ("value", "number"), [("30", 30.0), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("-2.5", -2.5)]
)
def test_getfloat_returns_a_number(value, number):
    assert section(value).getfloat("key") == number


@pytest.mark.parametrize("value", ["", ".", "nan", "inf", "-Infinity", "1e999", "1_0", "1,5", "1s"])
def test_getfloat_refuses_other_texts(value):
    with pytest.raises(ConfigError, match=r"^a\.ini:2: \[a\] key: must be a number, not '"):
        section(value).getfloat("key")


@pytest.mark.parametrize("value", ["true", "True", "YES", "on", "1"])
def test_getbool_returns_true(value):
    assert section(value).getbool("key") is True


@pytest.mark.parametrize("value", ["false", "No", "OFF", "0"])
def test_getbool_returns_false(value):
    assert section(value).getbool("key") is False


@pytest.mark.parametrize("value", ["", "y", "2", "truee"])
def test_getbool_refuses_other_texts(value):
    with pytest.raises(ConfigError, match=r"^a\.ini:2: \[a\] key: must be true or false, not '"):
        section(value).getbool("key")


@pytest.mark.parametrize("value", ["a, b", "a b", "a,b", " a ,, b,", "a\n  b"])
def test_getlist_splits_at_commas_and_white_space(value):
    assert section(value).getlist("key") == ["a", "b"]


def test_getlist_of_an_empty_value_is_empty():
    assert section("").getlist("key") == []


def test_getnumbers_keeps_int_and_float():
    numbers = section("2, 1., 7 .5").getnumbers("key")

    assert numbers == [2, 1.0, 7, 0.5]
    assert [type(number) for number in numbers] == [int, float, int, float]


def test_getnumbers_refuses_other_texts():
    with pytest.raises(ConfigError, match=r"must be a list of numbers, not '2, x'"):
        section("2, x").getnumbers("key")


@pytest.mark.parametrize("name", ["get", "getint", "getfloat", "getbool", "getlist", "getnumbers"])
def test_a_missing_key_gives_the_default(name):
    get = getattr(section("x"), name)
    default = object()

    assert get("other") is None
    assert get("other", default) is default


def test_an_error_names_the_line_of_the_key_or_of_the_section():
    assert str(section("x").error("key", "is bad")) == "a.ini:2: [a] key: is bad"
    assert str(section("x").error("other", "is missing")) == "a.ini:1: [a] other: is missing"
    assert str(section("x").error(None, "is empty")) == "a.ini:1: [a] is empty"


def test_getpath_is_relative_to_the_folder_of_the_file(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    first, second = (
        parse_ini(f"[gaffer]\n{key} = b/c\n", f"{folder}/a.ini")[0]
        for key, folder in (("one", "conf"), ("two", "/etc/other"))
    )
    both = first.merged(second)

    assert both.getpath("one") == Path("conf/b/c")
    assert both.getpath("two") == Path("/etc/other/b/c")
    assert both.resolve("~/x", "one") == Path("/home/me/x")
    assert both.resolve("/x", "one") == Path("/x")
    assert both.getpath("three") is None
    assert section("").getpath("key") is None


@pytest.mark.parametrize("file", ["/dev/null", "a.ini", "<string>"])
def test_a_file_without_a_folder_is_in_the_current_one(file):
    assert Section("a", file, 1).resolve("b") == Path("b")
