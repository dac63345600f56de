"""A click group whose verbs are imported when they are used."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from copy import copy
from difflib import get_close_matches
from functools import wraps
from typing import Any

import click

from gaffer_cli.cluster.dispatch import dispatch
from gaffer_cli.options import Shared
from gaffer_cli.plugin_commands import get_plugin_verbs
from gaffer_cli.verb import Verb
from gaffer_cli.verbs import ALL


class VerbGroup(click.Group):
    """A command with its own verbs and those of plugins, which never replace its own.

    Options of the command may precede or follow the verb.

    Args:
        name: the name of the command.
        verbs: its own verbs.
        shared: makes the options that may also follow the verb.
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
        return [*self.own, *sorted(get_plugin_verbs(self._name).keys() - self.own.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.own.get(cmd_name) or get_plugin_verbs(self._name).get(cmd_name)
        return None if verb is None else self.load_command(verb)

    def load_command(self, verb: Verb) -> click.Command:
        """Import the command of a verb, and add the shared options."""
        command = copy(verb.load())
        command.epilog = command.epilog or f"Also takes the options of {self.name}."
        command.params = [*command.params, *self._get_shared(command)]
        if command.callback is not None:
            command.callback = _interruptible(dispatch(verb, command.callback))
        return command

    def _get_shared(self, command: click.Command) -> list[click.Option]:
        """Return the shared options, without the names that a verb uses for options of its own."""
        own = {name for each in command.params for name in each.opts}
        shared = self._shared()
        for option in shared:
            option.opts = [name for name in option.opts if name not in own]
        return shared

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; suggest another one if there is none of that name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            other = self._suggest(ctx, name)
            ctx.fail(f"no such command {name!r}" + (f", did you mean {other}?" if other else ""))
        return super().resolve_command(ctx, args)

    def _suggest(self, ctx: click.Context, name: str) -> str | None:
        """Return the verb of this name of the other command, or one of a similar name."""
        for verb in ALL:
            if verb.name == name:
                return f"{verb.program} {name}"
        close = get_close_matches(name, self.list_commands(ctx), n=1)
        return close[0] if close else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs, without importing them."""
        verbs = {**get_plugin_verbs(self._name), **self.own}
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, verbs[name].summary) for name in names])

    @property
    def _name(self) -> str:
        assert self.name is not None
        return self.name


def _interruptible(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the function of a verb so that SIGINT raises KeyboardInterrupt, Python's default."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return callback(*args, **kwargs)

    return call
