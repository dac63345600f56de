"""A series of requests; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gaffer_client import ClientError, ConnectionLostError, UnreachableError

from gaffer_cli.exit_codes import FAILED, CommandError
from gaffer_cli.invocation import Invocation


class Attempts:
    """Collects errors, and prints each in one line.

    Args:
        run: the invocation that prints them.

    Attributes:
        errors: the messages, by the name of what failed.
    """

    def __init__(self, run: Invocation) -> None:
        self._run = run
        self.errors: dict[str, str] = {}

    @contextmanager
    def attempt(self, name: str, *, prefix: bool = False) -> Iterator[None]:
        """Collect the error of a block.

        Args:
            name: what fails.
            prefix: print the name before an error that does not begin with it.

        Raises:
            UnreachableError, ConnectionLostError: gafferd does not answer, so the other requests
                would fail as well.
        """
        try:
            yield
        except (UnreachableError, ConnectionLostError):
            raise
        except (ClientError, CommandError) as error:
            self.errors[name] = str(error)
            named = str(error).startswith(f"{name}: ") or not prefix
            self._run.warn(str(error) if named else f"{name}: {error}")

    @property
    def status(self) -> int:
        """The exit status of the command."""
        return FAILED if self.errors else 0
