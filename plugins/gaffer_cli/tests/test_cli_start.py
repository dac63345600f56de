"""`gaffer start` in a pipe: what runs, what is shown, how it exits."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import COMMANDS
from .foreground import TIMEOUT, Foreground

FOREVER = "while :; do sleep 0.05; done"
READY = f"echo ready; {FOREVER}"
STUBBORN = f"trap '' TERM; {READY}"


@pytest.fixture
def in_shell(environ, tmp_path):
    """Run a line in a shell with gaffer in its PATH: `in_shell("gaffer start | cat")`."""

    def run(line):
        argv = ["/bin/sh", "-c", line]
        env = {**environ, "PATH": f"{COMMANDS}:{environ['PATH']}"}
        settings = {"cwd": tmp_path, "env": env, "timeout": 60}
        return subprocess.run(argv, capture_output=True, text=True, check=False, **settings)

    return run


# What runs


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
def test_start_shows_both_outputs_in_their_order(begin, procfile, pty):
    procfile(web="for n in 1 2 3 4 5 6; do echo out $n; echo err $n >&2; done")
    shown = begin("start", pty)
    assert shown.end() == 0
    written = [f"{label} {n}" for n in range(1, 7) for label in ("out", "err")]
    assert shown.texts("web.1")[1:-1] == written


def test_start_prefixes_lines_with_time_and_name(begin, procfile):
    procfile(web=f"echo on $PORT; {FOREVER}", worker=f"echo working >&2; {FOREVER}")
    shown = begin("start", "-p", 17000)
    pid = shown.wait_for(r"\d\d:\d\d:\d\d web\.1    \| spawn process with pid (\d+)")[1]
    shown.wait_for(r"\d\d:\d\d:\d\d web\.1    \| on 17000")
    shown.wait_for(r"\d\d:\d\d:\d\d worker\.1 \| working")
    assert int(pid) in shown.find_left()
    shown.signal(signal.SIGINT)
    assert shown.end() == 0
    shown.wait_all_gone()


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
def test_start_shows_the_last_state_of_a_line(begin, procfile, tmp_path, pty):
    (tmp_path / "bar.py").write_text(
        "for n in range(20_000): print(end=f'\\rstate {n}')\nprint('\\rALL DONE')\n"
    )
    procfile(web=f"{sys.executable} bar.py")
    shown = begin("start", pty)
    assert shown.end() == 0
    assert shown.texts("web.1")[-2] == "ALL DONE"


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
def test_start_shows_an_unfinished_line(begin, procfile, pty):
    procfile(web=f"printf 'Continue? '; {FOREVER}")
    shown = begin("start", pty)
    shown.wait_for(r".* web\.1 +\| Continue\? ")
    shown.signal(signal.SIGINT)
    assert shown.end() == 0


def test_start_shows_every_byte_of_a_long_line(begin, procfile):
    procfile(web=f"{sys.executable} -c \"print('x' * 200_000 + 'END')\"")
    shown = begin("start")
    assert shown.end() == 0
    text = "".join(each for each in shown.texts("web.1") if each.startswith("x"))
    assert text.count("x") == 200_000
    assert text.endswith("END")


def test_start_of_named_types_keeps_their_ports(begin, procfile):
    procfile(web="echo no", worker="echo $PORT; sleep 0.1", clock="echo $PORT; sleep 0.1")
    shown = begin("start", "clock", "worker", "--on-exit", "continue", "-p", 17000)
    assert shown.end() == 0
    assert (shown.texts("worker.1")[1], shown.texts("clock.1")[1]) == ("17100", "17200")
    assert "web" not in shown.text


@pytest.mark.parametrize("settings", [["-c", "web=2,worker=0"], ["-c", "web=2", "-c", "worker=0"]])
def test_start_applies_concurrency(begin, procfile, settings):
    procfile(web="echo $PORT", worker="echo no")
    shown = begin("start", "--on-exit", "continue", "-p", 17000, *settings)
    assert shown.end() == 0
    assert (shown.texts("web.1")[1], shown.texts("web.2")[1]) == ("17000", "17001")
    assert "worker" not in shown.text


@pytest.mark.parametrize(
    ("arguments", "variables", "ports"),
    [
        ([], {"PORT": "17000"}, ("17000", "17100")),
        (["-p", "17500"], {"PORT": "17000"}, ("17500", "17600")),
        (["-e", "PORT=18000"], {"PORT": "17000"}, ("18000", "18100")),
    ],
)
def test_start_takes_the_first_port(begin, procfile, arguments, variables, ports):
    procfile(web="echo $PORT", worker="echo $PORT")
    shown = begin("start", "--on-exit", "continue", *arguments, **variables)
    assert shown.end() == 0
    assert (shown.texts("web.1")[1], shown.texts("worker.1")[1]) == ports


@pytest.fixture
def listener():
    """A socket that listens, with a hundred ports before and after it."""
    for _ in range(100):
        sock = socket.create_server(("127.0.0.1", 0))
        if 1124 <= sock.getsockname()[1] <= 65000:
            break
        sock.close()
    with sock:
        yield sock


def test_start_skips_ports_in_use(begin, procfile, listener):
    port = listener.getsockname()[1]
    procfile(web="echo $PORT", worker="echo $PORT")
    shown = begin("start", "--on-exit", "continue", "-p", port - 100)
    assert shown.end() == 0
    assert shown.texts("web.1")[1] == str(port - 100)
    assert shown.texts("worker.1")[1] == str(port + 100)


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_start_names_the_program_that_has_the_first_port(
    command, procfile, listener, environ, tmp_path, way
):
    port = listener.getsockname()[1] - 1
    procfile(web="echo $PORT")
    if way == "variable":
        environ["PORT"] = str(port)
    elif way == "file":
        (tmp_path / ".env").write_text(f"PORT={port}\n")
    options = ["-p", port] if way == "option" else []
    done = command("gaffer", "start", "-c", "web=2", *options)
    assert (done.returncode, done.stdout) == (1, "")
    program = Path("/proc/self/comm").read_text().strip()
    assert done.stderr == (
        f"gaffer: web.2: PORT {port + 1} is in use: process {os.getpid()} ({program}) of user"
        f" {os.getuid()} listens there: stop it, or give another port with -p\n"
    )


def test_start_ignores_ports_of_types_that_are_not_started(begin, procfile, listener):
    port = listener.getsockname()[1]
    procfile(web="echo no", worker="echo $PORT")
    shown = begin("start", "worker", "-p", port)
    assert shown.end() == 0
    assert shown.texts("worker.1")[1] == str(port + 100)


def test_start_shows_the_urls_of_processes_first(begin, procfile):
    procfile(web="true", api="true $PORT", worker="true")
    shown = begin("start", "-c", "web=2", "--on-exit", "continue", "-p", 17000)
    assert shown.end() == 0
    assert shown.lines[:3] == [
        ("gaffer", "web.1 http://127.0.0.1:17000"),
        ("gaffer", "web.2 http://127.0.0.1:17001"),
        ("gaffer", "api.1 http://127.0.0.1:17100"),
    ]


def test_start_merges_env_files_and_options(begin, procfile, tmp_path):
    (tmp_path / ".env").write_text("A=file\nB=file\nC=file\n")
    (tmp_path / "more").write_text("B=more\nC=more\n")
    procfile(web="echo $A $B $C $D")
    shown = begin("-e", "more", "start", "-e", "C=option", D="inherited")
    assert shown.end() == 0
    assert "file more option inherited" in shown.texts("web.1")


def test_start_runs_in_the_folder_of_the_procfile_or_directory(begin, tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    (app / "Procfile").write_text("web: pwd\n")
    for arguments in (["-f", "app/Procfile"], ["-d", "app"]):
        shown = begin("start", *arguments)
        assert shown.end() == 0
        assert str(app) in shown.texts("web.1")


def test_release_is_started_only_by_name(begin, procfile):
    procfile(release="echo migrated", web="echo up; sleep 0.3")
    assert "release" not in _whole(begin("start"))
    assert "release.1 | migrated" in _whole(begin("start", "release"))
    assert "release.1 | migrated" in _whole(begin("start", "-c", "release=1"))


def _whole(shown):
    assert shown.end() == 0
    return shown.text


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["wen"], 1, "gaffer: Procfile: start: no type 'wen' here, there are web, worker\n"),
        (["-c", "wen=1"], 1, "gaffer: Procfile: concurrency: no type 'wen' here, there are web,"),
        (["-c", "web=x"], 2, "gaffer: concurrency: must be settings like web=2,worker=1, not 'we"),
        (["-c", "all=0"], 1, "gaffer: nothing to start: there is no process of any type\n"),
        (["-f", "nosuch"], 1, "gaffer: nosuch: no such Procfile; name one with -f, or its folder"),
        (["-e", "nosuch"], 1, "gaffer: nosuch: cannot be read: No such file or directory\n"),
        (["-e", "PORT=x"], 1, "gaffer: PORT must be a number from 1 to 65535, not 'x'\n"),
        (["--on-exit", "x"], 2, "gaffer start: invalid value for '--on-exit': 'x' is not one of"),
        (["--graceful-timeout", "-1"], 2, "gaffer start: invalid value for '--graceful-timeout'"),
    ],
)
def test_start_error_is_one_line(command, procfile, arguments, status, message):
    procfile(web="echo no", worker="echo no")
    done = command("gaffer", "start", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


ASK = f"{sys.executable} -c \"print('hello', input('name? '))\""


def test_standard_input_of_programs_is_empty(begin, procfile):
    procfile(web=ASK)
    shown = begin("start")
    assert shown.end() == 1
    assert "EOFError: EOF when reading a line" in shown.texts("web.1")


@pytest.mark.parametrize(("name", "reader"), [("web", "web.1"), ("web.2", "web.2")])
def test_stdin_gives_one_process_the_input(in_shell, procfile, name, reader):
    procfile(web="cat", worker="cat")
    line = f"printf 'to you\\n' | gaffer start -c web=2 --on-exit continue --stdin {name}"
    done = in_shell(line)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines() if "to you" in line] == [reader]


@pytest.mark.parametrize("name", ["nosuch", "web.2", "web.0", "web.x", "web."])
def test_stdin_of_an_unknown_process_is_an_error(command, procfile, name):
    procfile(web="echo no")
    done = command("gaffer", "start", "--stdin", name)
    assert (done.returncode, done.stdout) == (2, "")
    message = f"--stdin {name}: no such process is started: use one of web.1"
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_start_in_a_missing_folder_reports_and_exits(begin, procfile, tmp_path):
    procfile(web="echo no")
    shown = begin("start", "-f", "Procfile", "-d", "nosuch")
    assert shown.end() == 1
    assert "gaffer | web: cannot start: cannot change to the directory" in shown.text


@pytest.mark.parametrize(
    "module", ["app.start", "app.run", "app.export", "app.logs", "app.ps", "ctl.top", "ctl.watch"]
)
def test_verb_module_does_not_import_the_kernel(module):
    code = (
        f"import sys; import gaffer_cli.{module};"
        "print([name for name in ('gaffer_kernel', 'trio', 'rich') if name in sys.modules])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


# Exit of a process


@pytest.mark.parametrize(
    ("line", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("nosuch-program", 127)],
)
def test_first_exit_stops_all_and_is_the_status(begin, procfile, line, status):
    procfile(web=READY, worker=f"sleep 0.1; {line}")
    shown = begin("start")
    assert shown.end() == status
    assert "worker has exited: stopping the others" in shown.texts("gaffer")
    assert shown.texts("web.1")[-1].startswith("exit process with pid ")
    shown.wait_all_gone()


def test_on_exit_continue_keeps_the_others_running(begin, procfile):
    procfile(one="exit 4", two="sleep 0.3; echo still here; exit 5", three="sleep 0.1")
    shown = begin("start", "--on-exit", "continue")
    assert shown.end() == 4
    assert "still here" in shown.texts("two.1")
    assert shown.text.count("spawn") == 3


def test_on_exit_restart_restarts_processes(begin, procfile):
    procfile(web="echo life; sleep 1.05; exit 1")
    shown = begin("start", "--on-exit", "restart")
    shown.wait_for(r".* web\.1  \| exit process .* status 1 .*")
    shown.text = ""
    shown.wait_for(r".* web\.1  \| life")
    shown.signal(signal.SIGINT)
    assert shown.end() == 0


def test_port_conflicts_are_warned_about(begin, procfile):
    procfile(clock="exec sleep 0.1", web="exec sleep 1000")
    shown = begin("start", "-c", "clock=101", "-p", 17000)
    shown.wait_for(
        r"gaffer: warning: clock\.101 and web\.1 both get PORT 17100: clock has 101 processes,.*"
    )
    assert shown.end() == 0


def test_types_that_are_not_started_cause_no_port_conflict(begin, procfile):
    procfile(clock="sleep 1000", web="true")
    shown = begin("start", "web", "-c", "clock=101")
    assert shown.end() == 0
    assert "warning" not in shown.text


# Exit by a signal


def test_example_procfile_starts(begin, environ):
    folder = Path(__file__).parent.parent.parent.parent / "examples"
    shown = begin("-d", folder, "start", PATH=f"{COMMANDS}:{environ['PATH']}")
    shown.wait_for(r".* dummy\.1  \| hello 1")
    shown.wait_for(r".* dummy1\.1 \| hello 1")
    shown.signal(signal.SIGINT)
    assert shown.end() == 0


@pytest.mark.parametrize("step", ["watch_parent_death", "SignalHandler", "Kernel"])
def test_early_signal_is_not_lost(tmp_path, step):
    code = f"""
