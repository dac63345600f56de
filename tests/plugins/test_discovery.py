"""Plugins of installed distributions: small ones are written into a folder on sys.path."""

import subprocess
import sys

import pytest
from importlib_metadata import entry_points

from gaffer_kernel.errors import PluginError
from gaffer_kernel.plugins import Plugins

GOOD = """
from gaffer_kernel.hookspecs import hookimpl

@hookimpl
def gaffer_event(event):
    pass
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder for distributions that are found as if pip had installed them."""
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    for module in [name for name in sys.modules if name.endswith(f"_of_{tmp_path.name}")]:
        del sys.modules[module]


class Site:
    def __init__(self, path):
        self._path = path
        # The plugins of the test environment are ignored.
        self._others = entry_points(group="gaffer").names

    def install(self, name, code=GOOD, *, version="1.0", distribution=None):
        """Install a distribution with one plugin; return the file that holds it."""
        distribution = distribution or f"gaffer-{name}"
        module = f"{distribution}_of_{self._path.name}".replace("-", "_")
        (self._path / f"{module}.py").write_text(code)
        info = self._path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[gaffer]\n{name} = {module}\n")
        return self._path / f"{module}.py"

    def discover(self, *disabled):
        plugins = Plugins()
        plugins.discover(disabled=[*self._others, *disabled])
        plugins.check()
        return plugins

    def found(self, *disabled):
        infos = self.discover(*disabled).info()
        return [info for info in infos if info.name not in self._others]


def test_installed_plugins_are_found_by_name(site):
    site.install("zebra", version="2.1")
    site.install("ape", version="0.3.dev1")
    ape, zebra = site.found()
    assert (ape.name, ape.distribution, ape.version) == ("ape", "gaffer-ape", "0.3.dev1")
    assert (zebra.name, zebra.distribution, zebra.version) == ("zebra", "gaffer-zebra", "2.1")
    assert ape.state == zebra.state == "loaded"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import absent_module", "ModuleNotFoundError: No module named 'absent_module' (FILE:1)"),
        ("\ndef f(:", "SyntaxError: invalid syntax (FILE:2)"),
        ("raise SystemExit('gone')", "SystemExit: gone (FILE:1)"),
        ("\n\nraise ValueError('two\\nlines')", "ValueError: two lines (FILE:3)"),
        ("raise OSError(2, 'not there')", "[Errno 2] not there"),
    ],
)
def test_a_broken_plugin_is_named_with_distribution_and_version(site, code, words):
    file = site.install("broken", code, version="3.2")
    with pytest.raises(PluginError) as caught:
        site.discover()
    text = str(caught.value)
    assert text.startswith("plugin broken (gaffer-broken 3.2): gaffer_broken_of_")
    assert words.replace("FILE", str(file)) in text
    assert text.endswith("repair it, or disable broken")
    assert (caught.value.distribution, caught.value.version) == ("gaffer-broken", "3.2")


def test_a_plugin_without_hooks_is_named_with_distribution_and_version(site):
    site.install("empty", "")
    with pytest.raises(PluginError, match=r"plugin empty \(gaffer-empty 1.0\): has no function"):
        site.discover()


def test_a_disabled_plugin_is_listed_and_not_imported(site):
    site.install("broken", "raise AssertionError", version="3.2")
    site.install("ape")
    broken, ape = site.found("broken")
    assert (broken.state, broken.distribution, broken.version) == (
        "disabled",
        "gaffer-broken",
        "3.2",
    )
    assert (ape.name, ape.state) == ("ape", "loaded")


def test_a_plugin_that_requires_a_disabled_one_is_named(site):
    site.install("ape")
    site.install("keeper", f"{GOOD}\ngaffer_requires = ('ape',)")
    with pytest.raises(
        PluginError, match=r"plugin keeper \(gaffer-keeper 1.0\): requires ape, which is disabled"
    ):
        site.discover("ape")


def test_disabling_an_unknown_plugin_is_an_error(site):
    site.install("webhooks")
    with pytest.raises(PluginError, match=r"webhoks: cannot be disabled, .* mean 'webhooks'"):
        site.discover("webhoks")


def test_two_distributions_with_one_plugin_name_are_an_error(site):
    site.install("ape", distribution="ape-one", version="1")
    site.install("ape", distribution="ape-two", version="2")
    with pytest.raises(PluginError, match=r"plugin ape \(ape-(one|two) ") as caught:
        site.discover()
    assert "ape-one" in str(caught.value)
    assert "ape-two" in str(caught.value)


def test_importing_gaffer_does_not_look_for_plugins():
    code = "import gaffer_kernel.plugins, sys; print('importlib_metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
