import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.config import Config
from gaffer_kernel.config.job_sections import CONVERT
from gaffer_kernel.errors import ConfigError
from gaffer_kernel.jobs.config import Flapping, JobConfig

WEB = "[process:web]\ncmd = run\n"
VALUES = st.sampled_from(
    [
        "",
        "x",
        "1",
        "-1",
        "1.",
        "nan",
        "true",
        "a, b",
        "'",
        "$A",
        "%",
        "\u0660",
        "1e309",
        "a\n  b",
        "=",
        ";",
    ]
)
KEYS = st.sampled_from([*CONVERT, "env", "name", "CMD", "a b"])


def jobs(text: str) -> list[tuple[str, JobConfig]]:
    return Config.from_string(text, "a.ini").jobs()


def only(text: str) -> JobConfig:
    [(_, job)] = jobs(text)
    return job


def get_error(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        jobs(text)
    return str(caught.value)


def test_a_process_section_is_a_job():
    text = """
[process:web]
cmd = ./server --port $PORT
args = -v 'a b'
cwd = /srv
uid = www-data
gid = 33
shell = false
os_env = no
numprocesses = 4
port = 8000
restart = on-failure
success_codes = 0, 3
restart_delay = 500ms
restart_delay_max = 1m
healthy_after = 30
max_restarts = 5
flapping = 2, 1., 7., 5
redirect_output = stdout, stderr
pty = true
redirect_input = true
custom_streams = control
stop = INT 2.5, KILL
stop_command = ./quit $MAINPID
stop_scope = leader
priority = 0
start = off

[env:web]
colour = red
Path = /bin
"""
    expected = {
        "name": "web",
        "cmd": "./server --port $PORT",
        "args": ["-v", "a b"],
        "env": {"COLOUR": "red", "PATH": "/bin"},
        "cwd": "/srv",
        "uid": "www-data",
        "gid": 33,
        "os_env": False,
        "numprocesses": 4,
        "port": 8000,
        "restart": "on-failure",
        "success_codes": [0, 3],
        "restart_delay": 0.5,
        "restart_delay_max": 60,
        "healthy_after": "30s",
        "max_restarts": 5,
        "flapping": {"attempts": 2, "window": 1.0, "retry_in": 7.0, "max_retry": 5},
        "redirect_output": ["stdout", "stderr"],
        "pty": True,
        "redirect_input": True,
        "custom_streams": ["control"],
        "stop": "INT 2.5s, KILL",
        "stop_command": "./quit $MAINPID",
        "stop_scope": "leader",
        "priority": 0,
        "start": False,
    }

    assert only(text) == JobConfig.from_dict(json.loads(json.dumps(expected)))


@pytest.mark.parametrize(
    ("section", "session"),
    [("process:web", "default"), ("job:web", "default"), ("process:site:web", "site")],
)
def test_a_section_name_holds_job_and_session(section, session):
    [(found, job)] = jobs(f"[{section}]\ncmd = run\n")

    assert (found, job.name) == (session, "web")


@pytest.mark.parametrize(
    ("text", "flapping"),
    [
        ("2, 1., 7., 5", Flapping()),
        ("3 0.5", Flapping(3, 0.5)),
        ("3, 500ms, 1m", Flapping(3, 0.5, 60.0)),
        ("3", Flapping(3)),
        ("", None),
    ],
)
def test_flapping_can_have_fewer_numbers(text, flapping):
    assert only(f"{WEB}flapping = {text}\n").flapping == flapping


def test_empty_keys_count_as_missing():
    empty = ("args", "cwd", "uid", "gid", "port", "flapping", "custom_streams")

    assert only(WEB + "".join(f"{key} =\n" for key in empty)) == only(WEB)


def test_outputs_are_one_stream_unless_the_key_is_empty():
    assert only(WEB).redirect_output == ("out", "out")
    assert only(f"{WEB}redirect_output =\n").redirect_output == ()


def test_the_env_section_can_come_first():
    assert only("[env:site:web]\na = 1\n[process:site:web]\ncmd = run\n").env == {"A": "1"}


def test_variables_belong_to_one_job():
    text = "[env:a]\nx = 1\n[process:a]\ncmd = run\n[process:b]\ncmd = run\n"

    assert [job.env for _, job in jobs(text)] == [{"X": "1"}, {}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("numprocesses = x", "numprocesses: must be a whole number, not 'x'"),
        ("numprocesses =", "numprocesses: must be a whole number, not ''"),
        ("numprocesses = 10001", "numprocesses: must be a whole number from 0 to 10000, not 10001"),
        ("port = 0", "port: must be a whole number from 1 to 65535, not 0"),
        (
            "port = 65535\nnumprocesses = 2",
            "port: is too high: instance 2 would get 65536, and the highest port is 65535",
        ),
        (
            "port = 80\n[env:web]\nport = 90",
            "port: PORT is among the variables, too: keep one of them",
        ),
        ("numproceses = 1", "numproceses: unknown key, did you mean 'numprocesses'?"),
        ("name = other", "name: unknown key"),
        ("env = A=1", "env: variables go into a section [env:web]"),
        ("custom_channels = 3", "custom_channels: unknown key"),
        ("detach = maybe", "detach: must be true or false, not 'maybe'"),
        (
            "graceful_timeout = 5 min",
            "graceful_timeout: must be seconds from 0 to 1e9, such as 10, 500ms, 20m or 1h, not"
            " '5 min'",
        ),
        ("uid = -1", "uid: must be a name, or a number from 0, not '-1'"),
        (
            "flapping = 2, x",
            "flapping: window must be seconds from 0 to 1e9, such as 10, 500ms, 20m or 1h, not 'x'",
        ),
        ("flapping = 2.5", "flapping: attempts must be a whole number from 1, not '2.5'"),
        ("args = 'a", "args: cannot be split into words: no closing quotation"),
        ("stop = INTT 3", "stop: no signal 'INTT': give a name or a number"),
        ("stop = KILL, TERM", "stop: KILL ends every process: it must be the last step"),
        (
            "stop = INT 3\ngraceful_timeout = 5",
            "stop: contains the times, so graceful_timeout must not be given, too",
        ),
        ("stop_command = 'a", "stop_command: cannot be split into words: no closing quotation"),
        ("stop_scope = all", "stop_scope: must be group or leader, not 'all'"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(line, message):
    assert get_error(f"{WEB}{line}\n") == f"a.ini:3: [process:web] {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n[process:web]\n", "a.ini:2: [process:web] cmd: is missing"),
        ("[process:web]\ncmd =\n", "a.ini:2: [process:web] cmd: must name a program"),
        (f"{WEB}[job:web]\n", "a.ini:3: [job:web] names the same job as [process:web], a.ini:1"),
        (
            f"{WEB}[process:default:web]\n",
            "a.ini:3: [process:default:web] names the same job as [process:web], a.ini:1",
        ),
        ("[env:web]\n", "a.ini:1: [env:web] there is no [process:web] for it"),
        (
            f"{WEB}[env:site:web]\n",
            "a.ini:3: [env:site:web] there is no [process:site:web] for it",
        ),
        (f"{WEB}[env:web]\na=1\nA=2\n", "a.ini:5: [env:web] A: the variable A is set twice"),
        (
            "[process:12]\ncmd = run\n",
            "a.ini:1: [process:12] name: must not be all digits, that is a pid: '12'",
        ),
    ],
)
def test_a_wrong_section_is_named_with_its_line(text, message):
    assert get_error(text) == message


