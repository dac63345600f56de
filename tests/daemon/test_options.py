"""The sources of the configuration and of plugins: command line, environment, file, default."""

import re
from pathlib import Path

import pytest
from gaffer_testing.gafferd import Home, one_line

PAGE = (Path(__file__).parents[2] / "docs" / "gafferd.md").read_text()
PLUGIN = "from gaffer_kernel import hookimpl\n@hookimpl\ndef gaffer_event(event): pass\n"
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    for path in ("option.ini", "folder/gafferd.ini", "variable.ini", ".gaffer/gafferd.ini"):
        home.write(path, home.job("one"))
    return home


def checked_file(home, *args, **env):
    result = home.run("--check", *args, **env)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[0].removeprefix("configuration: ")


def listed(home, *args, **env):
    """Return the names of folder plugins, and their folders."""
    result = home.run("--list-plugins", *args, **env)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if "/" in row[2]}


# The file


@pytest.mark.parametrize(
    "args", [["-c", "option.ini"], ["--config=option.ini"], ["option.ini"], ["-v", "option.ini"]]
)
def test_config_of_the_command_line_wins(home, args):
    assert checked_file(home, *args, GAFFERD_CONFIG="variable.ini") == "option.ini"


def test_a_config_folder_means_gafferd_ini_in_it(home):
    assert checked_file(home, "folder") == "folder/gafferd.ini"
    assert checked_file(home, GAFFERD_CONFIG="folder") == "folder/gafferd.ini"


def test_a_config_folder_without_gafferd_ini_is_an_error(home):
    home.write("empty/x", "")

    assert one_line(home.run("empty")).startswith("empty/gafferd.ini: cannot be read")


def test_config_of_the_environment_is_second(home):
    assert checked_file(home, GAFFERD_CONFIG="~/variable.ini") == f"{home / 'variable.ini'}"


def test_a_missing_file_from_the_environment_is_an_error(home):
    assert one_line(home.run(GAFFERD_CONFIG="nowhere")).startswith("nowhere: cannot be read")


def test_the_default_config_is_last(home):
    default = home / ".gaffer/gafferd.ini"

    assert checked_file(home) == f"{default}"
    assert checked_file(home, GAFFERD_CONFIG="") == f"{default}"
    default.unlink()
    assert checked_file(home) == "none"


# The folder of plugins


@pytest.fixture
def folders(home):
    for path in ("opt/a", "var/b", "ini/c", ".gaffer/plugins/d", ".gafferd/plugins/e"):
        home.write(f"{path}/__init__.py", PLUGIN)
    home.write("option.ini", "[gaffer]\nplugin_dir = ~/ini\n")
    home.write("folder/gafferd.ini", "[gaffer]\nplugins_dir = ../ini\n")
    return home


@pytest.mark.parametrize("option", ["-p", "--plugins-dir", "--plugin-dir"])
def test_plugin_dir_of_the_command_line_wins(folders, option):
    found = listed(folders, option, "opt", "option.ini", GAFFER_PLUGIN_DIR="var")

    assert found == {"a": "opt/a"}


def test_plugin_dir_of_the_environment_is_second(folders):
    assert listed(folders, "option.ini", GAFFER_PLUGIN_DIR="var") == {"b": "var/b"}


def test_plugin_dir_of_the_file_is_third_in_both_spellings(folders):
    assert listed(folders, "option.ini") == {"c": f"{folders / 'ini/c'}"}
    assert listed(folders, "folder") == {"c": "folder/../ini/c"}


def test_default_plugin_dirs_are_last_and_the_older_only_alone(folders):
    plugins = folders / ".gaffer/plugins"

    assert listed(folders) == {"d": f"{plugins}/d"}
    plugins.rename(folders / "away")
    assert listed(folders) == {"e": f"{folders / '.gafferd/plugins'}/e"}
    (folders / ".gafferd").rename(folders / "away2")
    assert listed(folders) == {}


@pytest.mark.parametrize("how", ["option", "variable", "file"])
def test_a_named_plugin_dir_must_exist(home, how):
    home.write("named.ini", "[gaffer]\nplugin_dir = nowhere\n")
    result = {
        "option": lambda: home.run("-p", "nowhere"),
        "variable": lambda: home.run(GAFFER_PLUGIN_DIR="nowhere"),
        "file": lambda: home.run("named.ini"),
    }[how]()

    assert "nowhere" in one_line(result)


# Disabling


def test_a_broken_plugin_can_be_disabled(home):
    home.write("plugins/broken/__init__.py", "syntax error")
    home.write("plugins/whole/__init__.py", PLUGIN)
    home.write("disable.ini", "[gaffer]\ndisable_plugins = broken\n")

    assert "plugin broken" in one_line(home.run("--check", "-p", "plugins"))
    assert checked_file(home, "-p", "plugins", "--disable", "broken", "option.ini")
    assert checked_file(home, "-p", "plugins", "disable.ini", "--disable=whole")


def test_a_folder_with_only_a_site_can_be_disabled(home):
    home.write("plugins/ui/_site/index.html", "hello")

    assert checked_file(home, "-p", "plugins", "--disable", "ui", "option.ini")
    listed = home.run("--list-plugins", "-p", "plugins", "--disable", "ui").stdout
    assert [line.split()[-1] for line in listed.splitlines() if line.startswith("ui ")] == [
        "disabled"
    ]


def test_disabling_an_unknown_plugin_is_an_error(home):
    home.write("plugins/whole/__init__.py", PLUGIN)

    expected = one_line(home.run("--check", "-p", "plugins", "--disable", "hole"))

    assert expected == "plugin hole: cannot be disabled, it is not there, did you mean 'whole'?"


# Help


def test_help_has_exactly_the_documented_options(home):
    text = home.run("--help").stdout
    shown = set(OPTION.findall(text.partition("\noptions:")[2]))
    rows = [line for line in PAGE.splitlines() if line.startswith("| `-")]
    documented = {name for row in rows for name in OPTION.findall(row.split("|")[1])}

    assert shown == documented
    assert {"-c", "--config", "-p", "--plugins-dir", "-vv", "--daemon", "--pidfile"} <= shown


def test_help_works_with_a_broken_configuration(home):
    home.write("broken.ini", "nonsense\n")

    result = home.run("--help", "broken.ini")

    assert result.returncode == 0
    assert "--config CONFIG_FILE" in result.stdout
    assert result.stderr.startswith("gafferd: broken.ini:1: ")


def test_the_version_is_shown(home):
    result = home.run("--version", "--daemon", "-c", "nowhere")

    assert result.returncode == 0
    assert re.fullmatch(r"gafferd \d+\.\d+\.\d+\n", result.stdout)
