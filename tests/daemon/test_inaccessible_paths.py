"""Files in a folder that gafferd may not enter: each is an error of one line that names it."""

import os

import pytest
from gaffer_testing.gafferd import COMMAND, Home, one_line

WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root enters each folder, unless it drops these capabilities."""
PROGRAM = (*(WITHOUT_OVERRIDE if os.geteuid() == 0 else ()), COMMAND)


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path, "auth", "http", "webhooks")
    locked = tmp_path / "locked"
    locked.mkdir()
    for name in ("file", "gafferd.ini"):
        (locked / name).touch()
    locked.chmod(0)
    yield home
    locked.chmod(0o700)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ("-c locked/file", "{0}/file: cannot be read"),
        ("-c locked", "{0}/gafferd.ini: cannot be read"),
        ("locked/file", "{0}/file: cannot be read"),
        ("--pidfile locked/pid", "pid file {0}/pid"),
        ("--error-log locked/log", "error log {0}/log"),
        ("-p {1}", "plugin folder {1}"),
        ("-p {1}/plugins", "plugin folder {1}/plugins"),
        ("--certfile locked/file --keyfile locked/file", "--certfile: cannot read {0}/file"),
    ],
)
def test_option_is_refused_in_one_line(home, args, reason):
    names = ("locked", home / "locked")
    reported = one_line(home.run(*args.format(*names).split(), program=PROGRAM))
    assert reported == f"{reason.format(*names)}: Permission denied"


def test_configuration_of_the_environment_is_refused_in_one_line(home):
    reported = one_line(home.run(program=PROGRAM, GAFFERD_CONFIG="locked/file"))
    assert reported == "locked/file: cannot be read: Permission denied"


@pytest.mark.parametrize(
    "text",
    [
        "[gaffer]\ninclude = {0}/file",
        "[gaffer]\ninclude_dir = {0}/sub",
        "[gaffer]\nplugin_dir = {0}/sub",
        "[gaffer]\npidfile = {0}/pid",
        "[auth]\nfile = {0}/tokens.json",
        "[auth]\naudit = {0}/sub/audit",
        "[webhooks]\nstate = {0}/state",
        "[webhooks]\nstate = {0}/state\na = http://127.0.0.1:1/",
        "[endpoint:a]\nbind = 127.0.0.1:0\ncertfile = {0}/file\nkeyfile = {0}/file",
        "[endpoint:a]\nbind = unix:{0}/socket",
    ],
)
def test_key_is_refused_in_one_line(home, text):
    locked = home / "locked"
    home.write("g.ini", text.format(locked))
    reported = one_line(home.run("-c", "g.ini", program=PROGRAM))
    assert str(locked) in reported
    assert "ermission denied" in reported
    assert "Error" not in reported
