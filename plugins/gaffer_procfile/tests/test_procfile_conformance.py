from gaffer_testing import Conformance

from gaffer_procfile.plugin import plugin as procfile_plugin


class TestProcfile(Conformance):
    plugin = procfile_plugin
