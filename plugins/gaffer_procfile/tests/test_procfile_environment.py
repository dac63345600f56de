"""Tests of the parsers for `.env` files and concurrency."""

import pytest
from gaffer_kernel.errors import ConfigError, InvalidField

from gaffer_procfile import load_env, load_envs, parse_concurrency
from gaffer_procfile.environment import parse_env


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PORT=80", {"PORT": "80"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("# a comment\n\nA=1 # another\n", {"A": "1"}),
        ("export A=1\nexport  B='x'\n", {"A": "1", "B": "x"}),
        ("A = spaced \n", {"A": "spaced"}),
        (
            "A=\"double 'quotes'\"\nB='single \"quotes\"'\n",
            {"A": "double 'quotes'", "B": 'single "quotes"'},
        ),
        ('A="two\nlines"\n', {"A": "two\nlines"}),
        (r'A="two\nlines"', {"A": "two\nlines"}),
        (r"A='as\nis'", {"A": r"as\nis"}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        ("URL=postgres://me:pa#ss@host/db?a=b\n", {"URL": "postgres://me:pa#ss@host/db?a=b"}),
        ("A=$HOME ${HOME}\n", {"A": "$HOME ${HOME}"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("", {}),
    ],
)
def test_variables_parse(text, expected):
    assert parse_env(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("A=1\nB\n", 2, "B has no value"),
        ("\n\nA=1\n\nB 2\n", 5, "NAME=value"),
        ("A='open\nB=2\n", 1, "NAME=value"),
        ("A.B=1\n", 1, "not the name"),
        ("1A=1\n", 1, "not the name"),
    ],
)
def test_invalid_line_is_named(text, line, words):
    with pytest.raises(ConfigError) as raised:
        parse_env(text, "shop/.env")
    assert str(raised.value).startswith(f"shop/.env:{line}: ")
    assert words in str(raised.value)


def test_later_file_overrides_and_missing_file_is_an_error(tmp_path):
    (tmp_path / "a").write_text("A=1\nB=1\n")
    (tmp_path / "b").write_text("B=2\n")
    assert load_envs([tmp_path / "a", tmp_path / "b"]) == {"A": "1", "B": "2"}
    with pytest.raises(ConfigError, match="c: cannot be read"):
        load_env(tmp_path / "c")


def test_concurrency_parses():
    assert parse_concurrency("web=2,worker=1") == {"web": 2, "worker": 1}
    assert parse_concurrency(" all = 1 , my-type=0 ") == {"all": 1, "my-type": 0}


@pytest.mark.parametrize("text", ["", "web", "web=", "web=x", "web=-1", "web=1,,a=2", "web=1;a=2"])
def test_invalid_concurrency_is_refused(text):
    with pytest.raises(InvalidField, match="web=2,worker=1"):
        parse_concurrency(text)


def test_repeated_type_is_refused():
    with pytest.raises(InvalidField, match="repeated"):
        parse_concurrency("web=1,web=2")
