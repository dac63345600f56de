from gaffer_testing import Conformance

import gaffer_procfile


class TestProcfile(Conformance):
    plugin = gaffer_procfile
