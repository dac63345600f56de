"""Verbs that wait until a change is complete, not only until gafferd has recorded it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Event, Thread, current_thread, main_thread
from typing import Any, Generic, Protocol, TypeVar

import click
from gaffer_client import NotSettledError, RestartFailedError

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.printable import printable

T = TypeVar("T")

Wait = float | None
"""Seconds to wait for the change; None for not at all."""

_DEFAULT_WAIT = 60
_MAX_WAIT = 600
"""Seconds: the limit of the API."""
_SPINNER_DELAY = 0.5
"""Seconds of waiting before the spinner appears."""
_CHECK_INTERVAL = 1.0
"""Seconds between two checks of a job that is starting."""
_REPORT_DELAY = 2.0
"""Seconds of waiting before the spinner also shows the condition of the job."""


class Starting(Protocol):
    """A job that a request starts."""

    def check_crash_loop(self) -> str | None:
        """Raise CommandError if the job cannot start; return its condition, if it is known."""

    def describe(self) -> str:
        """Return the condition of the job."""


def wait_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--wait` and `--no-wait` to a verb; its function gets one argument, `wait`."""

    @click.option(
        "--wait",
        metavar="SECONDS",
        type=click.FloatRange(0, _MAX_WAIT),
        default=_DEFAULT_WAIT,
        show_default=True,
        help="wait at most so long until it is done; processes that start must then live a second",
    )
    @click.option("--no-wait", is_flag=True, help="return when it is recorded, do not wait")
    @wraps(function)
    def verb(*args: Any, wait: float, no_wait: bool, **kwargs: Any) -> Any:
        return function(*args, wait=None if no_wait else wait, **kwargs)

    return verb


def wait_settled(what: str, send: Callable[[], T], *, starting: Starting | None = None) -> T:
    """Send a request that waits for a change, and return the answer.

    On a terminal a spinner shows what is waited for.

    Args:
        what: what changes, such as the name of a job.
        send: sends the request, and waits for the answer.
        starting: a job that starts; the wait ends early if it cannot.

    Raises:
        ClientError: what `send` raises.
        CommandError: the change is recorded, but not complete in the time given.
    """
    request = PendingRequest(send)
    if not request.wait_done(_SPINNER_DELAY):
        text = f"waiting for {what}"
        with _spinner(text) as update:
            waited = _SPINNER_DELAY
            while not request.wait_done(_CHECK_INTERVAL):
                waited += _CHECK_INTERVAL
                condition = None if starting is None else starting.check_crash_loop()
                if condition is not None and waited >= _REPORT_DELAY:
                    update(f"{text}: it is {condition}")
    try:
        return request.get_result()
    except RestartFailedError as error:
        raise CommandError(f"{what}: {error}") from None
    except NotSettledError as error:
        why = "" if starting is None else f", it is {starting.describe()}"
        raise CommandError(f"{what}: {error}{why}") from None


class PendingRequest(Generic[T]):
    """A request that is sent by a thread, so that the caller can do other things meanwhile."""

    def __init__(self, send: Callable[[], T]) -> None:
        self._send = send
        self._done = Event()
        self._answer: list[T] = []
        self._error: Exception | None = None
        # A daemon thread, so that Ctrl-C and the exit of this program do not wait for the answer.
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer.append(self._send())
        except Exception as error:  # noqa: BLE001
            # Raised again by `get_result`.
            self._error = error
        self._done.set()

    def wait_done(self, seconds: float) -> bool:
        """Wait for the answer, at most so many seconds; return whether it is there."""
        return self._done.wait(seconds)

    def join(self) -> T:
        """Wait for the answer, and return it, or raise the error of the request."""
        self._done.wait()
        return self.get_result()

    def get_result(self) -> T:
        """Return the answer, or raise the error of the request."""
        if self._error is not None:
            raise self._error
        return self._answer[0]


@contextmanager
def _spinner(text: str) -> Iterator[Callable[[str], None]]:
    # Only one at a time: with many nodes each request has a thread of its own.
    if not sys.stderr.isatty() or current_thread() is not main_thread():
        yield lambda _: None
        return
    # Imported here because that takes longer than most requests.
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)) as status:
        yield lambda text: status.update(Text(printable(text)))
