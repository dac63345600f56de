from gaffer_testing import Conformance

from gaffer_limits.plugin import plugin as limits_plugin


class TestLimits(Conformance):
    plugin = limits_plugin
