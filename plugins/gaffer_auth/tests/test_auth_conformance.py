from gaffer_testing import Conformance

from gaffer_auth.plugin import plugin as auth_plugin


class TestAuth(Conformance):
    plugin = auth_plugin
