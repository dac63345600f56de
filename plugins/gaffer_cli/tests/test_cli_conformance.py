from gaffer_testing import Conformance

import gaffer_cli.plugin


class TestCli(Conformance):
    plugin = gaffer_cli.plugin
