"""A folder of plugins for tests to fill."""

import pytest

from gaffer_kernel.errors import PluginError
from gaffer_kernel.plugins import Plugins


class PluginDir:
    def __init__(self, path):
        self.path = path
        self._folder(path)

    def _folder(self, path):
        if not path.exists():
            self._folder(path.parent)
            path.mkdir()
            path.chmod(0o755)

    def write(self, name, text=""):
        path = self.path / name
        self._folder(path.parent)
        path.write_text(text)
        path.chmod(0o644)
        return path

    def load(self, path=None, **options):
        plugins = Plugins()
        plugins.add_folder(path or self.path, **options)
        plugins.check()
        return plugins

    def call_env(self, **options):
        """Load the folder and return the variables of each plugin."""
        plugins = self.load(**options)
        return dict(plugins.call("gaffer_process_env", job=None, number=1))

    def get_error(self, **options):
        with pytest.raises(PluginError) as caught:
            self.load(**options)
        assert "\n" not in str(caught.value)
        return str(caught.value)
