"""Configuration files that other users can write."""

import logging
import os
import subprocess

import pytest
from gaffer_testing.gafferd import COMMAND, Home, one_line

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError

JOB = "[process:{0}]\ncmd = {0}\n"
WARNED = "writable by other users"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def ordinary(monkeypatch):
    """Run as an ordinary user; files of root are trusted."""
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "geteuid", lambda: 54321)


def open_to_all(path):
    path.chmod(path.stat().st_mode | 0o002)
    return path


def names(config):
    return [job.name for _, job in config.jobs()]


def test_an_ordinary_user_is_warned_once_for_each_reason(home, ordinary, caplog):
    conf = open_to_all(home.write("conf/a.ini", JOB.format("a")).parent)
    home.write("conf/b.ini", JOB.format("b"))
    main = home.write("g.ini", "[gaffer]\ninclude_dir = conf\n")
    config = Config.read(main)
    assert names(config) == ["a", "b"]
    [record] = [record for record in caplog.records if WARNED in record.message]
    assert record.levelno == logging.WARNING
    assert record.message.endswith(f"chmod go-w {conf}")
    caplog.clear()
    config.again()
    assert WARNED in caplog.text


@pytest.mark.parametrize("way", ["option", "key"])
def test_insecure_config_silences_the_warnings(home, ordinary, caplog, way):
    open_to_all(home.write("a.ini", "[gaffer]\ninclude = b.ini\n" + JOB.format("a")))
    open_to_all(home.write("b.ini", JOB.format("b")))
    key = "insecure_config = true\n" if way == "key" else ""
    main = home.write("g.ini", f"[gaffer]\ninclude = a.ini\n{key}")
    config = Config.read(main, insecure=way == "option")
    assert names(config) == names(config.again()) == ["a", "b"]
    assert WARNED not in caplog.text


def test_insecure_config_in_a_writable_file_has_no_effect(home, ordinary, caplog):
    text = "[gaffer]\ninsecure_config = true\ninclude = b.ini\n"
    main = open_to_all(home.write("g.ini", text))
    included = open_to_all(home.write("b.ini", JOB.format("b")))
    Config.read(main)
    assert f"chmod go-w {main}" in caplog.text
    assert f"chmod go-w {included}" in caplog.text


def test_insecure_config_applies_only_to_files_included_there(home, ordinary, caplog):
    home.write("g.ini", "[gaffer]\ninclude = a.ini b.ini\n")
    home.write("a.ini", "[gaffer]\ninsecure_config = true\ninclude = c.ini\n")
    allowed = open_to_all(home.write("c.ini", JOB.format("c")))
    other = open_to_all(home.write("b.ini", JOB.format("b")))
    Config.read(home / "g.ini")
    assert f"chmod go-w {other}" in caplog.text
    assert str(allowed) not in caplog.text


def test_dev_null_is_an_empty_configuration_that_nobody_can_change(ordinary, caplog):
    assert names(Config.read(os.devnull)) == []
    assert caplog.text == ""


def spoil(home, place):
    """Write a configuration with one file that another user can write; return that file."""
    home.write("g.ini", "[gaffer]\ninclude = a.ini\ninclude_dir = conf\n" + JOB.format("main"))
    home.write("a.ini", JOB.format("a"))
    home.write("conf/sub/b.ini", JOB.format("b"))
    (home / "empty").mkdir()
    path = home / place
    os.chown(path, 54321, -1, follow_symlinks=False)
    return path


@pytest.mark.root
@pytest.mark.parametrize("place", ["g.ini", "a.ini", "conf", "conf/sub", "conf/sub/b.ini"])
def test_root_refuses_files_of_another_user(home, place):
    path = spoil(home, place)
    told = one_line(home.run("--check", "g.ini"))
    assert f"{path} belongs to user 54321" in told
    assert told.endswith("or start gafferd with --insecure-config")
    for show in ("--list-plugins", "-v"):
        assert f"{path} belongs to user 54321" in home.run(show, "g.ini").stderr
    assert home.run("--check", "--insecure-config", "g.ini").returncode == 0


@pytest.mark.root
def test_root_refuses_an_include_dir_that_others_can_write_even_if_it_is_empty(home):
    open_to_all(home.write("conf/README", "").parent)
    home.write("g.ini", "[gaffer]\ninclude_dir = conf\n")
    told = one_line(home.run("--check", "g.ini"))
    assert told.startswith("g.ini:2: [gaffer] include_dir: ")
    assert f"chmod go-w {home / 'conf'}" in told


@pytest.mark.root
def test_root_refuses_links_of_another_user_and_unsafe_targets(home):
    real = home.write("real.ini", JOB.format("a"))
    (home / "g.ini").symlink_to(real)
    assert home.run("--check", "g.ini").returncode == 0
    os.chown(home / "g.ini", 54321, -1, follow_symlinks=False)
    assert "belongs to user 54321" in one_line(home.run("--check", "g.ini"))
    os.chown(home / "g.ini", 0, -1, follow_symlinks=False)
    os.chown(real, 54321, -1)
    assert "belongs to user 54321" in one_line(home.run("--check", "g.ini"))


@pytest.mark.root
def test_a_safe_file_with_insecure_config_can_include_unsafe_files(home):
    spoil(home, "a.ini")
    home.write("g.ini", "[gaffer]\ninclude = a.ini\ninsecure_config = true\n")
    assert home.run("--check", "g.ini").returncode == 0
    os.chown(home / "g.ini", 54321, -1)
    assert "g.ini belongs to user 54321" in one_line(home.run("--check", "g.ini"))


@pytest.mark.root
def test_reload_refuses_unsafe_files(home):
    main = home.write("g.ini", JOB.format("a"))
    config = Config.read(main)
    open_to_all(main)
    with pytest.raises(ConfigError, match=WARNED):
        config.again()
    assert names(Config.read(main, insecure=True).again()) == ["a"]


@pytest.mark.root
@pytest.mark.parametrize("place", ["Procfile", ".env", "more.env"])
def test_root_refuses_a_procfile_and_variables_of_another_user(tmp_path, place):
    home = Home(tmp_path, "procfile")
    home.write("Procfile", "web: sleep 60\n")
    home.write(".env", "A=1\n")
    home.write("more.env", "B=1\n")
    home.write("g.ini", "[gaffer]\nprocfile = Procfile\nenv_files = more.env\n")
    assert home.run("--check", "g.ini").returncode == 0
    os.chown(home / place, 54321, -1)
    assert f"{home / place} belongs to user 54321" in one_line(home.run("--check", "g.ini"))
    assert home.run("--check", "--insecure-config", "g.ini").returncode == 0


def test_an_inherited_pipe_is_accepted(home):
    done = subprocess.run(
        [COMMAND, *home.command("--check", "/dev/stdin")],
        cwd=home.folder,
        env=home.environ(),
        input=JOB.format("true"),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_file_has_the_usual_error(home):
    told = one_line(home.run("--check", "no.ini"))
    assert told == "no.ini: cannot be read: No such file or directory"
