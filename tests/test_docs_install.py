"""Test the commands in docs and sources that install gaffer: there is no release yet."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOBS = (
    "*.md",
    "docs/*.md",
    "plugins/*/*.md",
    "examples/**/*.md",
    "examples/**/*.py",
    "gaffer_kernel/**/*.py",
    "plugins/*/gaffer_*/**/*.py",
)
FILES = sorted({path for glob in GLOBS for path in ROOT.glob(glob)})

INSTALL = re.compile(r"\bpip3? install((?:\\\n|[^\n`])*)")
OTHER_PROGRAM = re.compile(r"`pip install gaffer` installs another program")
"""The note that `gaffer` of the package index is not this one."""


def find_commands(path):
    """Return the arguments of each `pip install` in a file."""
    text = OTHER_PROGRAM.sub("", path.read_text())
    return [found.replace("\\\n", " ").split() for found in INSTALL.findall(text)]


COMMANDS = [
    pytest.param(path, words, id=f"{path.relative_to(ROOT)}-{number}")
    for path in FILES
    for number, words in enumerate(find_commands(path))
]


def read_project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def find_folders(words):
    """Return the folders of a command, as a shell expands them in the root of a checkout."""
    paths = [word for word in words if word.startswith(".")]
    return {
        folder
        for word in paths
        for folder in ([ROOT] if word == "." else ROOT.glob(word))
        if (folder / "pyproject.toml").exists()
    }


def test_commands_are_found():
    assert len(COMMANDS) > 12


@pytest.mark.parametrize(("path", "words"), COMMANDS)
def test_no_command_installs_gaffer_from_an_index(path, words):
    assert not [word for word in words if word.startswith("gaffer") and "/" not in word]


@pytest.mark.parametrize(("path", "words"), COMMANDS)
def test_command_installs_what_its_distributions_need(path, words):
    if "./plugins/gaffer_all" in words:  # The page says that only uv can do that.
        return
    projects = [read_project(folder) for folder in find_folders(words)]
    names = {project["name"] for project in projects}
    needed = {each.split(">")[0] for project in projects for each in project["dependencies"]}

    assert {name for name in needed if name.startswith("gaffer-")} <= names | (
        # Its page says that gaffer is installed already.
        {"gaffer-kernel"} if "./examples/plugins/package" in words else set()
    )


def test_the_line_of_the_readme_installs_every_distribution():
    [words] = find_commands(ROOT / "README.md")[:1]

    assert find_folders(words) == {ROOT, *(p.parent for p in ROOT.glob("plugins/*/pyproject.toml"))}


def test_readme_names_the_other_gaffer():
    assert OTHER_PROGRAM.search((ROOT / "README.md").read_text())


def test_gaffer_all_depends_on_every_feature():
    needed = {
        each.split(">")[0] for each in read_project(ROOT / "plugins/gaffer_all")["dependencies"]
    }
    names = {read_project(p.parent)["name"] for p in ROOT.glob("plugins/*/pyproject.toml")}

    assert needed == names - {"gaffer-all", "gaffer-testing"} | {"gaffer-kernel"}
