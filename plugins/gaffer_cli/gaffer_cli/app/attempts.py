"""Several things to do, of which some may fail without keeping the others from being done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gaffer_client import ClientError, ConnectionLostError, UnreachableError

from gaffer_cli.exit_codes import FAILED, Failure
from gaffer_cli.invocation import Invocation


class Attempts:
    """Says what fails, in a line each.

    Args:
        run: says it.

    Attributes:
        errors: what was said, by the name of what failed.
    """

    def __init__(self, run: Invocation) -> None:
        self._run = run
        self.errors: dict[str, str] = {}

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """A block that may fail; without gafferd the rest would, too, so that is raised."""
        try:
            yield
        except (UnreachableError, ConnectionLostError):
            raise
        except (ClientError, Failure) as error:
            self.errors[name] = str(error)
            self._run.complain(str(error))

    @property
    def status(self) -> int:
        """What the command ends with."""
        return FAILED if self.errors else 0
