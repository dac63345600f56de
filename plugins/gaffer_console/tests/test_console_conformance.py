from gaffer_testing import Conformance

from gaffer_console.console import VerboseConsole


class TestConsole(Conformance):
    plugin = VerboseConsole
    arguments = ("-vv",)
