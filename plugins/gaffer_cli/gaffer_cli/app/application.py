"""The application that a verb of gaffer acts on: its Procfile, its variables and its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gaffer_cli.app.concurrency import parse_counts
from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import PROCFILE_VARIABLE, Invocation

if TYPE_CHECKING:
    from gaffer_procfile import Application

port_option = click.option(
    "-p",
    "--port",
    metavar="N",
    type=click.IntRange(1, 65535),
    help="PORT of the first process; types are 100 apart (default: $PORT, else the first hundred"
    " from 5000 that is free)",
)

HERE = "."
"""The name that stands for the application of the current folder."""


def read_application(run: Invocation, concurrency: Iterable[str] = ()) -> Application:
    """Read the Procfile that the options name.

    Args:
        run: the invocation with these options.
        concurrency: settings such as `web=2,worker=1`; later ones win.

    Raises:
        ConfigError: a file is invalid, or a setting names a type that the Procfile does not have.
        CommandError: there is no such Procfile, or a setting is malformed.
    """
    # Imported here because it loads the kernel.
    from gaffer_procfile import Application

    procfile = get_procfile(run)
    if not procfile.exists():
        raise CommandError(f"{procfile}: no such Procfile; name one with -f, or its folder with -d")
    counts = parse_counts(concurrency)
    return Application.read(
        procfile,
        root=_folder(run),
        env=_variables(run),
        concurrency=counts,
        default_env=not run.no_env,
    )


def set_first_port(app: Application, port: int | None) -> Application:
    """Return the application with another first PORT: the option, else its own, else $PORT.

    Args:
        app: the application.
        port: the value of the option; None if not given.
    """
    first = port or app.env.get("PORT") or os.environ.get("PORT")
    return replace(app, env={**app.env, "PORT": str(first)}) if first else app


def get_procfile(run: Invocation) -> Path:
    """Return the path of the Procfile that the options name; the file may not exist.

    Without an option its name is PROCFILE of the environment or of `.env`, relative to the folder
    of the application.

    Raises:
        ConfigError: `.env` cannot be read, or is invalid.
    """
    if run.procfile:
        return Path(run.procfile)
    name = os.environ.get(PROCFILE_VARIABLE) or _read_default_env(run).get(PROCFILE_VARIABLE)
    return _root(run) / (name or "Procfile")


def get_environment(run: Invocation) -> tuple[Path, dict[str, str]]:
    """Return the folder and the variables of an application, with or without a Procfile.

    The variables include PORT, that of the first process.

    Raises:
        ConfigError: a file cannot be read, or is invalid.
    """
    from gaffer_procfile.application import FIRST_PORT, PORT

    env = {PORT: os.environ.get(PORT, str(FIRST_PORT))}
    return _folder(run), env | _read_default_env(run) | _variables(run)


def _read_default_env(run: Invocation) -> dict[str, str]:
    """Read the `.env` of the application, if there is one and --no-env is not given."""
    file = _folder(run) / ".env"
    if run.no_env or not file.is_file():
        return {}
    from gaffer_procfile import load_env

    return load_env(file)


def get_application_name(run: Invocation, name: str | None = None) -> str:
    """Return the session of an application in gafferd.

    Args:
        run: the invocation, whose options name the folder of the application.
        name: the name on the command line; None or HERE for the application of the folder.
    """
    if name not in (None, HERE):
        return str(name)
    from gaffer_procfile.application import get_app_name

    return get_app_name(_folder(run))


def _folder(run: Invocation) -> Path:
    """Return the working directory: -d if given, else the folder of the Procfile."""
    if run.procfile and not run.directory:
        return Path(run.procfile).parent.absolute()
    return _root(run).absolute()


def _root(run: Invocation) -> Path:
    return Path(run.directory or HERE)


def _variables(run: Invocation) -> dict[str, str]:
    """Read the variables and the files of variables given with -e, in order."""
    from gaffer_procfile import load_env

    env: dict[str, str] = {}
    for text in run.env:
        name, equals, value = text.partition("=")
        env |= {name: value} if equals and not Path(text).is_file() else load_env(text, env)
    return env
