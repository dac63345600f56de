"""gafferd --list-plugins and --check."""

import sys
from importlib.metadata import entry_points

import pytest
from gaffer_testing.gafferd import Home, one_line

WHOLE = '"""A plugin."""\n__version__ = "2.0"\nfrom gaffer_kernel import hookimpl\n'
HOOK = "@hookimpl\ndef gaffer_configure(config):\n    {}\n"


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.write("plugins/whole/__init__.py", WHOLE + HOOK.format("pass"))
    return home


def rows(result):
    assert result.returncode == 0, result.stderr
    lines = [line.split(maxsplit=3) for line in result.stdout.splitlines()]
    assert lines[0] == ["NAME", "VERSION", "FROM", "STATE"]
    return {line[0]: line[1:] for line in lines[1:]}


def test_plugins_are_listed_with_version_origin_and_state(home):
    listed = rows(home.run("--list-plugins", "-p", "plugins"))

    assert listed.pop("whole") == ["2.0", "plugins/whole", "loaded"]
    assert listed == {
        point.name: [point.dist.version, point.dist.name, "disabled"]
        for point in entry_points(group="gaffer")
    }


def test_broken_plugins_are_listed_with_the_reason(home):
    home.write("plugins/broken/__init__.py", "import nothing_of_this_name\n")
    home.write("plugins/empty/__init__.py", "")

    listed = rows(home.run("--list-plugins", "-p", "plugins"))

    assert listed["broken"][2].startswith("failed: ")
    assert "No module named 'nothing_of_this_name'" in listed["broken"][2]
    assert listed["empty"][2] == "failed: has no function marked @hookimpl"
    assert listed["whole"][2] == "loaded"


def test_plugins_with_missing_requirements_are_listed_with_the_reason(home):
    home.write("plugins/broken/__init__.py", "syntax error")
    needy = "gaffer_requires = ('broken', 'absent')\n"
    home.write("plugins/needy/__init__.py", WHOLE + needy + HOOK.format("pass"))

    listed = rows(home.run("--list-plugins", "-p", "plugins"))

    assert listed["broken"][2].startswith("failed: ")
    assert listed["needy"][2].startswith("failed: requires broken, which is disabled")
    assert "requires absent, which is not installed" in listed["needy"][2]


def test_a_disabled_plugin_is_not_imported(home):
    home.write("plugins/broken/__init__.py", "open('imported', 'w')\n")

    listed = rows(home.run("--list-plugins", "-p", "plugins", "--disable", "broken"))

    assert listed["broken"] == ["-", "plugins/broken", "disabled"]
    assert not (home / "imported").exists()


def test_list_plugins_without_plugins_succeeds(home, monkeypatch):
    monkeypatch.setattr(home, "command", lambda *args: args)
    program = "import sys, importlib_metadata; importlib_metadata.entry_points = lambda group: []\n"
    program += "from gaffer_kernel.daemon import main; sys.exit(main())"

    result = home.run("--list-plugins", program=(sys.executable, "-c", program))

    assert (result.returncode, result.stdout) == (0, "no plugins\n")


def test_list_plugins_of_a_missing_folder_is_an_error(home):
    assert "nowhere" in one_line(home.run("--list-plugins", "-p", "nowhere"))


def test_check_shows_what_would_run_and_starts_nothing(home):
    home.write("more.ini", "[process:shop:db]\ncmd = db\nargs = -d 'a b'\nuid = root\n")
    text = "[gaffer]\ninclude = more.ini\n"
    text += home.job("web", numprocesses=3, priority=0) + home.job("off", "x", start="no", cwd="/")
    home.write("gaffer.ini", text)

    result = home.run("--check", "-p", "plugins", "--daemon", "--pidfile", "pid", "gaffer.ini")

    assert result.returncode == 0
    configuration, jobs, *lines, plugins = result.stdout.splitlines()
    assert configuration == "configuration: gaffer.ini, more.ini"
    assert plugins == "plugins: whole 2.0"
    assert jobs == "jobs:"
    assert [line.split()[:3] for line in lines] == [
        ["web", "3", "x"],
        ["off", "1", "x"],
        ["shop.db", "1", "x"],
    ]
    assert lines[1].endswith("in /, not started")
    assert " db -d 'a b' " in lines[2]
    assert lines[2].endswith("as root")
    assert not (home / "web.pid").exists()
    assert not (home / "pid").exists()


def test_check_of_an_empty_configuration_shows_none(home):
    assert home.run("--check").stdout == "configuration: none\njobs: none\nplugins: none\n"


def test_check_runs_the_checks_of_plugins(home):
    home.write("plugins/picky/__init__.py", WHOLE + HOOK.format("config.section('gaffer').nope"))
    home.write("gaffer.ini", "[gaffer]\n")

    expected = one_line(home.run("--check", "-p", "plugins", "gaffer.ini"))

    assert expected.startswith("plugin picky: gaffer_configure raised AttributeError")


