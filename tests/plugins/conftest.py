"""A folder of plugins."""

import pytest

from tests.plugins.plugin_dir import PluginDir


@pytest.fixture
def folder(tmp_path):
    """A folder of plugins; `folder.write(path, text)` writes a file with mode 0644."""
    return PluginDir(tmp_path / "plugins")
