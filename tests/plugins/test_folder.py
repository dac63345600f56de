"""Plugins in a folder: which are found, how they are loaded, and what is refused."""

import grp
import os
import pwd
import sys
from types import ModuleType, SimpleNamespace

import pytest

from gaffer_kernel.errors import PluginError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins
from tests.plugins.plugin_dir import PluginDir

ENV_PLUGIN = """
from gaffer_kernel.hookspecs import hookimpl

@hookimpl
def gaffer_process_env():
    return {word}
"""
RELATIVE = "from .words import word\n" + ENV_PLUGIN.format(word="word")


# Finding


def test_loads_a_package_a_module_and_the_layout_of_gaffer_0_5(folder):
    folder.write("package/__init__.py", ENV_PLUGIN.format(word="'p'"))
    folder.write("module/main.py", ENV_PLUGIN.format(word="'m'"))
    folder.write("seed/plugin/__init__.py", ENV_PLUGIN.format(word="'s'"))
    folder.write("seed/_site/index.html")
    assert folder.call_env() == {"module": "m", "package": "p", "seed": "s"}


def test_plugins_are_sorted_by_name(folder):
    for name in ("b", "c", "a"):
        folder.write(f"{name}/__init__.py", ENV_PLUGIN.format(word=1))
    assert folder.load().names() == ["a", "b", "c"]


def test_an_empty_folder_holds_no_plugins(folder):
    assert folder.load().info() == []


def test_entries_without_python_code_are_ignored(folder):
    folder.write("site/_site/index.html")
    folder.write("only-html/index.html")
    folder.write(".hidden/__init__.py", "raise AssertionError")
    folder.write("__pycache__/x.py", "raise AssertionError")
    folder.write("README")
    assert folder.load().info() == []


def test_a_single_python_file_is_not_loaded_and_logged(folder, caplog):
    folder.write("lone.py", "raise AssertionError")
    assert folder.load().info() == []
    assert "lone.py is not loaded: a plugin is a folder" in caplog.text


def test_the_module_called_plugin_is_preferred(folder):
    folder.write("many/plugin.py", RELATIVE)
    folder.write("many/words.py", "word = 'found'")
    assert folder.call_env() == {"many": "found"}


def test_several_modules_without_one_called_plugin_are_an_error(folder):
    folder.write("many/a.py")
    folder.write("many/b/__init__.py")
    assert "plugin many: " in folder.get_error()
    assert "several modules (a, b): add an __init__.py" in folder.get_error()


def test_a_disabled_plugin_is_listed_and_not_imported(folder):
    folder.write("broken/__init__.py", "raise AssertionError")
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    plugins = folder.load(disabled=["broken"])
    assert [(info.name, info.state) for info in plugins.info()] == [
        ("broken", "disabled"),
        ("ape", "loaded"),
    ]


def test_a_folder_without_code_can_be_disabled(folder):
    folder.write("site/_site/index.html")
    folder.write("other/_site/index.html")
    plugins = Plugins()
    plugins.add_folder(folder.path, disabled=["site"])
    plugins.check()
    assert [(info.name, info.state) for info in plugins.info()] == [("site", "disabled")]


def test_roots_and_paths_of_plugins_are_shown(folder):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    folder.write("bee/__init__.py", "raise AssertionError")
    folder.write("site/_site/index.html")
    plugins = folder.load(disabled=["bee"])
    assert plugins.roots == (folder.path,)
    assert {info.name: info.path for info in plugins.info()} == {
        "ape": folder.path / "ape",
        "bee": folder.path / "bee",
    }


def _nothing():
    return {}


def test_without_a_folder_there_are_no_roots(folder):
    plugins = Plugins()
    plugins.add(SimpleNamespace(gaffer_process_env=hookimpl(_nothing)), "ape")
    assert plugins.roots == ()
    assert [info.path for info in plugins.info()] == [None]


# Loading


def test_imports_inside_a_plugin_are_relative(folder):
    folder.write("package/__init__.py", RELATIVE)
    folder.write("package/words.py", "word = 'package'")
    folder.write(
        "seed/plugin/__init__.py", "from ..words import word\n" + ENV_PLUGIN.format(word="word")
    )
    folder.write("seed/plugin/more.py")
    folder.write("seed/words/__init__.py", "word = 'seed'")
    assert folder.call_env() == {"package": "package", "seed": "seed"}


