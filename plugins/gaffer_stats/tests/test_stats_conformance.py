from gaffer_testing import Conformance

import gaffer_stats


class TestStats(Conformance):
    plugin = gaffer_stats
