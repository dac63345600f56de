from gaffer_testing import Conformance

from gaffer_signals.plugin import plugin as signals_plugin


class TestSignals(Conformance):
    plugin = signals_plugin
