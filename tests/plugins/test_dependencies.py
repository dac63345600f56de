"""Dependencies of plugins: the order of opening, missing plugins and cycles."""

import itertools

import pytest

from gaffer_kernel.errors import PluginError
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins


class Plugin:
    def __init__(self, requires=(), after=()):
        self.gaffer_requires = requires
        self.gaffer_after = after

    @hookimpl
    def gaffer_event(self, event):
        pass


def make_plugins(**needs):
    plugins = Plugins()
    for name, need in needs.items():
        plugins.add(Plugin(**need), name)
    return plugins


def get_order(**needs):
    plugins = make_plugins(**needs)
    plugins.check()
    return plugins.names()


def get_error(**needs):
    with pytest.raises(PluginError) as caught:
        make_plugins(**needs).check()
    return str(caught.value)


def test_required_plugins_open_first():
    assert get_order(
        sites={"requires": ("http",)},
        auth={"requires": ("http",)},
        ui={"requires": ("sites", "auth")},
        http={},
    ) == ["http", "sites", "auth", "ui"]


def test_gaffer_after_orders_only_plugins_that_exist():
    assert get_order(webhooks={"after": ("console", "absent")}, console={}) == [
        "console",
        "webhooks",
    ]


def test_independent_plugins_keep_the_order_of_adding():
    for names in itertools.permutations("abcd"):
        assert get_order(**{name: {} for name in names}) == list(names)


def test_a_second_check_changes_nothing():
    plugins = make_plugins(a={"after": ("b",)}, b={}, c={})
    plugins.check()
    before = plugins.names()
    plugins.check()
    assert plugins.names() == before


def test_all_missing_plugins_are_named_at_once():
    text = get_error(sites={"requires": ("htpt", "auth")}, stats={"requires": ("clock",)}, http={})
    assert "plugin sites: requires htpt, which is not installed" in text
    assert "did you mean 'http'?" in text
    assert "plugin sites: requires auth, which is not installed" in text
    assert "plugin stats: requires clock, which is not installed" in text


def test_a_plugin_is_not_suggested_for_its_own_missing_requirement():
    assert "did you mean" not in get_error(bad={"requires": ("bad2",)})


def test_all_cycles_are_named_at_once():
    text = get_error(
        a={"requires": ("b",)},
        b={"after": ("a",)},
        c={"requires": ("c",)},
        d={},
        e={"requires": ("f",)},
        f={"requires": ("g",)},
        g={"requires": ("e", "d")},
    )
    assert "plugin a: gaffer_requires and gaffer_after form a cycle" in text
    assert "c before c: disable one of them" in text
    assert all(word in text for word in ("e before", "f before", "g before"))
    assert "d before" not in text


def test_missing_plugins_and_cycles_are_in_one_message():
    text = get_error(a={"requires": ("b",)}, b={"requires": ("a",)}, c={"requires": ("d",)})
    assert "requires d, which is not installed" in text
    assert "form a cycle" in text
    assert "\n" not in text
