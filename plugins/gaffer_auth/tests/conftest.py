"""A folder that is nobody's home but the test's, and the command in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("gaffer-auth")


class Home:
    """A folder with a file of tokens, and the command that changes it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / ".gaffer" / "auth.json"

    @property
    def environ(self):
        inherited = {key: text for key, text in os.environ.items() if "GAFFER" not in key}
        return {**inherited, "HOME": str(self.folder), "COLUMNS": "200"}

    def run(self, *arguments, **options):
        """Run the command to its end."""
        options = {"stdout": subprocess.PIPE, "env": self.environ, **options}
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            **options,
        )

    def done(self, *arguments):
        """What it prints, when all is well."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.removesuffix("\n")

    def token(self, *arguments):
        """A new token: its secret."""
        return self.done("token", *arguments)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of this test's program, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GAFFER_AUTH_FILE", raising=False)
    return Home(tmp_path)
