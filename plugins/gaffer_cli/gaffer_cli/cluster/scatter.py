"""A verb run on many nodes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import click
from gaffer_client import NotFoundError

from gaffer_cli.cluster.node_invocation import NodeInvocation, Shown
from gaffer_cli.cluster.nodes import NodeAddress, check_node, find_nodes
from gaffer_cli.exit_codes import FAILED, NotLoadedError, get_exit_status
from gaffer_cli.invocation import Invocation

MAX_CONCURRENT = 64
"""Nodes that are sent requests at the same time."""

Call = Callable[[], Any]


class _Outcome(NamedTuple):
    """The result of the verb on one node."""

    node: NodeAddress
    results: list[Shown]
    status: int
    error: Exception | None = None

    @property
    def is_absent(self) -> bool:
        """Whether the node does not have the job or the application."""
        return isinstance(self.error, NotFoundError | NotLoadedError)


def scatter(ctx: click.Context, run: Invocation, call: Call) -> int:
    """Run a verb on each node that lookupds know, and print the results by node name.

    Nodes that do not have the job or application of the verb are left out, unless none has it.

    Args:
        ctx: the context of the verb.
        run: the invocation, whose options choose the nodes.
        call: runs the verb, in a context whose object is an Invocation.

    Returns:
        The exit status: that of the verb if it was the same on all nodes, else 1.

    Raises:
        CommandError, ClientError: there is no node.
        Exception: the verb raised an error that is a bug.
    """
    found = find_nodes(run)
    outcomes = sorted(_gather(found, partial(_run_on, ctx, run, call)))
    present = [each for each in outcomes if not each.is_absent] or outcomes
    _report(run, present)
    statuses = {each.status for each in present}
    return statuses.pop() if len(statuses) == 1 else FAILED


def _gather(
    found: list[NodeAddress], run_on: Callable[[NodeAddress], _Outcome]
) -> Iterator[_Outcome]:
    waiting: SimpleQueue[NodeAddress | None] = SimpleQueue()
    done: SimpleQueue[_Outcome | BaseException] = SimpleQueue()
    for node in found:
        waiting.put(node)

    def work() -> None:
        while (node := waiting.get()) is not None:
            try:
                done.put(run_on(node))
            except BaseException as error:  # noqa: BLE001
                # Raised below, SystemExit included, which would only end this thread.
                done.put(error)

    for _ in range(min(MAX_CONCURRENT, len(found))):
        waiting.put(None)
    for _ in range(min(MAX_CONCURRENT, len(found))):
        # Daemon threads, so that Ctrl-C does not wait for them.
        Thread(target=work, daemon=True).start()
    for _ in found:
        outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


def _run_on(ctx: click.Context, run: Invocation, call: Call, node: NodeAddress) -> _Outcome:
    node_run = NodeInvocation(run, node)
    try:
        check_node(run, node)
        with click.Context(ctx.command, ctx.parent, ctx.info_name, node_run):
            status = call()
    except Exception as error:
        failed = get_exit_status(error)
        if failed is None or isinstance(error, click.ClickException):
            raise
        return _Outcome(node, node_run.results, failed, error)
    return _Outcome(node, node_run.results, status if isinstance(status, int) else 0)


def _report(run: Invocation, outcomes: list[_Outcome]) -> None:
    reasons: dict[str, list[str]] = {}
    for each in outcomes:
        if each.error is not None:
            reasons.setdefault(str(each.error), []).append(each.node.name)
    for reason, names in reasons.items():
        run.warn(f"{', '.join(names)}: {reason}")
    data = {each.node.name: shown.data for each in outcomes for shown in each.results}
    errors = {each.node.name: str(each.error) for each in outcomes if each.error is not None}
    run.show({"nodes": data, "errors": errors}, _lines(outcomes))


def _lines(outcomes: list[_Outcome]) -> Iterator[str]:
    for each in outcomes:
        lines = [line for shown in each.results for line in shown.lines]
        if len(lines) > 1:
            yield f"{each.node.name}:"
            yield from (f"  {line}".rstrip() for line in lines)
        elif lines:
            yield f"{each.node.name}: {lines[0]}"
