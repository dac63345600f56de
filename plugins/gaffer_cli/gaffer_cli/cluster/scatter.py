"""A verb at many gafferds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import click
from gaffer_client import NotFoundError

from gaffer_cli.cluster.at import Answer, AtPlace
from gaffer_cli.cluster.places import Place, check_place, places
from gaffer_cli.exit_codes import FAILED, NotLoaded, status_of
from gaffer_cli.invocation import Invocation

AT_ONCE = 64
"""Gafferds that are asked at the same time."""

Verb = Callable[[], Any]


class _Outcome(NamedTuple):
    """What came of it at one place."""

    place: Place
    answers: list[Answer]
    status: int
    error: Exception | None = None

    @property
    def is_absent(self) -> bool:
        """Whether what was asked about is just not there."""
        return isinstance(self.error, NotFoundError | NotLoaded)


def scatter(ctx: click.Context, run: Invocation, verb: Verb) -> int:
    """Run a verb at each gafferd that lookupds know; tell it all, in the order of their names.

    Where there is no such thing as the verb is about nothing is told, unless that is so everywhere.

    Args:
        ctx: of the verb.
        run: its options say which gafferds.
        verb: does it, in a context whose object is an Invocation.

    Returns:
        The status: that of the verb where it was the same everywhere, else 1.

    Raises:
        Failure, ClientError: there is nobody to ask.
        Exception: what the verb raises that no person can do anything about.
    """
    found = places(run)
    outcomes = sorted(_gathered(found, partial(_at, ctx, run, verb)))
    present = [each for each in outcomes if not each.is_absent] or outcomes
    _tell(run, present)
    statuses = {each.status for each in present}
    return statuses.pop() if len(statuses) == 1 else FAILED


def _gathered(found: list[Place], at: Callable[[Place], _Outcome]) -> Iterator[_Outcome]:
    waiting: SimpleQueue[Place | None] = SimpleQueue()
    done: SimpleQueue[_Outcome | BaseException] = SimpleQueue()
    for place in found:
        waiting.put(place)

    def work() -> None:
        while (place := waiting.get()) is not None:
            try:
                done.put(at(place))
            except BaseException as error:  # noqa: BLE001
                # Raised below, a SystemExit too: here it would only end this thread.
                done.put(error)

    for _ in range(min(AT_ONCE, len(found))):
        waiting.put(None)
    for _ in range(min(AT_ONCE, len(found))):
        # Daemons: Ctrl-C waits for none of them.
        Thread(target=work, daemon=True).start()
    for _ in found:
        outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


def _at(ctx: click.Context, run: Invocation, verb: Verb, place: Place) -> _Outcome:
    here = AtPlace(run, place)
    try:
        check_place(run, place)
        with click.Context(ctx.command, ctx.parent, ctx.info_name, here):
            status = verb()
    except Exception as error:
        failed = status_of(error)
        if failed is None or isinstance(error, click.ClickException):
            raise
        return _Outcome(place, here.answers, failed, error)
    return _Outcome(place, here.answers, status if isinstance(status, int) else 0)


def _tell(run: Invocation, outcomes: list[_Outcome]) -> None:
    reasons: dict[str, list[str]] = {}
    for each in outcomes:
        if each.error is not None:
            reasons.setdefault(str(each.error), []).append(each.place.name)
    for reason, names in reasons.items():
        run.complain(f"{', '.join(names)}: {reason}")
    data = {each.place.name: answer.data for each in outcomes for answer in each.answers}
    errors = {each.place.name: str(each.error) for each in outcomes if each.error is not None}
    run.show({"nodes": data, "errors": errors}, _lines(outcomes))


def _lines(outcomes: list[_Outcome]) -> Iterator[str]:
    for each in outcomes:
        lines = [line for answer in each.answers for line in answer.lines]
        if len(lines) > 1:
            yield f"{each.place.name}:"
            yield from (f"  {line}".rstrip() for line in lines)
        elif lines:
            yield f"{each.place.name}: {lines[0]}"
