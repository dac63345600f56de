"""The conformance suite of gaffer-testing."""

from gaffer_testing import Conformance

from gaffer_sites.plugin import plugin as sites_plugin


class TestSites(Conformance):
    plugin = sites_plugin
