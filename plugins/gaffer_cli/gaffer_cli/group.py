"""A command with verbs, which are imported when they are used."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from copy import copy
from difflib import get_close_matches
from functools import wraps
from typing import Any

import click

from gaffer_cli.cluster.reach import reaching
from gaffer_cli.options import Shared
from gaffer_cli.plugin_commands import contributed
from gaffer_cli.verb import Verb
from gaffer_cli.verbs import ALL


class Verbs(click.Group):
    """A command with verbs: its own, and those of plugins, which never replace an own one.

    Options of the command may stand before the verb and after it.

    Args:
        name: of the command.
        verbs: its own.
        shared: makes the options that may also stand after the verb.
        kwargs: as for click.Group.
    """

    def __init__(
        self,
        name: str,
        verbs: Iterable[Verb],
        shared: Shared,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.own = {verb.name: verb for verb in verbs}
        self._shared = shared
        self.params += shared()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.own, *sorted(contributed(self._name).keys() - self.own.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.own.get(cmd_name) or contributed(self._name).get(cmd_name)
        return None if verb is None else self.prepared(verb)

    def prepared(self, verb: Verb) -> click.Command:
        """The command of a verb, with the options that may stand after it, too."""
        command = copy(verb.load())
        command.epilog = command.epilog or f"Options of {self.name} may stand here, too."
        command.params = [*command.params, *self._shared()]
        if command.callback is not None:
            command.callback = _interruptible(reaching(verb, command.callback))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; say which one may be meant if there is none."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            meant = self._meant(ctx, name)
            ctx.fail(f"no such command {name!r}" + (f", did you mean {meant}?" if meant else ""))
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: click.Context, name: str) -> str | None:
        """The verb of the other command that is called so, or one of a name like it."""
        for verb in ALL:
            if verb.name == name:
                return f"{verb.program} {name}"
        close = get_close_matches(name, self.list_commands(ctx), n=1)
        return close[0] if close else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs, without importing them."""
        verbs = {**contributed(self._name), **self.own}
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, verbs[name].summary) for name in names])

    @property
    def _name(self) -> str:
        assert self.name is not None
        return self.name


def _interruptible(callback: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a verb, in which Ctrl-C is an exception, as in any program of Python."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return callback(*args, **kwargs)

    return call
