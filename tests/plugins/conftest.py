"""A folder of plugins."""

import pytest

from tests.plugins.plugin_dir import Place


@pytest.fixture
def place(tmp_path):
    """A folder of plugins; `place.write(path, text)` puts a file there, whatever the umask."""
    return Place(tmp_path / "plugins")
