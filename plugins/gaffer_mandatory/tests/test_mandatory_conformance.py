from gaffer_testing import Conformance

from gaffer_mandatory.plugin import plugin as mandatory_plugin


class TestMandatory(Conformance):
    plugin = mandatory_plugin
