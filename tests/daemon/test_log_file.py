"""The file of the error log, and attempts to redirect it."""

import logging
import os

import pytest

from gaffer_kernel.daemon.log_file import LogFile
from tests.gafferd import Home, one_line


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
    expected = capsys.readouterr().err
    assert expected.count("is a symbolic link") == 1
    assert "second" in expected
    assert "third" in expected
    (tmp_path / "log").unlink()
    log.emit(record("fourth"))
    log.close()
    assert (tmp_path / "log").read_text() == "fourth\n"