@pytest.mark.parametrize("name", ["", "a b", "a:b:c", ":a", "a:", "-a", "é"])
def test_a_section_name_must_be_a_job_name(name):
    assert get_error(f"[process:{name}]\ncmd = run\n").startswith("a.ini:1: [process:")


def test_a_variable_that_is_too_long_is_named_with_its_line():
    text = f"{WEB}[env:web]\nsmall = 1\nlarge = {'x' * 70_000}\n"

    assert get_error(text).startswith("a.ini:5: [env:web] large: must be text")


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES))
def test_any_section_is_a_job_or_refused(keys, variables):
    lines = [f"{key} = {value}" for key, value in keys.items()]
    lines += ["[env:web]", *(f"{key} = {value}" for key, value in variables.items())]
    try:
        jobs("\n".join(["[process:web]", *lines]))
    except ConfigError as error:
        assert error.line  # noqa: PT017 - most are wrong, some are not
        assert error.section  # noqa: PT017


def test_cwd_is_relative_to_the_folder_of_the_file(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    def cwd(text: str, path: str) -> str | None:
        [(_, job)] = Config.from_string(WEB + text, path).jobs()
        return job.cwd

    assert cwd("", "/srv/a.ini") == cwd("cwd =\n", "/srv/a.ini") == "/srv"
    assert cwd("cwd = web\n", "/srv/a.ini") == "/srv/web"
    assert cwd("cwd = ~/web\n", "/srv/a.ini") == "/home/me/web"
    assert cwd("", "conf/a.ini") == f"{os.getcwd()}/conf"
    assert cwd("", "a.ini") is None  # gafferd's own: there is no such file


def test_cwd_is_the_same_for_a_relative_and_an_absolute_path(monkeypatch, tmp_path):
    (tmp_path / "a.ini").write_text(WEB)
    monkeypatch.chdir(tmp_path)
    relative, absolute = (list(Config.read(path).jobs()) for path in ("a.ini", tmp_path / "a.ini"))
    assert relative == absolute
    assert relative[0][1].cwd == str(tmp_path)
