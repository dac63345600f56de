"""Fixture: an application in a temporary folder."""

import pytest

from gaffer_procfile import Application


@pytest.fixture
def application(tmp_path):
    """Create an application: `application("web: serve", env="A=1", concurrency={...})`."""

    def make(procfile, env=None, folder="shop", **options):
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        (root / "Procfile").write_text(procfile)
        if env is not None:
            (root / ".env").write_text(env)
        return Application.read(root / "Procfile", **options)

    return make
