"""The order in which plugins open, and every reason why there is none."""

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


def plugins_of(**needs):
    plugins = Plugins()
    for name, need in needs.items():
        plugins.add(Plugin(**need), name)
    return plugins


def order_of(**needs):
    plugins = plugins_of(**needs)
    plugins.check()
    return plugins.names()


def complaint(**needs):
    with pytest.raises(PluginError) as caught:
        plugins_of(**needs).check()
    return str(caught.value)


def test_what_is_required_comes_first():
    assert order_of(
        sites={"requires": ("http",)},
        auth={"requires": ("http",)},
        ui={"requires": ("sites", "auth")},
        http={},
    ) == ["http", "sites", "auth", "ui"]


def test_what_it_comes_after_is_first_only_if_it_is_there():
    assert order_of(webhooks={"after": ("console", "absent")}, console={}) == [
        "console",
        "webhooks",
    ]


def test_where_nothing_decides_it_is_the_order_of_adding():
    for names in itertools.permutations("abcd"):
        assert order_of(**{name: {} for name in names}) == list(names)


def test_checking_again_changes_nothing():
    plugins = plugins_of(a={"after": ("b",)}, b={}, c={})
    plugins.check()
    before = plugins.names()
    plugins.check()
    assert plugins.names() == before


def test_every_absence_is_named_at_once():
    text = complaint(sites={"requires": ("htpt", "auth")}, stats={"requires": ("clock",)}, http={})
    assert "plugin sites: requires htpt, which is not installed" in text
    assert "did you mean 'http'?" in text
    assert "plugin sites: requires auth, which is not installed" in text
    assert "plugin stats: requires clock, which is not installed" in text


def test_a_plugin_is_no_hint_at_what_it_lacks():
    assert "did you mean" not in complaint(bad={"requires": ("bad2",)})


def test_every_ring_is_named_at_once():
    text = complaint(
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


def test_absences_and_rings_come_in_one_message():
    text = complaint(a={"requires": ("b",)}, b={"requires": ("a",)}, c={"requires": ("d",)})
    assert "requires d, which is not installed" in text
    assert "form a cycle" in text
    assert "\n" not in text
