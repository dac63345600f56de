from gaffer_testing import Conformance

from gaffer_lookup.plugin import plugin as lookup_plugin


class TestLookup(Conformance):
    plugin = lookup_plugin
    config = "[lookup]\naddress = 127.0.0.1:9\nbroadcast_address = web1.example:5000\n"
