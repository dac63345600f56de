"""The application that a verb of gaffer is about: its Procfile, its variables and its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gaffer_cli.app.concurrency import counts_of
from gaffer_cli.exit_codes import Failure
from gaffer_cli.invocation import Invocation

if TYPE_CHECKING:
    from gaffer_procfile import Application

HERE = "."
"""The application of this folder, as a name."""


def application(run: Invocation, concurrency: Iterable[str] = ()) -> Application:
    """Read the Procfile that the options name.

    Args:
        run: has them.
        concurrency: settings such as `web=2,worker=1`; later ones win.

    Raises:
        ConfigError: a file is wrong, or a setting is for a type that it does not have.
        Failure: there is no such Procfile, or a setting is none.
    """
    # Late: it takes the kernel.
    from gaffer_procfile import Application

    procfile = procfile_of(run)
    if not procfile.exists():
        raise Failure(f"{procfile}: no such Procfile; name one with -f, or its folder with -d")
    counts = counts_of(concurrency)
    root = _root(run) if run.directory else None
    return Application.read(procfile, root=root, env=_variables(run), concurrency=counts)


def procfile_of(run: Invocation) -> Path:
    """The Procfile that the options name, which may not be there."""
    return Path(run.procfile) if run.procfile else _root(run) / "Procfile"


def environment(run: Invocation) -> tuple[Path, dict[str, str]]:
    """Where an application runs and with which variables, with a Procfile or without.

    PORT is among them: that of the first process.

    Raises:
        ConfigError: a file cannot be read, or is wrong.
    """
    from gaffer_procfile import load_env
    from gaffer_procfile.application import FIRST_PORT, PORT

    root = _folder(run)
    beside = root / ".env"
    found = {PORT: os.environ.get(PORT, str(FIRST_PORT))}
    found |= load_env(beside) if beside.is_file() else {}
    return root, found | _variables(run)


def application_name(run: Invocation, name: str | None = None) -> str:
    """The session of an application on gafferd.

    Args:
        run: its options say in which folder the application is.
        name: the name, if it was given; HERE means that none was.
    """
    if name not in (None, HERE):
        return str(name)
    from gaffer_procfile.application import get_app_name

    return get_app_name(_folder(run))


def _folder(run: Invocation) -> Path:
    """Where it runs: the folder that was named, or else that of the Procfile."""
    if run.procfile and not run.directory:
        return Path(run.procfile).parent.absolute()
    return _root(run).absolute()


def _root(run: Invocation) -> Path:
    return Path(run.directory or HERE)


def _variables(run: Invocation) -> dict[str, str]:
    """What -e says, in its order: variables and files of them."""
    from gaffer_procfile import load_env

    found: dict[str, str] = {}
    for text in run.env:
        name, equals, value = text.partition("=")
        found |= {name: value} if equals and not Path(text).is_file() else load_env(text)
    return found
