from gaffer_testing import Conformance

import gaffer_mandatory


class TestMandatory(Conformance):
    plugin = gaffer_mandatory