def test_check_names_unknown_users_and_groups(home):
    home.write(
        "gaffer.ini",
        home.job("a", uid="nobdy")
        + home.job("b", uid="root", gid="nogrp")
        + home.job("c", uid=54321)
        + home.job("d", uid="root"),
    )

    result = home.run("--check", "gaffer.ini")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "gafferd: gaffer.ini:3: [process:a] uid: no user is called 'nobdy'",
        "gafferd: gaffer.ini:7: [process:b] gid: no group is called 'nogrp'",
        "gafferd: gaffer.ini:10: [process:c] uid: user 54321 has no entry of its own:"
        " set gid as well",
    ]


def test_check_warns_of_shell_syntax_and_undefined_variables(home):
    home.write("gaffer.ini", home.job("a", "true && $NO_SUCH", port=8000, args="$PORT"))

    result = home.run("--check", "gaffer.ini")

    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "gafferd: warning: gaffer.ini:2: [process:a] cmd: && has no meaning without a shell:"
        " set shell = true, or quote it",
        "gafferd: warning: gaffer.ini:2: [process:a] cmd: $NO_SUCH is not set,"
        " so it stays as it is: set it, or write $$NO_SUCH",
    ]


def test_check_warns_of_a_stop_command_that_cannot_work_and_of_a_missing_kill(home):
    home.write(
        "gaffer.ini",
        home.job("a", stop_command="no-such-program $MAINPID $NO_SUCH", stop="INT 3")
        + home.job("b", stop_command="true | cat", cwd="/nowhere"),
    )

    result = home.run("--check", "gaffer.ini")

    assert result.returncode == 0
    assert [line.partition("gaffer.ini:")[2] for line in result.stderr.splitlines()] == [
        "3: [process:a] stop_command: no such program: no-such-program (looked for on PATH)",
        "3: [process:a] stop_command: $NO_SUCH is not set,"
        " so it stays as it is: set it, or write $$NO_SUCH",
        "4: [process:a] stop: does not end with KILL: KILL follows 3 s after INT",
        "7: [process:b] stop_command: | has no meaning without a shell:"
        " set shell = true, or quote it",
        "8: [process:b] cwd: cannot change to the directory /nowhere: No such file or directory",
    ]


def test_check_reports_all_mistakes_in_the_order_of_the_file(home):
    home.write("plugins/picky/__init__.py", WHOLE + HOOK.format("config.section('gaffer').nope"))
    home.write(
        "gaffer.ini",
        "[gaffer]\nnope = 1\n[web]\n"
        "[process:a]\ncmd = true\nnumprocesses = x\nport = 0\nuid = -1\nprot = 1\n"
        "[process:b]\n[env:c]\n[process:d]\ncmd = true\nuid = nobdy\n",
    )

    result = home.run("--check", "-p", "plugins", "gaffer.ini")

    assert (result.returncode, result.stdout) == (1, "")
    first, *lines = result.stderr.splitlines()
    assert first.startswith("gafferd: plugin picky: gaffer_configure raised AttributeError")
    assert [line.removeprefix("gafferd: gaffer.ini:") for line in lines] == [
        "2: [gaffer] nope: unknown key",
        "3: [web] unknown section",
        "6: [process:a] numprocesses: must be a whole number, not 'x'",
        "7: [process:a] port: must be a whole number from 1 to 65535, not 0",
        "8: [process:a] uid: must be a name, or a number from 0, not '-1'",
        "9: [process:a] prot: unknown key, did you mean 'port'?",
        "10: [process:b] cmd: is missing",
        "11: [env:c] there is no [process:c] for it",
    ]


def test_check_warns_of_missing_programs_and_folders(home):
    home.write("file", "")
    home.write(
        "gaffer.ini",
        home.job("a", "no-such-program -v")
        + home.job("b", "./run")
        + home.job("c", "true", cwd="nowhere")
        + home.job("d", "cat", cwd="/")
        + home.job("e", "no-such-program", shell="yes")
        + home.job("f", "./file"),
    )

    result = home.run("--check", "gaffer.ini")

    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "gafferd: warning: gaffer.ini:2: [process:a] cmd: no such program: no-such-program"
        " (looked for on PATH)",
        f"gafferd: warning: gaffer.ini:4: [process:b] cmd: no such program: ./run ({home / 'run'})",
        f"gafferd: warning: gaffer.ini:7: [process:c] cwd: cannot change to the directory"
        f" {home / 'nowhere'}: No such file or directory",
        "gafferd: warning: gaffer.ini:15: [process:f] cmd: ./file: not executable,"
        " or out of reach for its user",
    ]
