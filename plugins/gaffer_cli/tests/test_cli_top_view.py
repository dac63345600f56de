"""The live view without a terminal: rows, keys, and rendering in any size."""

import os
import termios

import pytest
from gaffer_client import JobStats, NamedStatus, Sample
from gaffer_client.models import FlappingStatus
from rich.console import Console

from gaffer_cli.top.cells import format_cells, format_size, format_total
from gaffer_cli.top.keys import Keys
from gaffer_cli.top.meter import CpuMeter
from gaffer_cli.top.rows import Row, make_rows
from gaffer_cli.top.screen import render
from gaffer_cli.top.terminal import Terminal
from gaffer_cli.top.view import View


def status(name, **fields):
    wanted = {"active": True, "running": 1, "numprocesses": 1, "session": "default", "pids": [1]}
    return NamedStatus(**{**wanted, "name": name, "job": name, **fields})


def row(name, **fields):
    [made] = make_rows([status(name, **fields)], None)
    return made


def many(number):
    return [row(f"job{index:03}") for index in range(number)]


def test_row_adds_up_processes_and_their_children():
    child = Sample(os_pid=12, cpu=3.0, mem_info1=30)
    samples = [
        Sample(os_pid=10, cpu=1.0, mem_info1=10, children=[child]),
        Sample(os_pid=11, cpu=None, mem_info1=None),
    ]
    [made] = make_rows([status("web", pids=[1, 2])], [JobStats(name="web", stats=samples)])
    assert (made.cpu, made.mem) == (4.0, 40)


def used(os_pid, seconds, **fields):
    return [JobStats(name="web", stats=[Sample(os_pid=os_pid, ctime=seconds, **fields)])]


def test_cpu_is_measured_between_two_updates():
    meter = CpuMeter()
    first, second = used(10, 1.0, cpu=99.0), used(10, 1.5, cpu=0.0)
    meter.update(first, now=100.0)
    assert meter.get_cpu(first[0].stats[0]) == 99.0
    meter.update(second, now=102.0)
    assert meter.get_cpu(second[0].stats[0]) == 25.0
    new = used(11, 0.0)
    meter.update(new, now=103.0)
    assert meter.get_cpu(new[0].stats[0]) == 0.0


def test_cells_without_stats_show_dashes():
    assert format_cells(row("web")) == ["web", "active", "1/1", "-", "-", "0", "1"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "active"),
        ({"active": False, "stopped": True}, "stopped"),
        ({"active": False, "flapping": FlappingStatus(waiting=True)}, "flapping"),
        ({"active": False, "flapping": FlappingStatus(gave_up=True)}, "given up"),
    ],
)
def test_row_state_is_one_word(fields, state):
    assert row("web", **fields).state == state


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1024, "1.0K"), (50 * 2**20, "50.0M"), (300 * 2**30, "300G")],
)
def test_format_size_uses_few_digits(number, text):
    assert format_size(number) == text


def test_format_total_counts_jobs_and_processes():
    assert format_total([row("a"), row("b", running=0)]) == "2 jobs, 1 process"


@pytest.mark.parametrize("pieces", [[b"\x1b[Bjq"], [b"\x1b", b"[", b"Bj", b"q"]])
def test_keys_are_decoded_from_pieces(pieces):
    keys = Keys()
    assert [key for piece in pieces for key in keys.feed(piece)] == ["down", "down", "quit"]


def test_unknown_keys_change_nothing():
    view = View("name")
    view.update(many(3))
    for key in Keys().feed(b"\x1b[99~x\xff"):
        view.press(key)
    assert (view.selected.name, view.order) == ("job000", "name")


def test_selected_job_stays_selected_in_another_order():
    view = View("name")
    view.update([row("a"), row("b")])
    view.press("down")
    busy = Row(**{**{name: getattr(row("c"), name) for name in Row.__slots__}, "cpu": 9.0})
    view.update([busy, row("a"), row("b")])
    view.press("c")
    assert [each.name for each in view.rows] == ["c", "a", "b"]
    assert view.selected.name == "b"
    view.update([busy])
    assert view.selected.name == "c"
    view.update([])
    assert view.selected is None


@pytest.mark.parametrize("key", ["up", "down", "page up", "page down", "home", "end"])
def test_selected_row_is_always_visible(key):
    view = View("name")
    view.update(many(50))
    for _ in range(60):
        view.press(key)
        assert view.selected in view.visible_rows(7)
    assert view.selected.name == ("job000" if key in ("up", "page up", "home") else "job049")
    assert len(view.visible_rows(7)) == 7


def painted(view, width, height, output=()):
    console = Console(width=width, height=height, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(render(view, output, "unix:/x", width, height), end="")
    return capture.get().split("\n")[:-1]


@pytest.mark.parametrize("width", [1, 8, 20, 80, 300])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 8, 24, 100])
def test_render_fills_the_window(width, height):
    view = View("name")
    view.update(many(200))
    lines = painted(view, width, height, [f"line {number}" for number in range(50)])
    assert len(lines) == max(height, 4 if height == 3 else height)
    assert all(len(line) <= width for line in lines)


def test_render_shows_jobs_and_output_of_the_selected_one():
    view = View("name")
    view.update(many(200))
    view.press("end")
    lines = painted(view, 80, 24, [f"line {number}" for number in range(50)])
    assert "200 jobs, 200 processes" in lines[0]
    assert any(line.startswith("job199 ") for line in lines)
    assert any(line.startswith("-- job199: active ---") for line in lines)
    assert lines[-2] == "line 49"


def test_render_shows_that_gafferd_cannot_be_reached():
    view = View("name")
    view.lost = "unix:/x: cannot\x1b[2J connect"
    assert painted(view, 80, 24)[0] == "waiting for gafferd: unix:/x: cannot connect"


def test_terminal_is_restored_after_an_exception():
    ours, its = os.openpty()

    def crash():
        with Terminal(its).full_screen():
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


def test_long_name_leaves_room_for_the_state():
    view = View("name")
    view.update([row("a-name-that-alone-is-wider-than-the-window"), row("web")])
    _, head, long, *_ = painted(view, 40, 10)
    assert "STATE" in head
    assert long.startswith("a-name-that-alone-i…  active")
