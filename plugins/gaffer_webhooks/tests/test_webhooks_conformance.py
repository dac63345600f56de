"""The conformance suite of gaffer-testing."""

from gaffer_testing import Conformance

from gaffer_webhooks.plugin import plugin as webhooks_plugin


class TestWebhooks(Conformance):
    plugin = webhooks_plugin
