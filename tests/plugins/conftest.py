"""A folder of plugins, and plugins whose life is observed."""

import pytest

from tests.plugins.house import House
from tests.plugins.plugin_dir import PluginDir


@pytest.fixture
def folder(tmp_path):
    """A folder of plugins; `folder.write(path, text)` writes a file with mode 0644."""
    return PluginDir(tmp_path / "plugins")


@pytest.fixture
def house():
    """Plugins whose services are observed: see House."""
    return House()
