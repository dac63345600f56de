"""gafferd with plugins in a folder."""

import shutil
import signal
from pathlib import Path

import pytest
from gaffer_testing.gafferd import Home, one_line
from gaffer_testing.waiting import wait_until

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "plugins"
CODE = "from gaffer_kernel.hookspecs import hookimpl\n@hookimpl\ndef gaffer_process_env():\n"
CODE += "    return {}\n"


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o755)
    return Home(tmp_path, "signals")


def test_the_example_starts_restarts_and_stops(home):
    shutil.copytree(EXAMPLE / "dummy", home / "plugins" / "dummy")
    for path in (home / "plugins", *(home / "plugins").rglob("*")):
        path.chmod(path.stat().st_mode & ~0o022)

    with home.running("-p", "plugins/", "--log-level", "info") as gafferd:
        wait_until(lambda: "up, with 0 jobs" in home.messages())
        gafferd.send_signal(signal.SIGHUP)
        wait_until(lambda: "restart dummy\n" in (home / "out").read_text())
        gafferd.terminate()
        assert gafferd.wait(20) == 0

    expected = (home / "out").read_text()
    assert expected == "start dummy app\nrestart dummy\nstop dummy\n"


def test_sighup_reloads_changed_plugins(home):
    home.write("plugins/old/__init__.py", CODE)
    home.write("plugins/same/__init__.py", CODE + "print('same', flush=True)\n")
    home.write("g.ini", home.job("web"))

    with home.running("g.ini", "-p", "plugins", "--log-level", "info") as gafferd:
        pid = home.pid("web.pid")
        wait_until(lambda: "up, with 1 job" in home.messages())
        shutil.rmtree(home / "plugins" / "old")
        home.write("plugins/new/__init__.py", CODE + "print('new', flush=True)\n")
        gafferd.send_signal(signal.SIGHUP)
        wait_until(lambda: home.messages().count("HUP: reloaded") == 1)
        home.write("plugins/new/__init__.py", CODE + "print('newer', flush=True)\n")
        gafferd.send_signal(signal.SIGHUP)
        wait_until(lambda: home.messages().count("HUP: reloaded") == 2)
        assert home.pid("web.pid") == pid
        gafferd.terminate()
        assert gafferd.wait(20) == 0

    assert (home / "out").read_text() == "same\nnew\nnewer\n"


def test_a_syntax_error_is_one_line_with_file_and_line(home):
    home.write("plugins/bad/__init__.py", "\nx = (\n")
    line = one_line(home.run("-p", "plugins"))
    assert line == (
        f"plugin bad: {home / 'plugins/bad'} cannot be imported: SyntaxError: '(' was never closed"
        f" ({home / 'plugins/bad/__init__.py'}:2): repair it, or disable bad"
    )


def test_several_broken_plugins_are_named_in_one_line(home):
    home.write("plugins/bad/__init__.py", "1 / 0\n")
    home.write("plugins/worse/__init__.py", "import absent_module\n")
    failed = home.run("-p", "plugins")
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert "plugin bad: " in line
    assert "; plugin worse: " in line
    listed = home.run("--list-plugins", "-p", "plugins")
    assert listed.stdout.count("failed: ") == 2


def test_an_insecure_folder_is_refused_unless_allowed(home):
    home.write("plugins/ape/__init__.py", CODE)
    (home / "plugins").chmod(0o777)
    home.write("g.ini", "[gaffer]\nplugin_dir = plugins\n")
    assert "is writable by other users" in one_line(home.run("g.ini", "--check"))
    home.write("g.ini", "[gaffer]\nplugin_dir = plugins\ninsecure_plugin_dir = true\n")
    result = home.run("g.ini", "--check")
    assert (result.returncode, "ape" in result.stdout) == (0, True)
    assert "are loaded, even if other users can write them" in result.stderr
    home.write("g.ini", "[gaffer]\nplugin_dir = plugins\ninsecure_plugin_dir = maybe\n")
    assert "g.ini:3: [gaffer] insecure_plugin_dir: must be true or false" in one_line(
        home.run("g.ini", "--check")
    )


def test_two_plugins_can_have_modules_of_the_same_name(home):
    for name in ("one", "two"):
        home.write(f"plugins/{name}/plugin.py", "from .main import *\n" + CODE)
        home.write(f"plugins/{name}/main.py", f"print({name!r}, flush=True)\n")
    assert home.run("-p", "plugins", "--list-plugins").stdout.startswith("one\ntwo\n")


def test_sighup_loads_the_default_folder_once_it_exists(home):
    with home.running("--log-level", "info") as gafferd:
        wait_until(lambda: "up, with 0 jobs" in home.messages())
        home.write(".gaffer/plugins/late/__init__.py", CODE + "print('late', flush=True)\n")
        gafferd.send_signal(signal.SIGHUP)
        wait_until(lambda: "HUP: reloaded" in home.messages())
        gafferd.terminate()
        assert gafferd.wait(20) == 0

    assert (home / "out").read_text() == "late\n"
