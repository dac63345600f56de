from gaffer_testing import Conformance

import gaffer_lookup


class TestLookup(Conformance):
    plugin = gaffer_lookup
    config = "[lookup]\naddress = 127.0.0.1:9\nbroadcast_address = web1.example:5000\n"
