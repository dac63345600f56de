from gaffer_testing import Conformance

import gaffer_sites


class TestSites(Conformance):
    plugin = gaffer_sites
