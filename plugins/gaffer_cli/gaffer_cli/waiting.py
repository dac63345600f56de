"""Verbs that change something: they end when it has come true, not when it is recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Event, Thread, current_thread, main_thread
from typing import Any, Generic, TypeVar

import click
from gaffer_client import ClientError, Job, NotSettledError

from gaffer_cli.condition import condition
from gaffer_cli.exit_codes import Failure

T = TypeVar("T")

Wait = float | None
"""Seconds to wait for what was asked for; None for not at all."""

_USUAL = 60
_LONGEST = 600
"""Seconds: the API waits no longer."""
_GLANCE = 0.5
"""Seconds that nobody needs an explanation for."""
_LOOK = 1.0
"""Seconds between two looks at what is waited for."""


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb `--wait` and `--no-wait`; its function gets one argument, `wait`."""

    @click.option(
        "--wait",
        metavar="SECONDS",
        type=click.FloatRange(0, _LONGEST),
        default=_USUAL,
        show_default=True,
        help="wait so long until it is done",
    )
    @click.option("--no-wait", is_flag=True, help="only have it recorded, and do not wait")
    @wraps(function)
    def verb(*args: Any, wait: float, no_wait: bool, **kwargs: Any) -> Any:
        return function(*args, wait=None if no_wait else wait, **kwargs)

    return verb


def settle(what: str, ask: Callable[[], T], *, starting: Job | None = None) -> T:
    """Ask for a change and return the answer; people at a terminal see what is waited for.

    Args:
        what: has to change, such as the name of a job.
        ask: asks, and waits.
        starting: the job that has to start; if it cannot, there is nothing to wait for.

    Raises:
        ClientError: what `ask` raises.
        Failure: it is recorded, and has not come true.
    """
    asked = _Asked(ask)
    if not asked.answered(_GLANCE):
        with _spinner(f"waiting for {what}"):
            while not asked.answered(_LOOK):
                _check(what, starting)
    try:
        return asked.result()
    except NotSettledError as error:
        why = "" if starting is None else f", it is {condition(starting.status())}"
        raise Failure(f"{what}: {error}{why}") from None


def _check(what: str, starting: Job | None) -> None:
    if starting is None:
        return
    try:
        status = starting.status()
    except ClientError:
        # The answer that is waited for will say more.
        return
    # The error may be an old one, as long as nothing waits for the next start.
    if status.last_error is not None and status.next_start_in is not None:
        raise Failure(f"{what}: {status.last_error}")


class _Asked(Generic[T]):
    """A question that is being asked, in a thread: whoever asks can look around meanwhile."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._over = Event()
        self._answer: list[T] = []
        self._error: Exception | None = None
        # A daemon: Ctrl-C, and the end of this program, wait for no answer.
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer.append(self._ask())
        except Exception as error:  # noqa: BLE001
            # Raised again by `result`.
            self._error = error
        self._over.set()

    def answered(self, seconds: float) -> bool:
        """Whether there is an answer, after so many seconds at the most."""
        return self._over.wait(seconds)

    def result(self) -> T:
        """The answer, or the error that it is."""
        if self._error is not None:
            raise self._error
        return self._answer[0]


@contextmanager
def _spinner(text: str) -> Iterator[None]:
    # One at a time: with many gafferds each has a thread of its own.
    if not sys.stderr.isatty() or current_thread() is not main_thread():
        yield
        return
    # Late: it takes longer than most answers.
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)):
        yield
