from gaffer_testing import Conformance

from gaffer_env.plugin import plugin as env_plugin


class TestEnv(Conformance):
    plugin = env_plugin
