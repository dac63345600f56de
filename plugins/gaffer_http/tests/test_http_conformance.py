from gaffer_testing import Conformance

import gaffer_http


class TestHttp(Conformance):
    plugin = gaffer_http
    arguments = ("--bind", "127.0.0.1:0")
