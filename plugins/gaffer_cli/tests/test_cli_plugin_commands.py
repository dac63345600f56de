"""Verbs of plugins."""

import subprocess
import sys

import pytest
from click.testing import CliRunner
from gaffer_kernel import hookimpl
from gaffer_kernel.errors import PluginError

from gaffer_cli import Verb
from gaffer_cli import plugin_commands as contributed
from gaffer_cli.programs import make_gafferctl


class Nap:
    """A plugin with verbs."""

    name = "nap"

    @hookimpl(optionalhook=True)
    def gaffer_commands(self):
        return [
            Verb("gafferctl", "hello", "greet", f"{__name__}:hello"),
            Verb("gafferctl", "help", "hide the help", f"{__name__}:hello"),
            Verb("gaffer", "other", "elsewhere", f"{__name__}:hello"),
        ]


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a plugin is installed: `installed(plugin, ...)`; None is one that is broken."""
    contributed._all.cache_clear()

    def install(*objects):
        def discover(self, disabled=()):
            from gaffer_cli import plugin

            self.add(plugin, "cli")
            for each in objects:
                if each is not None:
                    self.add(each)
                elif "broken" not in disabled:
                    raise PluginError("broken", "does not work")

        monkeypatch.setattr("gaffer_kernel.plugins.Plugins.discover", discover)

    yield install
    contributed._all.cache_clear()


def test_a_plugin_brings_a_verb_to_one_command(installed):
    installed(Nap())
    said = CliRunner().invoke(make_gafferctl(), ["--help"]).output
    assert "hello" in said
    assert "greet (nap)" in said
    assert "elsewhere" not in said


def test_a_plugin_does_not_replace_a_verb(installed):
    installed(Nap())
    assert "hide the help" not in CliRunner().invoke(make_gafferctl(), ["--help"]).output


def test_a_broken_plugin_is_named_and_the_verbs_of_others_work(installed):
    installed(None, Nap())
    said = CliRunner().invoke(make_gafferctl(), ["--help"])
    assert "greet (nap)" in said.output
    assert "broken: does not work; its verbs are missing" in said.output


def test_a_verb_of_its_own_imports_neither_the_kernel_nor_trio():
    code = (
        "import sys; from gaffer_cli.programs import make_gafferctl, run;"
        "run(make_gafferctl(), ['status', 'web', '--connect', 'unix:/nosuch']);"
        "print([name for name in ('gaffer_kernel', 'trio', 'rich', 'pluggy')"
        " if name in sys.modules])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
