"""`gaffer start` and `gaffer run` on a real terminal: colours, sizes, Ctrl-C and Ctrl-Z."""

import re
import sys
import time
from pathlib import Path

import pytest

from .conftest import COMMANDS
from .foreground import TIMEOUT, Foreground

SIZE = (24, 100)
READY = "echo ready; while :; do sleep 0.05; done"
CTRL_C, CTRL_D, CTRL_Z = b"\x03", b"\x04", b"\x1a"


@pytest.fixture
def environ(environ):
    return {**environ, "TERM": "xterm"}


# Output


def test_start_colours_each_type_and_keeps_program_colours(begin, procfile):
    procfile(web=r"printf '\033[35mmine\033[0m\n'", worker="sleep 0.2")
    shown = begin("start", "-c", "web=2,worker=1", "--on-exit", "continue", terminal=SIZE)
    assert shown.end() == 0
    colours = set(re.findall(r"\x1b\[(\d+)m\d\d:\d\d:\d\d (\w+)\.\d", shown.text))
    assert sorted(name for _, name in colours) == ["web", "worker"]
    assert len({colour for colour, _ in colours}) == 2
    assert " \x1b[35mmine\x1b[0m" in shown.text


def test_no_color_removes_all_colours(begin, procfile):
    procfile(web=r"printf '\033[35mmine\033[0m\n'")
    shown = begin("start", terminal=SIZE, NO_COLOR="1")
    assert shown.end() == 0
    assert "\x1b" not in shown.text


def test_programs_get_a_pty_of_the_remaining_width(begin, procfile):
    code = "import os; print('window', *os.get_terminal_size(1))"
    procfile(web=f'{sys.executable} -c "{code}"', second__one="sleep 0.2")
    shown = begin("start", "--on-exit", "continue", terminal=SIZE, NO_COLOR="1")
    found = shown.wait_for(r"\d\d:\d\d:\d\d web\.1        \| window (\d+) 24")
    assert int(found[1]) == 100 - len("HH:MM:SS second-one.1 | ")
    assert shown.end() == 0


def test_pty_output_is_line_buffered(begin, procfile):
    procfile(web=f"{sys.executable} -c 'import time; print(\"ready\"); time.sleep(60)'")
    shown = begin("start", terminal=SIZE, NO_COLOR="1")
    shown.wait_for(r".* web\.1  \| ready")
    shown.press(CTRL_C)
    assert shown.end() == 0


def test_no_pty_gives_programs_pipes(begin, procfile):
    procfile(web="test -t 1 || echo pipe")
    shown = begin("start", "--no-pty", terminal=SIZE, NO_COLOR="1")
    assert shown.end() == 0
    assert "pipe" in shown.texts("web.1")


# Keys


def test_ctrl_c_stops_all_with_status_0(begin, procfile):
    procfile(web=f"trap 'echo bye; exit' TERM; {READY}")
    shown = begin("start", terminal=SIZE, NO_COLOR="1")
    shown.wait_for(r".* web\.1  \| ready")
    shown.press(CTRL_C)
    assert shown.end() == 0
    assert "bye" in shown.texts("web.1")
    shown.wait_all_gone()


def test_ctrl_c_twice_kills(begin, procfile):
    procfile(web=f"trap '' TERM; {READY}")
    shown = begin("start", "--graceful-timeout", "1000", terminal=SIZE, NO_COLOR="1")
    shown.wait_for(r".* web\.1  \| ready")
    shown.press(CTRL_C)
    shown.wait_for(r".*SIGINT: stopping.*")
    shown.repeat_until(lambda: shown.press(CTRL_C), "SIGINT again: killing")
    assert shown.end() == 130
    shown.wait_all_gone()


def test_terminal_hangup_stops_all(begin, procfile):
    procfile(web=READY)
    shown = begin("start", terminal=SIZE, NO_COLOR="1")
    shown.wait_for(r".* web\.1  \| ready")
    shown.stop_reading()
    shown.wait_all_gone()


def test_ctrl_z_without_job_control_has_no_effect(begin, procfile):
    procfile(web=READY)
    shown = begin("start", terminal=SIZE, NO_COLOR="1")
    shown.wait_for(r".* web\.1  \| ready")
    shown.press(CTRL_Z)
    shown.press(CTRL_C)
    assert shown.end() == 0
    shown.wait_all_gone()


@pytest.fixture
def shell(environ, tmp_path):
    """A shell with job control on a terminal."""
    environ = {**environ, "PATH": f"{COMMANDS}:{environ['PATH']}", "PS1": "> ", "NO_COLOR": "1"}
    shell = Foreground(["/bin/sh", "-i"], tmp_path, environ, terminal=SIZE)
    yield shell
    shell.close()


def test_ctrl_z_suspends_all_and_fg_continues_all(shell, procfile, tmp_path):
    code = "import os, time; print('pid', os.getpid())\nwhile not time.sleep(0.05): print('tick')"
    (tmp_path / "ticking.py").write_text(code)
    procfile(web=f"exec {sys.executable} ticking.py")
    shell.press(b"gaffer start\n")
    pid = int(shell.wait_for(r".* web\.1  \| pid (\d+)")[1])
    shell.wait_for(r".* web\.1  \| tick")
    shell.press(CTRL_Z)
    shell.wait_for(r".*Stopped.*")
    _wait_until(lambda: _state(pid) == "T")
    shell.press(b"echo prompt$((1+1))\n")
    shell.wait_for(r".*prompt2")
    shell.text = ""
    shell.press(b"fg\n")
    shell.wait_for(r".* web\.1  \| tick")
    # The line may have been written before SIGSTOP.
    _wait_until(lambda: _state(pid) != "T")
    shell.press(CTRL_C)
    shell.wait_for(r".* web\.1  \| exit process .*")
    shell.press(b"echo status $?\n")
    shell.wait_for(r".*status 0")
    shell.press(b"exit\n")
    shell.wait_all_gone()


def _wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


# run


@pytest.mark.parametrize("words", [[sys.executable, "-q", "-i"], [f"{sys.executable} -q -i"]])
def test_run_gives_an_interactive_program_the_terminal(begin, words):
    shown = begin("run", "-e", "A=5", *words, terminal=SIZE, PYTHON_BASIC_REPL="1")
    shown.wait_for_text(">>> ")
    shown.press(b"import os; print('A is', os.environ['A'])\n")
    shown.wait_for_text("A is 5\r\n>>> ")
    shown.press(b"import time; print('sleeping'); time.sleep(60)\n")
    shown.wait_for(r"sleeping")
    shown.press(CTRL_C)
    shown.wait_for_text("KeyboardInterrupt\r\n>>> ")
    shown.press(b"print('still ' + 'here')\n")
    shown.wait_for_text("still here\r\n>>> ")
    shown.press(CTRL_D)
    assert shown.end() == 0


def test_copies_have_no_input(begin):
    shown = begin("run", "-c", "2", "cat; test -t 1 && echo end", terminal=SIZE, NO_COLOR="1")
    assert shown.end() == 0
    assert "end" in shown.texts("run.1")
    assert "end" in shown.texts("run.2")


def test_stdin_is_the_terminal(begin, procfile):
    code = "import sys; print('terminal', sys.stdin.isatty()); breakpoint(); print('went on')"
    procfile(web=f'{sys.executable} -c "{code}"')
    shown = begin("start", "--stdin", "web", terminal=SIZE, NO_COLOR="1")
    shown.wait_for_text("terminal True")
    shown.wait_for_text("(Pdb) ")
    shown.press(b"continue\n")
    shown.wait_for(r".* web\.1 +\| .*went on")
    assert shown.end() == 0
