from gaffer_testing import Conformance

from gaffer_http.plugin import plugin as http_plugin


class TestHttp(Conformance):
    plugin = http_plugin
    arguments = ("--bind", "127.0.0.1:0")
