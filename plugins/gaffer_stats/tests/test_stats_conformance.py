"""The conformance suite of gaffer-testing."""

from gaffer_testing import Conformance

from gaffer_stats.plugin import plugin as stats_plugin


class TestStats(Conformance):
    plugin = stats_plugin
