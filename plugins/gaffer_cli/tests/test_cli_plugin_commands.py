"""Verbs of plugins."""

import subprocess
import sys

import pytest
from click.testing import CliRunner
from gaffer_kernel import hookimpl
from gaffer_kernel.errors import PluginError

from gaffer_cli import Verb, plugin_commands
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
    """Install fake plugins: `installed(plugin, ...)`; None is a broken one."""
    plugin_commands._all.cache_clear()

    def install(*objects):
        def discover(self, disabled=()):
            from gaffer_cli.plugin import plugin

            self.add(plugin, "cli")
            for each in objects:
                if each is not None:
                    self.add(each)
                elif "broken" not in disabled:
                    raise PluginError("broken", "does not work")

        monkeypatch.setattr("gaffer_kernel.plugins.Plugins.discover", discover)

    yield install
    plugin_commands._all.cache_clear()


def test_plugin_adds_a_verb_to_one_command(installed):
    installed(Nap())
    output = CliRunner().invoke(make_gafferctl(), ["--help"]).output
    assert "hello" in output
    assert "greet (nap)" in output
    assert "elsewhere" not in output


def test_plugin_does_not_replace_a_verb(installed):
    installed(Nap())
    assert "hide the help" not in CliRunner().invoke(make_gafferctl(), ["--help"]).output


def test_broken_plugin_is_reported_and_other_plugins_work(installed):
    installed(None, Nap())
    output = CliRunner().invoke(make_gafferctl(), ["--help"])
    assert "greet (nap)" in output.output
    assert "broken: does not work; its verbs are missing" in output.output


def test_own_verb_imports_neither_kernel_nor_trio():
    code = (
        "import sys; from gaffer_cli.programs import make_gafferctl, run;"
        "run(make_gafferctl(), ['status', 'web', '--connect', 'unix:/nosuch']);"
        "print([name for name in ('gaffer_kernel', 'trio', 'rich', 'pluggy')"
        " if name in sys.modules])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
