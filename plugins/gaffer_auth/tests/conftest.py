"""Fixtures: a home folder for the test, and the command in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("gaffer-auth")


class Home:
    """A home folder with a tokens file, and the command that changes the file."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / ".gaffer" / "auth.json"

    @property
    def environ(self):
        inherited = {key: text for key, text in os.environ.items() if "GAFFER" not in key}
        return {**inherited, "HOME": str(self.folder), "COLUMNS": "200"}

    def run(self, *arguments, **options):
        """Run the command until it exits."""
        options = {"stdout": subprocess.PIPE, "env": self.environ, **options}
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            **options,
        )

    def done(self, *arguments):
        """Run the command, which must succeed, and return its output."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.removesuffix("\n")

    def token(self, *arguments):
        """Create a token and return its secret."""
        return self.done("token", *arguments)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder, also of the test process."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GAFFER_AUTH_FILE", raising=False)
    return Home(tmp_path)
