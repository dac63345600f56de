"""The live view without a terminal: rows, keys, and pictures of any size."""

import os
import termios

import pytest
from gaffer_client import JobStats, NamedStatus, Sample
from gaffer_client.models import FlappingStatus
from rich.console import Console

from gaffer_cli.top.cells import cells, size, total
from gaffer_cli.top.keys import Keys
from gaffer_cli.top.meter import Meter
from gaffer_cli.top.rows import Row, rows
from gaffer_cli.top.screen import picture
from gaffer_cli.top.terminal import Terminal
from gaffer_cli.top.view import View


def status(name, **fields):
    wanted = {"active": True, "running": 1, "numprocesses": 1, "session": "default", "pids": [1]}
    return NamedStatus(**{**wanted, "name": name, "job": name, **fields})


def row(name, **fields):
    [made] = rows([status(name, **fields)], None)
    return made


def many(number):
    return [row(f"job{index:03}") for index in range(number)]


def test_children_count_with_their_processes():
    child = Sample(os_pid=12, cpu=3.0, mem_info1=30)
    samples = [
        Sample(os_pid=10, cpu=1.0, mem_info1=10, children=[child]),
        Sample(os_pid=11, cpu=None, mem_info1=None),
    ]
    [made] = rows([status("web", pids=[1, 2])], [JobStats(name="web", stats=samples)])
    assert (made.cpu, made.mem) == (4.0, 40)


def used(os_pid, seconds, **fields):
    return [JobStats(name="web", stats=[Sample(os_pid=os_pid, ctime=seconds, **fields)])]


def test_processors_are_measured_between_two_looks():
    meter = Meter()
    first, second = used(10, 1.0, cpu=99.0), used(10, 1.5, cpu=0.0)
    meter.look(first, now=100.0)
    assert meter.cpu(first[0].stats[0]) == 99.0
    meter.look(second, now=102.0)
    assert meter.cpu(second[0].stats[0]) == 25.0
    new = used(11, 0.0)
    meter.look(new, now=103.0)
    assert meter.cpu(new[0].stats[0]) == 0.0


def test_without_measuring_there_are_no_numbers():
    assert cells(row("web")) == ["web", "active", "1/1", "-", "-", "0", "1"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "active"),
        ({"active": False, "stopped": True}, "stopped"),
        ({"active": False, "flapping": FlappingStatus(waiting=True)}, "flapping"),
        ({"active": False, "flapping": FlappingStatus(gave_up=True)}, "given up"),
    ],
)
def test_the_state_is_a_word(fields, state):
    assert row("web", **fields).state == state


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1024, "1.0K"), (50 * 2**20, "50.0M"), (300 * 2**30, "300G")],
)
def test_sizes_are_short(number, text):
    assert size(number) == text


def test_all_jobs_are_counted():
    assert total([row("a"), row("b", running=0)]) == "2 jobs, 1 process"


@pytest.mark.parametrize("pieces", [[b"\x1b[Bjq"], [b"\x1b", b"[", b"Bj", b"q"]])
def test_keys_may_come_in_pieces(pieces):
    keys = Keys()
    assert [key for piece in pieces for key in keys.feed(piece)] == ["down", "down", "quit"]


def test_what_is_no_key_says_nothing():
    view = View("name")
    view.tell(many(3))
    for key in Keys().feed(b"\x1b[99~x\xff"):
        view.press(key)
    assert (view.chosen.name, view.order) == ("job000", "name")


def test_the_chosen_job_stays_chosen_in_another_order():
    view = View("name")
    view.tell([row("a"), row("b")])
    view.press("down")
    busy = Row(**{**{name: getattr(row("c"), name) for name in Row.__slots__}, "cpu": 9.0})
    view.tell([busy, row("a"), row("b")])
    view.press("c")
    assert [each.name for each in view.rows] == ["c", "a", "b"]
    assert view.chosen.name == "b"
    view.tell([busy])
    assert view.chosen.name == "c"
    view.tell([])
    assert view.chosen is None


@pytest.mark.parametrize("key", ["up", "down", "page up", "page down", "home", "end"])
def test_the_chosen_row_is_always_in_sight(key):
    view = View("name")
    view.tell(many(50))
    for _ in range(60):
        view.press(key)
        assert view.chosen in view.in_sight(7)
    assert view.chosen.name == ("job000" if key in ("up", "page up", "home") else "job049")
    assert len(view.in_sight(7)) == 7


def painted(view, width, height, output=()):
    console = Console(width=width, height=height, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(view, output, "unix:/x", width, height), end="")
    return capture.get().split("\n")[:-1]


@pytest.mark.parametrize("width", [1, 8, 20, 80, 300])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 8, 24, 100])
def test_a_picture_is_as_large_as_the_window(width, height):
    view = View("name")
    view.tell(many(200))
    lines = painted(view, width, height, [f"line {number}" for number in range(50)])
    assert len(lines) == max(height, 4 if height == 3 else height)
    assert all(len(line) <= width for line in lines)


def test_a_picture_shows_jobs_and_the_last_lines_of_the_chosen_one():
    view = View("name")
    view.tell(many(200))
    view.press("end")
    lines = painted(view, 80, 24, [f"line {number}" for number in range(50)])
    assert "200 jobs, 200 processes" in lines[0]
    assert any(line.startswith("job199 ") for line in lines)
    assert any(line.startswith("-- job199: active ---") for line in lines)
    assert lines[-2] == "line 49"


def test_a_picture_says_that_gafferd_is_away():
    view = View("name")
    view.lost = "unix:/x: cannot\x1b[2J connect"
    assert painted(view, 80, 24)[0] == "waiting for gafferd: unix:/x: cannot connect"


def test_a_terminal_is_restored_after_a_crash():
    ours, its = os.openpty()

    def crash():
        with Terminal(its).taken():
            during.append(termios.tcgetattr(its))
            raise ZeroDivisionError

    try:
        before, during = termios.tcgetattr(its), []
        with pytest.raises(ZeroDivisionError):
            crash()
        assert [before] != during
        assert termios.tcgetattr(its) == before
    finally:
        os.close(ours)
        os.close(its)


def test_a_long_name_leaves_room_for_how_its_job_is():
    view = View("name")
    view.tell([row("a-name-that-alone-is-wider-than-the-window"), row("web")])
    _, head, long, *_ = painted(view, 40, 10)
    assert "STATE" in head
    assert long.startswith("a-name-that-alone-i…  active")
