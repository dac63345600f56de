from gaffer_testing import Conformance

import gaffer_auth


class TestAuth(Conformance):
    plugin = gaffer_auth
