import io

import pytest
from gaffer_kernel.errors import InvalidField

import gaffer_console
from gaffer_console.color import COLORS, Color, Rotation, colored, status_bar, wants_color


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colors_are_in_the_order_of_the_seed():
    plain = ["cyan", "yellow", "green", "magenta", "red", "blue"]
    assert list(COLORS) == plain + [f"intense_{name}" for name in plain]
    assert len(set(COLORS.values())) == 12


@pytest.mark.parametrize(
    ("name", "lines", "expected"),
    [
        ("cyan", "hi", "\x1b[36mhi\x1b[0m"),
        ("red", ["a\n", "b\n"], "\x1b[31ma\nb\n\x1b[0m"),
        ("intense_blue", ("x",), "\x1b[1;34mx\x1b[0m"),
    ],
)
def test_colored(name, lines, expected):
    assert colored(name, lines) == Color().output(name, lines) == expected


def test_colored_does_not_change_the_list():
    lines = ["a", "b"]
    colored("green", lines)
    assert lines == ["a", "b"]


def test_unknown_color_is_named():
    with pytest.raises(InvalidField, match="color_name: no colour 'pink'"):
        colored("pink", "x")


def test_rotation_assigns_colours_in_turn():
    rotation = Rotation()
    names = [f"job{n}" for n in range(14)]
    given = [rotation.get_color(name) for name in names]
    assert given == [*COLORS, "cyan", "yellow"]
    assert [rotation.get_color(name) for name in reversed(names)] == given[::-1]


def test_rotation_forgets_old_names():
    rotation = Rotation()
    for n in range(30_000):
        rotation.get_color(str(n))
    assert len(rotation._given) == 10_000


@pytest.mark.parametrize(
    ("environ", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_wants_color(environ, terminal, expected):
    stream = Terminal() if terminal else io.StringIO()
    assert wants_color(stream, environ) is expected
    assert wants_color(None, environ) is False


def test_status_bar_is_bright_white_on_black(capsys):
    status_bar("all is well")
    assert capsys.readouterr().out == "\x1b[1;37;40mall is well\x1b[0m\n"
    assert gaffer_console.status_bar is status_bar
