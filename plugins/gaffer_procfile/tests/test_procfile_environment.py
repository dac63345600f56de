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
        # As written.
        ('A="Shop" <a@b.example>\n', {"A": '"Shop" <a@b.example>'}),
        ("export A='x' 'y' # comment\nB=2", {"A": "'x' 'y'", "B": "2"}),
        ('A="x"y\r\nB=2', {"A": '"x"y', "B": "2"}),
        ('A=x "y"\n', {"A": 'x "y"'}),
        # Escapes.
        (r'A="pa\$word"', {"A": "pa$word"}),
        (r"A='pa\$word'", {"A": r"pa\$word"}),
        (r"A=pa\$word", {"A": r"pa\$word"}),
        (r'A="x\"y"', {"A": 'x"y'}),
        (r"A='x\'y'", {"A": "x'y"}),
        (r'A="x\\n\ty\d"', {"A": "x\\n\ty\\d"}),
        ("A=\"'\\$x'\"", {"A": "'$x'"}),
        ("A='\"${B}\"'", {"A": '"${B}"'}),
        # Blanks, comments, names.
        (" \t export\tA=1 \t\n", {"A": "1"}),
        ("A= # nothing", {"A": ""}),
        ("A=#b", {"A": "#b"}),
        ("A=b\t#c", {"A": "b"}),
        ('A="b#c" # comment', {"A": "b#c"}),
        ("A=b  c \n", {"A": "b  c"}),
        ("A='b c '", {"A": "b c "}),
        ("A=b=c=", {"A": "b=c="}),
        ("exportA=1\nexport_a=2", {"exportA": "1", "export_a": "2"}),
        ("A=1\rB=2", {"A": "1", "B": "2"}),
        ("A=\u00e0", {"A": "\u00e0"}),
        # Replaced.
        ("A=1\nB=${A}${A}", {"A": "1", "B": "11"}),
        ('A=1\nB="x ${A}"', {"A": "1", "B": "x 1"}),
        ("A=1\nB='x ${A}'", {"A": "1", "B": "x ${A}"}),
        ('A=1\nB="${A} \\${A}"', {"A": "1", "B": "1 ${A}"}),
        ('A=1\nB="${A}" <x>', {"A": "1", "B": '"1" <x>'}),
        ("A=1\nA=${A}2\nB=${A}", {"A": "12", "B": "12"}),
        ("A=${B}\nB=1", {"A": "", "B": "1"}),
        ("A=${B:-x y}\nB=\nC=${B:-z}", {"A": "x y", "B": "", "C": "z"}),
        ("A=${OUTSIDE}", {"A": "of the environment"}),
        ("OUTSIDE=1\nA=${OUTSIDE}", {"OUTSIDE": "1", "A": "1"}),
        ("A=$OUTSIDE ${1} $$ ${}", {"A": "$OUTSIDE ${1} $$ ${}"}),
        ("A=${GAFFER_TOKEN}", {"A": ""}),
        (
            r"""A='x'
B="${A}"
""",
            {"A": "x", "B": "x"},
        ),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("", {}),
    ],
)
def test_variables_parse(text, expected, monkeypatch):
    monkeypatch.setenv("OUTSIDE", "of the environment")
    monkeypatch.setenv("GAFFER_TOKEN", "secret")
    assert parse_env(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("A=1\nB\n", 2, "B has no value"),
        ("\n\nA=1\n\nB 2\n", 5, "NAME=value"),
        ("A='open\nB=2\n", 1, "NAME=value"),
        ("A.B=1\n", 1, "not the name"),
        ("A: 1\n", 1, "NAME=value"),
        ('A="two\nlines" x\n', 1, "NAME=value"),
        ('A="open\n', 1, "NAME=value"),
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
    (tmp_path / "d").write_text("C=${A}${B}\n")
    assert load_envs([tmp_path / "a", tmp_path / "b", tmp_path / "d"])["C"] == "12"
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
