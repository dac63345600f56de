"""Adding plugins, and the facts about them."""

import types

import pytest

from gaffer_kernel.errors import PluginError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins


class Watcher:
    @hookimpl
    def gaffer_event(self, event):
        pass


def module(name, **attributes):
    made = types.ModuleType(name)
    vars(made).update(attributes)
    made.gaffer_event = hookimpl(lambda event: None)
    return made


def test_a_module_is_named_without_the_prefix_gaffer():
    plugins = Plugins()
    assert plugins.add(module("gaffer_http")) == "http"
    assert plugins.add(module("house.rules")) == "rules"
    assert plugins.names() == ["http", "rules"]


def test_an_object_is_named_by_its_name_or_its_class():
    plugins = Plugins()
    named = Watcher()
    named.name = "eye"
    assert plugins.add(named) == "eye"
    assert plugins.add(Watcher()) == "watcher"
    assert plugins.add(Watcher(), "second") == "second"


def test_info_has_all_fields():
    plugins = Plugins()
    plugins.add(module("gaffer_http", __version__="1.2"))
    plugins.add(module("gaffer_sites", gaffer_requires=("http",)))
    plugins.check()
    http, sites = plugins.info()
    assert (http.name, http.version, http.distribution, http.state) == (
        "http",
        "1.2",
        None,
        "loaded",
    )
    assert (http.error, http.failures, http.requires) == (None, 0, ())
    assert (sites.version, sites.requires) == (None, ("http",))


def test_two_plugins_of_one_name_are_an_error():
    plugins = Plugins()
    plugins.add(Watcher(), "eye")
    with pytest.raises(PluginError, match=r"plugin eye: .* already there"):
        plugins.add(Watcher(), "eye")
    assert plugins.names() == ["eye"]


@pytest.mark.parametrize("name", ["two words", "a.b", "-x", "ö"])
def test_a_name_must_be_valid_in_a_section_and_a_url(name):
    with pytest.raises(PluginError, match="a plugin is named with letters"):
        Plugins().add(Watcher(), name)


def test_one_object_cannot_be_two_plugins():
    plugins = Plugins()
    watcher = Watcher()
    plugins.add(watcher, "one")
    with pytest.raises(PluginError, match="plugin two: cannot be added"):
        plugins.add(watcher, "two")
    assert plugins.names() == ["one"]


def test_a_class_is_refused_with_a_hint():
    with pytest.raises(PluginError, match=r"plugin watcher: give an instance, Watcher\(\)"):
        Plugins().add(Watcher, "watcher")


def test_a_plugin_without_hooks_is_an_error():
    with pytest.raises(PluginError, match="plugin nothing: has no function marked @hookimpl"):
        Plugins().add(types.ModuleType("nothing"))


@pytest.mark.parametrize("attribute", ["gaffer_requires", "gaffer_after"])
@pytest.mark.parametrize("value", ["http", 5, ("http", None)])
def test_gaffer_requires_must_be_a_tuple_of_names(attribute, value):
    with pytest.raises(PluginError, match=f"plugin sites: {attribute} must be a tuple"):
        Plugins().add(module("sites", **{attribute: value}))


def test_two_plugin_managers_are_independent():
    one, other = Plugins(), Plugins()
    watcher = Watcher()
    one.add(watcher)
    other.add(watcher)
    other.add(Watcher(), "more")
    assert one.names() == ["watcher"]