import os, signal
from gaffer_cli.foreground import OnExit, run, run_jobs
from gaffer_kernel import JobConfig

wrapped = run.{step}

def step(*arguments, **settings):
    os.kill(os.getpid(), signal.SIGINT)
    return wrapped(*arguments, **settings)

run.{step} = step
raise SystemExit(run_jobs([JobConfig(name="web", cmd="sleep 1000")], OnExit.STOP))
"""
    shown = Foreground([sys.executable, "-c", code], tmp_path, os.environ)
    try:
        assert shown.end() == 0
        shown.wait_all_gone()
    finally:
        shown.close()


def test_signals_during_exit_cause_no_traceback(begin, procfile):
    procfile(web=READY)
    shown = begin("start")
    shown.wait_for(r".* web\.1  \| ready")
    while shown.process.poll() is None:
        shown.signal(signal.SIGINT)
        time.sleep(0.001)
    assert shown.end() == (130 if "again: killing" in shown.text else 0)
    assert "Traceback" not in shown.text
    shown.wait_all_gone()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_signal_stops_all_with_status_0(begin, procfile, name):
    procfile(web=f"trap 'echo bye; exit 7' TERM; {READY}", worker=READY)
    shown = begin("start")
    shown.wait_for(r".* web\.1    \| ready")
    shown.wait_for(r".* worker\.1 \| ready")
    shown.signal(getattr(signal, f"SIG{name}"))
    assert shown.end() == 0
    assert shown.texts("gaffer")[1:] == [f"SIG{name}: stopping; once more kills"]
    assert shown.texts("web.1")[-2] == "bye"
    shown.wait_all_gone()


def test_second_signal_kills(begin, procfile):
    procfile(web=STUBBORN)
    shown = begin("start", "--graceful-timeout", "1000")
    shown.wait_for(r".* web\.1  \| ready")
    shown.signal(signal.SIGINT)
    shown.wait_for(r".* gaffer \| SIGINT: stopping.*")
    shown.repeat_until(lambda: shown.signal(signal.SIGINT), "SIGINT again: killing")
    assert shown.end() == 130
    assert "killed by SIGKILL" in shown.texts("web.1")[-1]
    shown.wait_all_gone()


def test_duplicate_signal_of_one_key_press_does_not_kill(begin, procfile):
    procfile(web=f"trap 'sleep 0.3; echo bye; exit' TERM; {READY}")
    shown = begin("start")
    shown.wait_for(r".* web\.1  \| ready")
    # Both are pending until SIGCONT, however busy the machine is; two of the same signal would be
    # merged.
    for signum in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        shown.signal(signum)
    assert shown.end() == 0
    assert "bye" in shown.texts("web.1")


def test_stop_kills_after_graceful_timeout(begin, procfile):
    procfile(web=STUBBORN)
    shown = begin("start", "--graceful-timeout", "0.3")
    shown.wait_for(r".* web\.1  \| ready")
    shown.signal(signal.SIGTERM)
    assert shown.end() == 0
    assert any("did not exit within 0.3 s: sent SIGKILL" in text for text in shown.texts("gaffer"))
    shown.wait_all_gone()


def test_stop_kills_processes_that_left_the_group(begin, procfile):
    procfile(web=f"setsid sh -c '{FOREVER}' & echo ready; {FOREVER}")
    shown = begin("start")
    shown.wait_for(r".* web\.1  \| ready")
    shown.signal(signal.SIGINT)
    assert shown.end() == 0
    shown.wait_all_gone()


def test_sigkill_of_gaffer_leaves_no_process(begin, procfile):
    procfile(
        web=f"trap 'echo polite >bye; exit' TERM; {READY}",
        stubborn=STUBBORN,
        away=f"setsid sh -c '{FOREVER}' & {READY}",
    )
    shown = begin("start", "--graceful-timeout", "0.5")
    for name in ("web", "stubborn", "away"):
        shown.wait_for(rf".* {name}\.1 +\| ready")
    shown.signal(signal.SIGKILL)
    assert shown.end() == -signal.SIGKILL
    shown.wait_all_gone()


def test_sigkill_of_gaffer_leaves_no_process_without_environment(begin, procfile):
    procfile(
        web=f"exec env -i {sys.executable} -c 'import time; print(1, flush=1); time.sleep(99)'"
    )
    shown = begin("start")
    pid = shown.wait_for(r".* web\.1  \| spawn process with pid (\d+)")[1]
    shown.wait_for(r".* web\.1  \| 1")
    end = os.pidfd_open(int(pid))
    shown.signal(signal.SIGKILL)
    assert shown.end() == -signal.SIGKILL
    ended, _, _ = select.select([end], [], [], TIMEOUT)
    os.close(end)
    assert ended


def test_broken_pipe_stops_start_with_status_141(begin, procfile):
    procfile(web=f"echo one; echo two; {FOREVER}")
    shown = begin("start")
    shown.wait_for(r".* web\.1  \| two")
    shown.stop_reading()
    assert shown.end() == 141
    shown.wait_all_gone()


@pytest.mark.parametrize("reader", ["head -n 2", "true"])
def test_broken_pipe_prints_no_error(in_shell, procfile, reader):
    procfile(web=f"while :; do echo line; sleep 0.01; done; {FOREVER}")
    done = in_shell(f"gaffer start | {reader}")
    assert done.stderr == ""
    assert done.stdout.count("\n") == (2 if reader != "true" else 0)


@pytest.mark.parametrize("verb", ["start", "run -c 2 'echo hi'"])
def test_full_disk_is_one_line_on_stderr_and_status_1(in_shell, procfile, verb):
    procfile(web="echo hi")
    done = in_shell(f"gaffer {verb} >/dev/full")
    assert done.stderr == (
        "gaffer: standard output: No space left on device: lines are lost until it works\n"
    )
    assert done.returncode == 1


def test_slow_reader_loses_no_line(in_shell, procfile):
    procfile(one="seq 100000", two="seq 100000 >&2")
    done = in_shell("gaffer start --on-exit continue | (sleep 1; exec cat) | grep -c '| [0-9]*$'")
    assert (done.stdout, done.stderr) == ("200000\n", "")


def test_stalled_reader_does_not_block_the_exit(begin, procfile):
    procfile(web=f"echo ready; yes; {FOREVER}")
    shown = begin("start")
    shown.wait_for(r".* web\.1  \| ready")
    shown.wait_full()
    shown.signal(signal.SIGINT)
    assert shown.process.wait(20) == 0
    shown.wait_all_gone()


@pytest.mark.parametrize("verb", ["start", "run 'echo $PORT >out'"])
def test_start_and_run_work_with_closed_stdout(environ, procfile, tmp_path, verb):
    procfile(web="echo $PORT >out")
    line = f"exec {COMMANDS}/gaffer {verb} >&- <&-"
    argv = ["/bin/sh", "-c", line]
    environ["PORT"] = "17000"
    done = subprocess.run(
        argv, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out").read_text() == "17000\n"


def test_start_under_nohup_ignores_sighup(begin, procfile, environ, tmp_path):
    procfile(web=f"echo ready; sleep 0.5; echo still here; {FOREVER}")
    process = subprocess.Popen(
        ["nohup", COMMANDS / "gaffer", "start"],
        env=environ,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert "http" in process.stdout.readline()
        assert "spawn" in process.stdout.readline()
        assert "ready" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert "still here" in process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 0


# Colours in a pipe


def test_pipe_gets_no_colours_unless_forced(begin, procfile):
    procfile(web=r"printf '\033[31mred\033[0m\n'")
    assert "\x1b" not in _whole(begin("start"))
    text = _whole(begin("start", FORCE_COLOR="1"))
    assert " | spawn" not in text
    assert "\x1b[31mred\x1b[0m" in text


def test_pty_option_applies_in_a_pipe(begin, procfile):
    procfile(web="test -t 1 && echo terminal || echo pipe")
    assert "web.1  | pipe" in _whole(begin("start"))
    assert "web.1  | terminal" in _whole(begin("start", "--pty"))
