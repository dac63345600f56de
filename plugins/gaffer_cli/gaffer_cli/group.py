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
from gaffer_cli.help_format import HelpContext
from gaffer_cli.options import Shared, SharedOption
from gaffer_cli.plugin_commands import get_plugin_verbs
from gaffer_cli.verb import Verb
from gaffer_cli.verbs import ALL, GROUPS


class VerbGroup(click.Group):
    """A command with its own verbs and those of plugins, which never replace its own.

    Options of the command may precede or follow the verb.

    Args:
        name: the name of the command.
        verbs: its own verbs.
        shared: makes the options that may also follow the verb.
        kwargs: as for click.Group.
    """

    context_class = HelpContext

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
        command.context_class = HelpContext
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

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help: verbs first, the options of the connection last."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_commands(ctx, formatter)
        options = [option for option in self.get_params(ctx) if not _is_for_connection(option)]
        _write_options(ctx, formatter, "Options", options)
        self.format_epilog(ctx, formatter)
        options = [option for option in self.get_params(ctx) if _is_for_connection(option)]
        _write_options(ctx, formatter, "Connection options", options)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs in groups, without importing them."""
        verbs = {**get_plugin_verbs(self._name), **self.own}
        groups = {title: names.split() for title, names in GROUPS.get(self._name, {}).items()}
        grouped = {name for names in groups.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in grouped]
        width = max(map(len, verbs), default=0)
        for title, names in {**groups, "Other commands": others}.items():
            rows = [(name.ljust(width), verbs[name].summary) for name in names if name in verbs]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    @property
    def _name(self) -> str:
        assert self.name is not None
        return self.name


def _is_for_connection(option: click.Parameter) -> bool:
    return isinstance(option, SharedOption) and option.is_for_connection


def _write_options(
    ctx: click.Context, formatter: click.HelpFormatter, title: str, options: list[click.Parameter]
) -> None:
    records = [option.get_help_record(ctx) for option in options]
    if rows := [record for record in records if record is not None]:
        with formatter.section(title):
            formatter.write_dl(rows)


def _interruptible(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the function of a verb so that SIGINT raises KeyboardInterrupt, Python's default."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return callback(*args, **kwargs)

    return call
