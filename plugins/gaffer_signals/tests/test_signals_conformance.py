from gaffer_testing import Conformance

import gaffer_signals


class TestSignals(Conformance):
    plugin = gaffer_signals