def test_equal_names_inside_do_not_clash_and_sys_path_is_not_touched(folder):
    before = list(sys.path)
    for name in ("one", "two"):
        folder.write(f"{name}/plugin.py", RELATIVE)
        folder.write(f"{name}/words.py", f"word = {name!r}")
    assert folder.call_env() == {"one": "one", "two": "two"}
    assert sys.path == before
    assert "words" not in sys.modules


def test_each_kernel_loads_its_own_modules(folder):
    folder.write("count/__init__.py", "words = []\n" + ENV_PLUGIN.format(word="words"))
    first, second = folder.call_env(), folder.call_env()
    first["count"].append("x")
    assert second == {"count": []}


def test_a_plugin_cannot_shadow_a_module(folder):
    folder.write("json/__init__.py", ENV_PLUGIN.format(word="'mine'"))
    folder.call_env()
    import json

    assert json.loads("1") == 1


def test_the_version_is_that_of_the_module(folder):
    folder.write("ape/__init__.py", "__version__ = '1.7'\n" + ENV_PLUGIN.format(word=1))
    [info] = folder.load().info()
    assert (info.version, info.distribution) == ("1.7", None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import absent_module", "No module named 'absent_module' (FILE:1)"),
        ("x = (", "SyntaxError: '(' was never closed (FILE:1)"),
        ("import sys\nsys.exit(4)", "SystemExit: 4 (FILE:2)"),
        ("from .absent import x", "absent' (FILE:1)"),
    ],
)
def test_a_broken_plugin_is_named_with_file_and_line(folder, code, words):
    file = folder.write("broken/__init__.py", code)
    before = set(sys.modules)
    text = folder.get_error()
    assert text.startswith(f"plugin broken: {file.parent} cannot be imported: ")
    assert words.replace("FILE", str(file)) in text
    assert text.endswith(": repair it, or disable broken")
    assert set(sys.modules) == before


def test_several_broken_plugins_are_named_in_one_line(folder):
    folder.write("bad/__init__.py", "1 / 0")
    folder.write("good/__init__.py", ENV_PLUGIN.format(word=1))
    folder.write("worse/__init__.py", "import absent_module")
    text = folder.get_error()
    assert text.startswith(f"plugin bad: {folder.path}/bad cannot be imported: ZeroDivisionError")
    assert f"; plugin worse: {folder.path}/worse cannot be imported: ModuleNotFound" in text
    assert "good" not in text


OLD_REMEDY = (
    "it was written for gaffer 0.5: import from gaffer_kernel instead, such as"
    " `from gaffer_kernel import Plugin`, and see docs/migration.md"
)


@pytest.mark.parametrize("line", ["from gaffer import Plugin", "import gaffer.manager"])
def test_a_plugin_for_gaffer_0_5_is_refused_with_its_line_and_a_remedy(folder, line):
    file = folder.write("old/plugin/__init__.py", f"import os\n{line}\n")
    place = f"ModuleNotFoundError: No module named 'gaffer' ({file}:2)"
    assert folder.get_error() == f"plugin old: {place}: {OLD_REMEDY}"


def test_a_plugin_for_gaffer_0_5_is_refused_where_gaffer_0_5_is_installed(folder, monkeypatch):
    old = ModuleType("gaffer")
    old.Plugin = type("Plugin", (), {"__module__": "gaffer.gafferd.plugins"})
    monkeypatch.setitem(sys.modules, "gaffer", old)
    code = "from gaffer import Plugin\n__all__ = ['Old']\nclass Old(Plugin):\n    name = 'old'\n"
    folder.write("old/__init__.py", code)
    assert folder.get_error() == f"plugin old: {OLD_REMEDY}"


def test_code_without_hooks_is_an_error(folder):
    folder.write("empty/__init__.py")
    assert folder.get_error() == "plugin empty: has no function marked @hookimpl"


def test_a_folder_name_must_be_valid_in_a_section_and_a_url(folder):
    folder.write("two words/__init__.py")
    assert "plugin two words: a plugin is named with letters" in folder.get_error()


def test_two_plugins_of_one_name_are_an_error(folder):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    plugins = folder.load()
    with pytest.raises(PluginError, match=r"plugin ape: .* already there"):
        plugins.add_folder(folder.path)


# Refusing


@pytest.fixture
def shared_group(monkeypatch):
    """Add another user to every group."""
    shared = grp.struct_group(("shared", "x", 54321, ["daemon"]))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: shared)


def test_a_missing_folder_is_an_error(folder):
    absent = folder.path / "absent"
    assert folder.get_error(path=absent) == f"plugin folder {absent}: No such file or directory"


