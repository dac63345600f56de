"""The other form of a plugin: a class with an application that is started and stopped."""

from gaffer_kernel import Plugin

from .app import DummyApp

__all__ = ["DummyPlugin"]


class DummyPlugin(Plugin):
    name = "dummy"
    version = "1.0"
    description = "test"

    def app(self, cfg):
        return DummyApp()
