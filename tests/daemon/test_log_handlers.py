"""Log handlers: failures of standard error and of the error log, and attempts to redirect it."""

import logging
import os
import shutil
import signal
import subprocess
from contextlib import redirect_stderr, suppress

import pytest
from gaffer_testing.gafferd import COMMAND, DEADLINE, Home, one_line

from gaffer_kernel.daemon.log_handlers import LogFile, LogStream, StderrHandler


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def record(text):
    return logging.LogRecord("test", logging.WARNING, __file__, 1, text, None, None)


def test_a_new_error_log_is_not_readable_by_others(home):
    before = os.umask(0)
    try:
        assert home.run("--check", "--error-log", "log").returncode == 0
    finally:
        os.umask(before)
    assert (home / "log").stat().st_mode & 0o777 == 0o640


def test_an_error_log_that_is_a_symbolic_link_is_refused(home):
    target = home.write("target", "")
    (home / "log").symlink_to(target)
    told = one_line(home.run("--check", "--error-log", "log"))
    assert told == "error log log: is a symbolic link: name the file itself"
    (home / "log").unlink()
    (home / "log").symlink_to(home / "new")
    one_line(home.run("--check", "--error-log", "log"))
    assert not (home / "new").exists()


def test_a_fifo_without_a_reader_does_not_hang_the_start(home):
    os.mkfifo(home / "log")
    assert "error log log: " in one_line(home.run("--check", "--error-log", "log"))


def test_an_error_log_can_be_a_device(home):
    assert home.run("--check", "--error-log", "/dev/null").returncode == 0


def test_a_symbolic_link_that_replaces_the_log_is_not_followed(tmp_path, capsys):
    target = tmp_path / "target"
    log = LogFile(str(tmp_path / "log"))
    log.emit(record("first"))
    (tmp_path / "log").unlink()
    (tmp_path / "log").symlink_to(target)
    log.emit(record("second"))
    log.emit(record("third"))
    assert not target.exists()
    printed = capsys.readouterr().err
    assert printed.count("is a symbolic link") == 1
    assert "second" in printed
    assert "third" in printed
    (tmp_path / "log").unlink()
    log.emit(record("fourth"))
    log.close()
    note, fourth = (tmp_path / "log").read_text().splitlines()
    assert note == f"error log {tmp_path}/log: works again, lines lost: 2"
    assert fourth == "fourth"


def test_a_full_disk_costs_one_line_of_reason_and_the_log_continues_on_stderr(capsys):
    log = LogFile("/dev/full")
    log.emit(record("first"))
    log.emit(record("second"))
    log.close()
    reason, first, second = capsys.readouterr().err.splitlines()
    assert reason == (
        "error log /dev/full: No space left on device: the log goes to standard error"
    )
    assert (first, second) == ("first", "second")


def test_stderr_that_fails_never_raises_and_reports_the_lost_lines_later(tmp_path):
    log = StderrHandler()
    with open("/dev/full", "w") as full, redirect_stderr(full):
        log.emit(record("first"))
        log.emit(record("second"))
    with open(tmp_path / "err", "w") as works, redirect_stderr(works):
        log.emit(record("third"))
        log.emit(record("fourth"))
    text = (tmp_path / "err").read_text()
    assert text == "standard error: works again, lines lost: 2\nthird\nfourth\n"


def test_a_pipe_without_a_reader_and_a_closed_stream_do_not_raise(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    log = StderrHandler()
    with open(writer, "w") as broken, redirect_stderr(broken):
        log.emit(record("first"))
        LogFile("/dev/full").emit(record("second"))
    with redirect_stderr(broken):
        log.emit(record("closed"))
    with redirect_stderr(None):
        log.emit(record("without stderr"))


def test_a_full_pipe_made_non_blocking_by_its_owner_loses_lines_and_does_not_spin():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = StderrHandler()
    with open(reader, "rb") as end, open(writer, "w") as pipe, redirect_stderr(pipe):
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"#" * 4096)
        log.emit(record("lost"))
        os.read(end.fileno(), 1 << 20)
        log.emit(record("shown"))
        text = os.read(end.fileno(), 1 << 20).decode()
    assert text == "standard error: works again, lines lost: 1\nshown\n"


@pytest.mark.parametrize("stderr", ["err", "/dev/full"])
def test_gafferd_survives_the_removal_of_the_folder_of_its_error_log(home, stderr):
    home.write("g.ini", home.job("first") + home.job("bad", "sh -c 'exit 3'"))
    (home / "logs").mkdir()
    args = ("-c", "g.ini", "--error-log", "logs/log", "--log-level", "info")
    with home.running(*args, program=("sh", "-c", f'exec "$0" "$@" 2>>{stderr}', COMMAND)) as it:
        home.pid("first.pid")
        shutil.rmtree(home / "logs")
        it.send_signal(signal.SIGHUP)
        it.send_signal(signal.SIGTERM)
        assert it.wait(DEADLINE) == 0
    if stderr == "err":
        reason, *lines = home.messages().splitlines()
        assert reason.endswith("No such file or directory: the log goes to standard error")
        assert any("SIGTERM: stopping" in line for line in lines)


def test_the_log_continues_in_a_folder_that_is_there_again(tmp_path, capsys):
    folder = tmp_path / "logs"
    folder.mkdir()
    log = LogFile(str(folder / "log"))
    shutil.rmtree(folder)
    log.emit(record("first"))
    folder.mkdir()
    log.emit(record("second"))
    log.close()
    assert (folder / "log").read_text().endswith("works again, lines lost: 1\nsecond\n")


@pytest.mark.parametrize("option", ["--check", "--list-plugins"])
def test_output_on_a_full_disk_is_one_line_and_status_1(home, option):
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" {option} >/dev/full', COMMAND],
        env=home.environ(),
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
    )
    assert done.stderr == "gafferd: standard output: No space left on device\n"
    assert done.returncode == 1


def test_stream_writes_complete_lines_to_the_log(tmp_path):
    log = LogFile(str(tmp_path / "log"))
    stream = LogStream(log)
    print("one", end="", file=stream)
    log.handle(record("in between"))
    print(" line\ntwo\nthr", end="", file=stream)
    print("ee", file=stream, flush=True)
    log.close()
    assert (tmp_path / "log").read_text() == "in between\none line\ntwo\nthree\n"


def test_stream_counts_lines_that_are_lost(capsys):
    stream = LogStream(LogFile("/dev/full"))
    print("one\ntwo", file=stream)
    print("three", file=stream)
    reason, *lines = capsys.readouterr().err.splitlines()
    assert reason == "error log /dev/full: No space left on device: the log goes to standard error"
    assert lines == ["one", "two", "three"]
