"""The table of processes of `gaffer ps` and `gafferctl status`."""

import json
import os
import re

import pytest
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from gaffer_cli.processes import HEAD, Row, format_rows, format_uptime
from gaffer_cli.table import format_table

GREEN = "\x1b[32m"


def cells(line):
    """Split a line of the table at its gaps."""
    return re.split(r"  +", line)


@pytest.fixture
def load(kernel):
    def load(name="web", cmd="sleep 1000", session="shop", **fields):
        return kernel.manager.load(JobConfig(name=name, cmd=cmd, **fields), session)

    return load


async def test_ps_shows_a_line_for_each_process(load, ask):
    await load(numprocesses=2, port=7000).settled()
    await load("worker").settled()
    done = await ask("gaffer", "ps", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert cells(head) == HEAD
    found = [cells(line) for line in lines]
    assert [row[0] for row in found] == ["web.1", "web.2", "worker.1"]
    assert {row[1] for row in found} == {"active"}
    assert all(re.fullmatch(r"\d+ \(\d+\)", row[2]) for row in found)
    assert all(re.fullmatch(r"\d+s", row[3]) for row in found)
    assert {row[4] for row in found} == {"0"}
    assert all(re.fullmatch(r"\d+\.\d", row[5]) and row[6] != "-" for row in found)
    assert [row[7] for row in found] == ["http://127.0.0.1:7000", "http://127.0.0.1:7001", "-"]
    assert {row[8] for row in found} == {"-"}
    # All cells of a column begin in one place, numbers end in one.
    assert {line.index("active") for line in lines} == {head.index("STATE")}


async def test_status_shows_the_same_table(load, ask):
    await load(numprocesses=2).settled()
    await load("single", session="default", port=7000).settled()
    load("stopped", start=False, numprocesses=3)
    done = await ask("gafferctl", "status")
    assert (done.returncode, done.stderr) == (3, "")
    head, *lines = done.stdout.splitlines()
    assert cells(head) == HEAD
    assert [cells(line)[:2] for line in lines] == [
        ["shop.web.1", "active"],
        ["shop.web.2", "active"],
        ["shop.stopped", "stopped"],
        ["single", "active"],
    ]
    assert cells(lines[2])[2:] == ["-", "-", "0", "-", "-", "-", "-"]
    assert cells(lines[3])[7] == "7000"


async def test_crashes_are_shown_with_restarts_and_the_last_exit(load, ask):
    job = load(cmd="exit 3", shell=True)
    await until(lambda: job.restarts >= 3)
    [row] = (await ask("gaffer", "ps", "shop")).stdout.splitlines()[1:]
    name, state, *_, last_exit = cells(row)
    assert (name, state.partition(",")[0]) == ("web.1", "failing")
    assert re.fullmatch(r"exited with status 3 after \d+\.\d s", last_exit)


async def test_a_start_that_fails_is_shown_with_its_reason(load, ask):
    job = load(cmd="/no/such/program")
    await until(lambda: job.status()["last_error"])
    [row] = (await ask("gaffer", "ps", "shop")).stdout.splitlines()[1:]
    assert cells(row)[2:4] == ["-", "-"]
    assert cells(row)[-1] == job.status()["last_error"]


async def test_removed_instance_is_not_shown(load, ask):
    job = load(numprocesses=3)
    await job.settled()
    job.scale(-1)
    await job.settled()
    lines = (await ask("gafferctl", "status")).stdout.splitlines()[1:]
    numbers = sorted(process.number for process in job.processes)
    assert numbers == [2, 3]
    assert [cells(line)[:2] for line in lines] == [
        ["shop.web.2", "active"],
        ["shop.web.3", "active"],
    ]


async def test_one_off_processes_and_jobs_without_instances(load, ask):
    job = load(start=False)
    job.commit()
    await job.settled()
    load("zero", numprocesses=0)
    lines = (await ask("gaffer", "ps", "shop")).stdout.splitlines()[1:]
    assert [cells(line)[:2] for line in lines] == [
        ["web", "stopped"],
        ["web.once-1", "active"],
        ["zero", "scaled to 0"],
    ]


async def test_json_of_ps_and_status_has_the_cells(load, ask):
    await load(port=7000).settled()
    for arguments in (("gaffer", "ps", "shop"), ("gafferctl", "status")):
        [job] = json.loads((await ask(*arguments, "--json")).stdout)
        assert (job["restarts"], job["last_exit"]) == (0, None)
        [process] = job["processes"]
        assert (process["state"], process["pid"], process["port"]) == ("active", 1, 7000)
        assert process["url"] == "http://127.0.0.1:7000"
        os.kill(process["os_pid"], 0)
        assert process["uptime"] > 0
        assert process["mem"] > 0


@pytest.mark.parametrize(
    ("variables", "is_colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
async def test_states_have_colours_if_wanted(load, ask, environ, variables, is_colored):
    await load("active").settled()
    environ |= variables
    output = (await ask("gaffer", "ps", "shop")).stdout
    colored = f"active.1  {GREEN}active\x1b[0m  "
    assert (colored in output) == is_colored
    assert ("\x1b" in output) == is_colored


async def test_table_fits_the_terminal_and_shows_the_last_exit(load, environ, url, begin):
    environ["GAFFER_ENDPOINT"] = url
    job = load(cmd="exit 3", shell=True)
    await until(lambda: job.restarts >= 1)
    shown = begin("ps", "shop", terminal=(24, 60))
    await until(lambda: shown.process.poll() is not None)
    assert shown.end() == 0
    lines = re.sub(r"\x1b\[\d+m", "", shown.text).splitlines()
    assert lines[0].endswith("LAST EXIT")
    assert "MEM" not in lines[0]
    assert "  exited wi" in lines[1]
    assert max(map(len, lines)) <= 60


def test_control_characters_in_the_last_exit_are_escaped():
    [_, line] = format_rows([Row(name="web", state="failing", last_exit="no \x1b[2J\r")])
    assert line.isprintable()


def test_cut_state_keeps_its_colour():
    head = ["NAME", "STATE", "X"]
    rows = [["active", "stopping, soon", "x"], ["b", "unknown", "stopping"]]
    colors = {"stopping": "yellow", "active": "green"}
    cut = list(format_table(head, rows, colors=colors, width=12))
    assert cut == ["NAME    STA…", "active  \x1b[33msto…\x1b[0m", "b       unk…"]


def test_optional_columns_make_room_for_the_last_one():
    head = ["NAME", "MEM", "PORT", "LAST"]
    rows = [["web", "20.9M", "8000", "exited with status 1 after 1.0 s"]]

    def lines(width):
        return list(format_table(head, rows, width=width, optional=["MEM", "PORT"]))

    assert lines(80)[1] == "web   20.9M  8000  exited with status 1 after 1.0 s"
    assert lines(43)[1] == "web   20.9M  8000  exited with status 1 af…"
    assert lines(42)[1] == "web   8000  exited with status 1 after 1.…"
    assert lines(20) == ["NAME  LAST", "web   exited with s…"]
    assert list(format_table(head, rows, width=10)) == ["NAME  MEM…", "web   20.…"]


@pytest.mark.parametrize("state", ["waiting", "waiting: for db", "waiting, next start in 1.0 s"])
def test_state_with_a_reason_has_the_colour_of_the_state(state):
    [_, line] = format_table(["STATE"], [[state]], colors={"waiting": "yellow"})
    assert line == f"\x1b[33m{state}\x1b[0m"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (59.99, "59s"),
        (60, "1m 0s"),
        (3599, "59m 59s"),
        (3600, "1h 0m"),
        (86_399, "23h 59m"),
        (90_000, "1d 1h"),
        (86_400 * 400, "400d 0h"),
    ],
)
def test_format_uptime(seconds, shown):
    assert format_uptime(seconds) == shown
