"""The folder in which a real gaffer_lookupd runs, and a free port for it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from gaffer_testing.gafferd import Home

LOOKUPD = Path(sys.executable).with_name("gaffer_lookupd")
AUTH = Path(sys.executable).with_name("gaffer-auth")


class LookupdHome(Home):
    """The folder of a gaffer_lookupd, which has no plugins to disable."""

    def command(self, *args):
        return list(map(str, args))

    def lookupd(self, *args):
        """Run gaffer_lookupd until it exits."""
        return self.run(*args, program=(LOOKUPD,))

    @contextmanager
    def running_lookupd(self, *args):
        with self.running(*args, program=(LOOKUPD,)) as process:
            yield process
            # A stopped process would not handle the signal to end.
            os.kill(process.pid, signal.SIGCONT) if process.poll() is None else None

    def auth(self, *args):
        """Run gaffer-auth and return its output."""
        done = subprocess.run(
            [AUTH, *args], env=self.environ(), capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
