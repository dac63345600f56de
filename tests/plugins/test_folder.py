"""Plugins in a folder: which are found, how they are loaded, and what is refused."""

import grp
import os
import pwd
import sys
from types import SimpleNamespace

import pytest

from gaffer_kernel.errors import PluginError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins
from tests.plugins.plugin_dir import Place

SAYING = """
from gaffer_kernel.hookspecs import hookimpl

@hookimpl
def gaffer_process_env():
    return {word}
"""
RELATIVE = "from .words import word\n" + SAYING.format(word="word")


# Finding


def test_a_package_a_module_and_the_layout_of_the_seed(place):
    place.write("package/__init__.py", SAYING.format(word="'p'"))
    place.write("module/main.py", SAYING.format(word="'m'"))
    place.write("seed/plugin/__init__.py", SAYING.format(word="'s'"))
    place.write("seed/_site/index.html")
    assert place.said() == {"module": "m", "package": "p", "seed": "s"}


def test_plugins_come_in_the_order_of_their_names(place):
    for name in ("b", "c", "a"):
        place.write(f"{name}/__init__.py", SAYING.format(word=1))
    assert place.load().names() == ["a", "b", "c"]


def test_a_folder_may_be_empty(place):
    assert place.load().info() == []


def test_what_is_no_plugin_is_left_alone(place):
    place.write("site/_site/index.html")
    place.write("only-html/index.html")
    place.write(".hidden/__init__.py", "raise AssertionError")
    place.write("__pycache__/x.py", "raise AssertionError")
    place.write("README")
    assert place.load().info() == []


def test_a_lone_file_is_said_to_be_left_out(place, caplog):
    place.write("lone.py", "raise AssertionError")
    assert place.load().info() == []
    assert "lone.py is not loaded: a plugin is a folder" in caplog.text


def test_among_several_modules_it_is_the_one_called_plugin(place):
    place.write("many/plugin.py", RELATIVE)
    place.write("many/words.py", "word = 'found'")
    assert place.said() == {"many": "found"}


def test_several_modules_and_none_is_called_plugin(place):
    place.write("many/a.py")
    place.write("many/b/__init__.py")
    assert "plugin many: " in place.complaint()
    assert "several modules (a, b): add an __init__.py" in place.complaint()


def test_a_disabled_one_is_listed_and_not_imported(place):
    place.write("broken/__init__.py", "raise AssertionError")
    place.write("ape/__init__.py", SAYING.format(word=1))
    plugins = place.load(disabled=["broken"])
    assert [(info.name, info.state) for info in plugins.info()] == [
        ("broken", "disabled"),
        ("ape", "loaded"),
    ]


def test_one_without_code_can_be_disabled(place):
    place.write("site/_site/index.html")
    place.write("other/_site/index.html")
    plugins = Plugins()
    plugins.add_folder(place.path, disabled=["site"])
    plugins.check()
    assert [(info.name, info.state) for info in plugins.info()] == [("site", "disabled")]


def test_the_folders_and_where_each_plugin_lies_are_told(place):
    place.write("ape/__init__.py", SAYING.format(word=1))
    place.write("bee/__init__.py", "raise AssertionError")
    place.write("site/_site/index.html")
    plugins = place.load(disabled=["bee"])
    assert plugins.roots == (place.path,)
    assert {info.name: info.path for info in plugins.info()} == {
        "ape": place.path / "ape",
        "bee": place.path / "bee",
    }


def _nothing():
    return {}


def test_embedding_has_no_folders(place):
    plugins = Plugins()
    plugins.add(SimpleNamespace(gaffer_process_env=hookimpl(_nothing)), "ape")
    assert plugins.roots == ()
    assert [info.path for info in plugins.info()] == [None]


# Loading


def test_imports_inside_a_plugin_are_relative(place):
    place.write("package/__init__.py", RELATIVE)
    place.write("package/words.py", "word = 'package'")
    place.write(
        "seed/plugin/__init__.py", "from ..words import word\n" + SAYING.format(word="word")
    )
    place.write("seed/plugin/more.py")
    place.write("seed/words/__init__.py", "word = 'seed'")
    assert place.said() == {"package": "package", "seed": "seed"}


def test_equal_names_inside_do_not_clash_and_sys_path_is_not_touched(place):
    before = list(sys.path)
    for name in ("one", "two"):
        place.write(f"{name}/plugin.py", RELATIVE)
        place.write(f"{name}/words.py", f"word = {name!r}")
    assert place.said() == {"one": "one", "two": "two"}
    assert sys.path == before
    assert "words" not in sys.modules


def test_each_kernel_loads_its_own(place):
    place.write("count/__init__.py", "words = []\n" + SAYING.format(word="words"))
    first, second = place.said(), place.said()
    first["count"].append("x")
    assert second == {"count": []}


def test_a_plugin_cannot_shadow_a_module(place):
    place.write("json/__init__.py", SAYING.format(word="'mine'"))
    place.said()
    import json

    assert json.loads("1") == 1


def test_the_version_is_its_own(place):
    place.write("ape/__init__.py", "__version__ = '1.7'\n" + SAYING.format(word=1))
    [info] = place.load().info()
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
def test_a_broken_one_is_named_with_file_and_line(place, code, words):
    file = place.write("broken/__init__.py", code)
    before = set(sys.modules)
    text = place.complaint()
    assert text.startswith(f"plugin broken: {file.parent} cannot be imported: ")
    assert words.replace("FILE", str(file)) in text
    assert text.endswith(": repair it, or disable broken")
    assert set(sys.modules) == before


