"""Required plugins of a kernel and of gafferd."""

import signal

import pytest
import trio
from gaffer_kernel import Config, ConfigError, Kernel, Plugin, PluginError, open_kernel
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.testing import FakeSystem
from gaffer_testing.gafferd import Home, one_line
from gaffer_testing.waiting import wait_until

from gaffer_mandatory.plugin import plugin as mandatory_plugin

CODE = "from gaffer_kernel.hookspecs import hookimpl\n__version__ = '{}'\n"
CODE += "@hookimpl\ndef gaffer_process_env(): return {{}}\n"


class Other:
    """A plugin with a version that does nothing."""

    def __init__(self, version):
        if version is not None:
            self.__version__ = version

    @hookimpl
    def gaffer_process_env(self):
        """Add nothing."""


def dummy(*mandatory):
    return type("Dummy", (Plugin,), {"name": "dummy", "mandatory": mandatory})()


def kernel(mandatory="", *more, **versions):
    """A configured kernel with plugins of given versions."""
    plugins = Plugins()
    plugins.add(mandatory_plugin)
    for name, version in versions.items():
        plugins.add(Other(version), name)
    for plugin in more:
        plugins.add(plugin)
    text = f"[gaffer]\nmandatory = {mandatory}\n" if mandatory else ""
    kernel = Kernel(Config.from_string(text, "g.ini"), plugins=plugins)
    kernel.configure()
    return kernel


def refusal(*args, **versions):
    with pytest.raises((ConfigError, PluginError)) as caught:
        kernel(*args, **versions)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mandatory", "version"),
    [
        ("http", None),
        ("http", "odd version"),
        ("http>=1.2", "1.2"),
        ("http>=1.2", "1.10"),
        ("http>=1.2", "2.0rc1"),
        ("http>=1.2, <2", "1.9.post1"),
        ("mandatory http", "1"),
    ],
)
def test_installed_plugins_meet_requirements(mandatory, version):
    kernel(mandatory, http=version)
    kernel("", dummy(*mandatory.replace(", ", ",").split()), http=version)


@pytest.mark.parametrize(
    ("mandatory", "version", "why"),
    [
        ("htp", "1", "htp, which is not installed, did you mean 'http'?"),
        ("http>=1.2", "1.1.9", "http>=1.2, which is version 1.1.9"),
        ("http>=1.2", "1.2rc1", "http>=1.2, which is version 1.2rc1"),
        ("http>=1.2", None, "http>=1.2, which has no version"),
        ("http>=1.2", "odd", "http>=1.2, which has a version that cannot be compared, 'odd'"),
    ],
)
def test_unmet_requirements_are_named(mandatory, version, why):
    text = refusal(mandatory, http=version)
    assert text == f"g.ini:2: [gaffer] mandatory: requires {why}"


def test_all_unmet_requirements_are_named_at_once():
    text = refusal("a b>=2 c c>1", dummy("c>=9", "b>5"), b="1", c="1.5")
    assert text == (
        "g.ini:2: [gaffer] mandatory: requires a, which is not installed;"
        " b>=2, which is version 1; plugin dummy: requires c>=9, which is version 1.5;"
        " plugin dummy: requires b>5, which is version 1"
    )


def test_the_requirements_of_a_plugin_are_checked_without_a_list():
    text = refusal("", dummy("http>=2", "stats<1"), http="1.0", stats="1.0")
    assert text == (
        "plugin dummy: requires http>=2, which is version 1.0;"
        " plugin dummy: requires stats<1, which is version 1.0"
    )


def test_an_invalid_list_is_an_error_with_file_and_line():
    assert refusal("http>=x") == (
        "g.ini:2: [gaffer] mandatory: '>=x' after http are not versions as in http>=1.2"
    )
    assert refusal("", dummy("http>=x"), http="1").startswith("plugin dummy: mandatory: '>=x'")


async def test_dependencies_open_first_and_close_last(autojump_clock):
    log = []

    class App:
        def __init__(self, name):
            self.name = name

        def start(self, loop, manager):
            log.append(f"+{self.name}")

        def stop(self):
            log.append(f"-{self.name}")

    def plugin(name, *mandatory):
        app = App(name)
        members = {"name": name, "mandatory": mandatory, "app": lambda self, cfg: app}
        return type(name, (Plugin,), {**members, "version": "1.0"})()

    plugins = [plugin("a", "z>=1"), plugin("z"), mandatory_plugin]
    async with open_kernel(plugins=plugins, system=FakeSystem()):
        await trio.lowlevel.checkpoint()
    assert log == ["+z", "+a", "-a", "-z"]


# gafferd


class MandatoryHome(Home):
    """A home of gafferd with this plugin, and those in `plugins`."""

    def command(self, *args):
        mine = [each for each in super().command() if each != "--disable=mandatory"]
        return [*mine, "-p", "plugins", *map(str, args)]


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o755)
    home = MandatoryHome(tmp_path)
    home.write("plugins/ape/__init__.py", CODE.format("1.0"))
    return home


def test_gafferd_does_not_start_without_required_plugins(home):
    home.write("g.ini", "[gaffer]\nmandatory = ape>=2 bee signals\n")
    assert one_line(home.run("g.ini")) == (
        "g.ini:2: [gaffer] mandatory: requires ape>=2, which is version 1.0;"
        " bee, which is not installed; signals, which is disabled"
    )
    assert "ape>=2" in one_line(home.run("g.ini", "--check"))


def test_gafferd_starts_with_required_plugins(home):
    home.write("g.ini", "[gaffer]\nmandatory = ape>=1 mandatory\n")
    assert "ape 1.0" in home.run("g.ini", "--check").stdout


@pytest.fixture
def signals(home, monkeypatch):
    """Make gafferd reload on SIGHUP."""
    command = home.command
    monkeypatch.setattr(
        home, "command", lambda *args: [x for x in command(*args) if x != "--disable=signals"]
    )


def test_a_reload_without_a_required_plugin_changes_nothing(home, signals):
    home.write("g.ini", f"[gaffer]\nmandatory = ape>=1\n{home.job('web')}")
    with home.running("g.ini", "--log-level", "info") as gafferd:
        pid = home.pid("web.pid")
        home.write("plugins/ape/__init__.py", CODE.format("0.9"))
        gafferd.send_signal(signal.SIGHUP)
        wait_until(
            lambda: "reload failed, the current configuration is kept: g.ini:2" in home.messages()
        )
        assert "requires ape>=1, which is version 0.9" in home.messages()
        home.write("plugins/ape/__init__.py", CODE.format("1.1"))
        gafferd.send_signal(signal.SIGHUP)
        wait_until(lambda: "HUP: reloaded" in home.messages())
        assert home.pid("web.pid") == pid
        gafferd.terminate()
        assert gafferd.wait(20) == 0
