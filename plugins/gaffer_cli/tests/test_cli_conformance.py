from gaffer_testing import Conformance

from gaffer_cli.plugin import plugin as cli_plugin


class TestCli(Conformance):
    plugin = cli_plugin
