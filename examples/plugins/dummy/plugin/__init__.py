"""A plugin that only says when it starts and stops: gafferd -c gaffer.ini -p plugins/"""

from gaffer_kernel import Plugin

from .app import DummyApp

__all__ = ["DummyPlugin"]


class DummyPlugin(Plugin):
    name = "dummy"
    version = "1.0"
    description = "test"

    def app(self, cfg):
        return DummyApp()
