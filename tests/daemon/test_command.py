"""The command gafferd: running, exiting, and errors of one line."""

import json
import signal
import sys

import pytest
from gaffer_testing.gafferd import Home, is_alive, one_line
from gaffer_testing.waiting import wait_until

QUIT_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
BUGGY = """
import sys
from gaffer_kernel.daemon import main
from gaffer_kernel.daemon.daemon_kernel import DaemonKernel

async def fail(self, ready):
    raise ZeroDivisionError("oops")

DaemonKernel.run_until_stopped = fail
sys.exit(main())
"""
FAILING = """
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

__version__ = "1.2"

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    raise OSError(98, "Address already in use")
    yield
"""
OPTION = """
import json, pathlib
from gaffer_kernel import hookimpl

@hookimpl
def gaffer_add_options(parser):
    parser.add_argument("--greet", metavar="WHOM", help="say hello to somebody")
    parser.add_argument("--shout", action="store_true", help="loudly")

@hookimpl
def gaffer_configure(config):
    pathlib.Path("seen").write_text(json.dumps([str(config.path), config.options]))
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


# Running


@pytest.mark.parametrize("signum", QUIT_SIGNALS, ids=lambda signum: signum.name)
def test_gafferd_runs_the_configured_jobs_until_a_quit_signal(home, signum):
    home.write("gaffer.ini", home.job("one") + home.job("two"))
    with home.running("-c", "gaffer.ini") as gafferd:
        pids = [home.pid("one.pid"), home.pid("two.pid")]
        assert all(map(is_alive, pids))

        gafferd.send_signal(signum)

        assert gafferd.wait() == 0
        assert not any(map(is_alive, pids))
    assert home.messages() == ""


def test_gafferd_runs_as_a_module(home):
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini", program=(sys.executable, "-m", "gaffer_kernel.daemon")) as it:
        home.pid("one.pid")
        it.terminate()
        assert it.wait() == 0


def test_gafferd_runs_without_standard_streams(home):
    home.write("gaffer.ini", home.job("one"))
    closing = ("sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, "-m")
    with home.running(
        "gaffer.ini", "--pidfile", "pid", program=(*closing, "gaffer_kernel.daemon")
    ) as gafferd:
        home.pid("one.pid")
        # Nothing written to stderr may be in this file.
        assert home.pid("pid") == gafferd.pid
        gafferd.terminate()
        assert gafferd.wait() == 0


def test_the_pidfile_key_of_the_configuration_is_used(home):
    home.write("gaffer.ini", "[gaffer]\npidfile = from.ini\n" + home.job("one"))
    with home.running("gaffer.ini") as gafferd:
        assert home.pid("from.ini") == gafferd.pid
        home.pid("one.pid")
    assert (home / "from.ini").exists()  # It was killed before.
    with home.running("gaffer.ini", "--pidfile", "from.option") as gafferd:
        assert home.pid("from.option") == gafferd.pid
        gafferd.terminate()
        assert gafferd.wait() == 0
    assert not (home / "from.option").exists()


def test_a_second_gafferd_with_the_same_pid_file_does_not_start(home):
    home.write("gaffer.ini", home.job("one"))
    with home.running("gaffer.ini", "--pidfile", "pid") as gafferd:
        home.pid("one.pid")

        second = home.run("gaffer.ini", "--pidfile", "pid")

        assert one_line(second) == f"Already running on PID {gafferd.pid} (pid file pid)"
        gafferd.terminate()


# Errors of one line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[process:a]\ncmd = x\nnumprocesses = two\n", "bad.ini:3: [process:a] numprocesses: "),
        ("[process:a]\ncmd = x\nnumproceses = 2\n", "bad.ini:3: [process:a] numproceses: "),
        ("[process:a]\n", "bad.ini:1: [process:a] cmd: is missing"),
        ("[process:a]\ncmd = x\n\n[process:a]\n", "bad.ini:4: [process:a] duplicate section"),
        ("[proces:a]\ncmd = x\n", "bad.ini:1: [proces:a] unknown section"),
        ("[gaffer]\nplugin = x\n", "bad.ini:2: [gaffer] plugin: unknown key"),
        ("cmd = x\n", "bad.ini:1: there is no [section]"),
        ("[gaffer]\ninclude = nowhere.ini\n", "bad.ini:2: [gaffer] include: nowhere.ini"),
        ("[gaffer]\ninclude = bad.ini\n", "bad.ini:2: [gaffer] include: the files include each"),
        ("[webhooks]\n", "bad.ini:1: [webhooks] belongs to gaffer-webhooks"),
        ("[gaffer]\nplugin_dir = a\nplugins_dir = b\n", "bad.ini:3: [gaffer] plugins_dir: means"),
    ],
)
def test_a_wrong_configuration_is_one_line(home, text, expected):
    home.write("bad.ini", text)

    assert one_line(home.run("-c", "bad.ini")).startswith(expected)


def test_a_file_that_is_not_utf_8_is_one_line(home):
    (home / "bad.ini").write_bytes(b"[process:a]\ncmd = \xff\n")

    assert one_line(home.run("-c", "bad.ini")) == "bad.ini:2: is not UTF-8 text"


def test_a_missing_file_is_one_line(home):
    expected = one_line(home.run("-c", "nowhere.ini"))

    assert expected == "nowhere.ini: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["-c"], "argument -c/--config: expected one argument"),
        (["-c", ""], "argument -c/--config: the name is empty"),
        ([""], "argument config: the name is empty"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--pid", "x"], "unrecognized arguments: --pid"),
        (["--log-level", "loud"], "invalid choice: 'loud'"),
        (["-c", "a.ini", "b.ini"], "the configuration is given twice: a.ini and b.ini"),
        (["a.ini", "b.ini"], "unrecognized arguments: b.ini"),
    ],
)
def test_wrong_usage_has_status_2(home, args, expected):
    home.write("a.ini", "")
    home.write("b.ini", "")

    result = home.run(*args)

    assert result.returncode == 2
    assert result.stderr.startswith("usage: gafferd ")
    assert expected in result.stderr


def test_an_impossible_pid_file_is_one_line(home):
    expected = one_line(home.run("--pidfile", "nowhere/pid"))

    assert expected == "pid file nowhere/pid: there is no folder nowhere"


def test_a_plugin_that_does_not_start_is_named(home):
    home.write("plugins/web/__init__.py", FAILING)
    home.write("gaffer.ini", home.job("one"))

    expected = one_line(home.run("gaffer.ini", "-p", "plugins", "--pidfile", "pid"))

    assert expected == "plugin web: did not start: OSError: [Errno 98] Address already in use"
    assert not (home / "pid").exists()
    assert not (home / "one.pid").exists()


def test_a_plugin_that_cannot_be_imported_is_named(home):
    home.write("plugins/web/__init__.py", "import nothing_of_this_name\n")

    expected = one_line(home.run("-p", "plugins"))

    assert expected.startswith("plugin web: ")
    assert "No module named 'nothing_of_this_name'" in expected


def test_an_internal_error_is_logged_with_its_traceback(home):
    result = home.run(program=(sys.executable, "-c", BUGGY))

    assert result.returncode == 1
    assert "CRITICAL gaffer_kernel.daemon.runner: ZeroDivisionError: oops" in result.stderr
    assert "Traceback" in result.stderr


# Options of plugins


@pytest.fixture
def greeter(home):
    """A home with a plugin that has options, and a configuration in another folder."""
    home.write("plugins/greeter/__init__.py", OPTION)
    home.write("my.ini", home.job("one"))
    return home


@pytest.mark.parametrize(
    "args",
    [
        ["my.ini", "--greet", "Ann", "--shout"],
        ["--greet", "Ann", "--shout", "my.ini"],
        ["--greet", "Ann", "my.ini", "--shout"],
        ["--greet=Ann", "my.ini", "--shout"],
        ["--shout", "--greet=Ann", "--", "my.ini"],
        ["--shout", "--greet", "Ann", "-c", "my.ini"],
    ],
    ids=" ".join,
)
def test_options_of_plugins_are_in_config_options(greeter, args):
    result = greeter.run("--check", "-p", "plugins", *args)

    assert result.returncode == 0, result.stderr
    path, options = json.loads((greeter / "seen").read_text())
    assert path == "my.ini"
    assert options["greet"] == "Ann"
    assert options["shout"] is True
    assert options["verbose"] == 0
    assert options["config"] == "my.ini"


def test_an_option_not_given_is_none_or_false(greeter):
    greeter.run("--check", "-p", "plugins", "-vv", "my.ini")

    _, options = json.loads((greeter / "seen").read_text())
    assert options["greet"] is None
    assert options["shout"] is False
    assert options["verbose"] == 2


def test_help_shows_options_of_plugins_in_a_group(greeter):
    help_text = greeter.run("--help", "-p", "plugins").stdout

    assert "--greet WHOM" in help_text.partition("options of plugins:")[2]
    assert "--greet WHOM" not in help_text.partition("options of plugins:")[0].partition("[-h]")[0]


def test_two_plugins_with_the_same_option_are_an_error_that_names_one(greeter):
    greeter.write("plugins/other/__init__.py", OPTION)

    expected = one_line(greeter.run("-p", "plugins"))

    assert expected.startswith("plugin other: gaffer_add_options raised ArgumentError")
    assert "--greet" in expected


# Log


def test_error_log_writes_the_log_to_a_file(home):
    home.write("plugins/loose.py", "")
    home.write("plugins/web/__init__.py", FAILING)

    result = home.run("-p", "plugins", "--error-log", "log")

    lines = (home / "log").read_text().splitlines()
    assert "WARNING" in lines[0]
    assert "loose.py is not loaded" in lines[0]
    assert "CRITICAL" in lines[1]
    assert one_line(result) in lines[1]


def test_a_log_that_cannot_be_written_is_one_line(home):
    expected = one_line(home.run("--error-log", "nowhere/log"))

    assert expected == "error log nowhere/log: No such file or directory"


def test_log_level_sets_the_lowest_level(home):
    home.write("plugins/loose.py", "")
    home.write("plugins/web/__init__.py", FAILING)

    assert home.run("-p", "plugins", "--check").stderr.count("\n") == 1
    assert home.run("-p", "plugins", "--check", "--log-level=error").stderr == ""


def test_control_characters_in_log_messages_are_escaped(home):
    home.write("plugins/a\nb\x1b[2Jc.py", "")

    expected = home.run("-p", "plugins", "--check").stderr

    assert expected.count("\n") == 1
    assert r"a\nb\x1b[2Jc.py is not loaded" in expected


def test_verbose_logs_events(home):
    with home.running("-v") as gafferd:
        wait_until(lambda: "INFO" in home.messages())
        gafferd.terminate()
        assert gafferd.wait() == 0