def test_python_without_hooks_is_a_mistake(place):
    place.write("empty/__init__.py")
    assert place.complaint() == "plugin empty: has no function marked @hookimpl"


def test_a_name_must_fit_a_section_and_an_address(place):
    place.write("two words/__init__.py")
    assert "plugin two words: a plugin is named with letters" in place.complaint()


def test_a_name_is_taken_once(place):
    place.write("ape/__init__.py", SAYING.format(word=1))
    plugins = place.load()
    with pytest.raises(PluginError, match=r"plugin ape: .* already there"):
        plugins.add_folder(place.path)


# Refusing


@pytest.fixture
def shared_group(monkeypatch):
    """Make every group one that another user is in."""
    shared = grp.struct_group(("shared", "x", 54321, ["daemon"]))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: shared)


def test_there_is_no_such_folder(place):
    absent = place.path / "absent"
    assert place.complaint(path=absent) == f"plugin folder {absent}: No such file or directory"


def test_it_is_no_folder(place):
    assert "Not a directory" in place.complaint(path=place.write("file"))


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_refused(place, mode, shared_group):
    place.path.chmod(mode)
    found = place.complaint()
    assert found.startswith(f"plugin folder {place.path}: {place.path} is writable by other users")
    assert ", who could change what gafferd runs: " in found
    assert ": chmod -R g" in found
    assert found.endswith(f"-w {place.path}")


def test_a_folder_that_only_a_private_group_can_write_is_accepted(place, monkeypatch):
    owner = pwd.getpwuid(os.geteuid()).pw_name
    private = grp.struct_group((owner, "x", os.getegid(), []))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: private)
    place.write("ape/__init__.py", SAYING.format(word=1)).chmod(0o664)
    place.path.chmod(0o775)
    (place.path / "ape").chmod(0o2775)
    assert place.said() == {"ape": 1}


def test_so_is_one_in_a_folder_that_others_can_write(place):
    place.path.parent.chmod(0o777)
    assert f"chmod go-w {place.path.parent}" in place.complaint()


def test_but_not_one_in_a_sticky_folder_like_tmp(place):
    place.path.parent.chmod(0o1777)
    place.load()


@pytest.mark.parametrize("name", ["ape", "ape/__init__.py", "ape/data", "ape/data/deep.py"])
def test_a_plugin_that_others_can_write_is_refused(place, name, shared_group):
    place.write("ape/__init__.py", SAYING.format(word=1))
    place.write("ape/data/deep.py")
    path = place.path / name
    path.chmod(path.stat().st_mode | 0o020)
    assert place.complaint().startswith(f"plugin ape: {path} is writable by other users")


def test_a_site_is_not_code_and_a_disabled_plugin_is_not_run(place):
    place.write("ape/__init__.py", SAYING.format(word=1))
    place.write("ape/_site/index.html").chmod(0o666)
    place.write("bad/__init__.py").chmod(0o666)
    assert place.load(disabled=["bad"]).names() == ["ape"]


def foreign(path, monkeypatch):
    """Make `path` look as if it belonged to somebody else."""
    if os.geteuid() == 0:
        os.chown(path, 54321, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 54321)


def test_the_folder_of_another_user_is_refused(place, monkeypatch):
    foreign(place.path, monkeypatch)
    assert "belongs to user" in place.complaint()


def test_the_plugin_of_another_user_is_refused(place, monkeypatch):
    file = place.write("ape/__init__.py", SAYING.format(word=1))
    foreign(file, monkeypatch)
    assert "belongs to user" in place.complaint()


def test_a_link_is_followed_and_loaded_from_where_it_leads(place, tmp_path):
    real = Place(tmp_path / "real" / "ape")
    real.write("__init__.py", RELATIVE)
    real.write("words.py", "word = 'real'")
    (place.path / "ape").symlink_to("../real/ape")
    (tmp_path / "link").symlink_to(place.path)
    assert place.said(path=tmp_path / "link") == {"ape": "real"}


def test_what_a_link_leads_through_is_checked(place, tmp_path):
    open_to_all = Place(tmp_path / "open")
    real = open_to_all.write("ape/__init__.py", SAYING.format(word=1)).parent
    open_to_all.path.chmod(0o777)
    (place.path / "ape").symlink_to(real)
    assert place.complaint().startswith(f"plugin ape: {open_to_all.path} is writable")


def test_a_link_inside_a_plugin_is_checked(place, tmp_path):
    place.write("ape/__init__.py", SAYING.format(word=1))
    outside = Place(tmp_path / "outside").write("code.py")
    outside.chmod(0o666)
    (place.path / "ape" / "code.py").symlink_to(outside)
    assert place.complaint().startswith(f"plugin ape: {outside} is writable")


def test_the_link_of_another_user_is_refused(place, tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(place.path)
    foreign(link, monkeypatch)
    assert "belongs to user" in place.complaint(path=link)


def test_a_link_in_a_circle(place, tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert "more than 40 symbolic links" in place.complaint(path=tmp_path / "one")


def test_a_plugin_that_holds_a_link_to_itself(place):
    place.write("ape/__init__.py", SAYING.format(word=1))
    (place.path / "ape" / "again").symlink_to(place.path / "ape")
    assert place.load().names() == ["ape"]


def test_a_relative_path_counts_from_here(place, monkeypatch):
    place.write("ape/__init__.py", SAYING.format(word=1))
    monkeypatch.chdir(place.path)
    assert place.load(path=f"../{place.path.name}").names() == ["ape"]
