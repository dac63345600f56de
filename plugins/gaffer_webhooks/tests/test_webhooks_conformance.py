from gaffer_testing import Conformance

import gaffer_webhooks


class TestWebhooks(Conformance):
    plugin = gaffer_webhooks