def test_a_file_in_place_of_the_folder_is_an_error(folder):
    assert "Not a directory" in folder.get_error(path=folder.write("file"))


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_refused(folder, mode, shared_group):
    folder.path.chmod(mode)
    found = folder.get_error()
    assert found.startswith(
        f"plugin folder {folder.path}: {folder.path} is writable by other users"
    )
    assert ", who could change what gafferd runs: " in found
    assert ": chmod -R g" in found
    assert found.endswith(f"-w {folder.path}")


def test_a_folder_that_only_a_private_group_can_write_is_accepted(folder, monkeypatch):
    owner = pwd.getpwuid(os.geteuid()).pw_name
    private = grp.struct_group((owner, "x", os.getegid(), []))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: private)
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1)).chmod(0o664)
    folder.path.chmod(0o775)
    (folder.path / "ape").chmod(0o2775)
    assert folder.call_env() == {"ape": 1}


def test_a_folder_below_one_that_others_can_write_is_refused(folder):
    folder.path.parent.chmod(0o777)
    assert f"chmod go-w {folder.path.parent}" in folder.get_error()


def test_a_folder_below_a_sticky_folder_like_tmp_is_accepted(folder):
    folder.path.parent.chmod(0o1777)
    folder.load()


@pytest.mark.parametrize("name", ["ape", "ape/__init__.py", "ape/data", "ape/data/deep.py"])
def test_a_plugin_that_others_can_write_is_refused(folder, name, shared_group):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    folder.write("ape/data/deep.py")
    path = folder.path / name
    path.chmod(path.stat().st_mode | 0o020)
    assert folder.get_error().startswith(f"plugin ape: {path} is writable by other users")


def test_sites_and_disabled_plugins_are_not_checked(folder):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    folder.write("ape/_site/index.html").chmod(0o666)
    folder.write("bad/__init__.py").chmod(0o666)
    assert folder.load(disabled=["bad"]).names() == ["ape"]


def foreign(path, monkeypatch):
    """Make `path` appear to belong to another user."""
    if os.geteuid() == 0:
        os.chown(path, 54321, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 54321)


def test_the_folder_of_another_user_is_refused(folder, monkeypatch):
    foreign(folder.path, monkeypatch)
    assert "belongs to user" in folder.get_error()


def test_the_plugin_of_another_user_is_refused(folder, monkeypatch):
    file = folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    foreign(file, monkeypatch)
    assert "belongs to user" in folder.get_error()


def test_a_symbolic_link_is_followed_and_its_target_loaded(folder, tmp_path):
    real = PluginDir(tmp_path / "real" / "ape")
    real.write("__init__.py", RELATIVE)
    real.write("words.py", "word = 'real'")
    (folder.path / "ape").symlink_to("../real/ape")
    (tmp_path / "link").symlink_to(folder.path)
    assert folder.call_env(path=tmp_path / "link") == {"ape": "real"}


def test_the_path_behind_a_symbolic_link_is_checked(folder, tmp_path):
    open_to_all = PluginDir(tmp_path / "open")
    real = open_to_all.write("ape/__init__.py", ENV_PLUGIN.format(word=1)).parent
    open_to_all.path.chmod(0o777)
    (folder.path / "ape").symlink_to(real)
    assert folder.get_error().startswith(f"plugin ape: {open_to_all.path} is writable")


def test_a_symbolic_link_inside_a_plugin_is_checked(folder, tmp_path):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    outside = PluginDir(tmp_path / "outside").write("code.py")
    outside.chmod(0o666)
    (folder.path / "ape" / "code.py").symlink_to(outside)
    assert folder.get_error().startswith(f"plugin ape: {outside} is writable")


def test_the_symbolic_link_of_another_user_is_refused(folder, tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    foreign(link, monkeypatch)
    assert "belongs to user" in folder.get_error(path=link)


def test_a_cycle_of_symbolic_links_is_an_error(folder, tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert "more than 40 symbolic links" in folder.get_error(path=tmp_path / "one")


def test_a_plugin_with_a_symbolic_link_to_itself_loads(folder):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    (folder.path / "ape" / "again").symlink_to(folder.path / "ape")
    assert folder.load().names() == ["ape"]


def test_a_relative_path_is_relative_to_the_working_directory(folder, monkeypatch):
    folder.write("ape/__init__.py", ENV_PLUGIN.format(word=1))
    monkeypatch.chdir(folder.path)
    assert folder.load(path=f"../{folder.path.name}").names() == ["ape"]
