"""`gaffer export`: the Procfile for other supervisors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gaffer_cli.app.application import application
from gaffer_cli.app.concurrency import concurrency_option
from gaffer_cli.app.formats import exporter, is_format
from gaffer_cli.app.ports import tell_clashes
from gaffer_cli.app.types import TYPE
from gaffer_cli.exit_codes import USAGE, Failure
from gaffer_cli.invocation import Invocation

if TYPE_CHECKING:
    from gaffer_procfile import Application, ExportedFile

STANDARD_OUTPUT = "-"
JSON = "json"


@click.command("export")
@click.argument("words", metavar="[TYPE]", nargs=-1, type=TYPE)
@concurrency_option
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    help="ini, json, systemd, supervisor, compose, kubernetes, or one of a plugin (default: ini;"
    " with --json: json)",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE|FOLDER",
    type=click.Path(),
    help="where to; a folder if there are several files (default: standard output)",
)
@click.option("--force", is_flag=True, help="replace files that are there")
@click.pass_obj
def command(
    run: Invocation,
    words: tuple[str, ...],
    concurrency: tuple[str, ...],
    format_: str | None,
    out: str | None,
    force: bool,
) -> None:
    """Say what the Procfile says in another format, of all types or of one TYPE.

    `ini` is for gafferd, to run or to include; `json` for its API: all jobs, or that of one TYPE.
    The files hold the variables, secrets too. `gaffer export FORMAT FILE` is understood as well.

    The type `release` has no process there, unless it or its number is given.

    \b
    Examples:
      gaffer export --out shop.ini
      gaffer export --format json web
      gaffer export --format systemd -c web=2 --out /etc/systemd/system
    """
    from gaffer_procfile.ports import get_type_ports

    app = application(run, concurrency)
    format_, out, name = _understood(app, list(words), format_, out)
    format_ = format_ or (JSON if run.json and out is None else "ini")
    if run.json and out is None and format_ != JSON:
        raise Failure(f"export: --json prints JSON, and {format_} is another format", USAGE)
    if name is not None:
        app = app.only(name)
    files = exporter(format_).export(app)
    tell_clashes(run, get_type_ports(app))
    if out is None:
        _print(files, format_)
    else:
        if len(files) > 1 or out.endswith("/"):
            Path(out).mkdir(parents=True, exist_ok=True)
        written = _write(files, Path(out), force)
        run.show({"files": written}, [f"wrote {path}" for path in written])


def _understood(
    app: Application, words: list[str], format_: str | None, out: str | None
) -> tuple[str | None, str | None, str | None]:
    """Format, file and type, whichever way they were given; no file for the standard output."""
    if words and format_ is None and words[0] not in app.procfile.entries and is_format(words[0]):
        format_ = words.pop(0)
        if words and out is None and words[0] not in app.procfile.entries:
            out = words.pop(0)
    if len(words) > 1:
        raise Failure(f"export: one TYPE at most, not {' '.join(words)}", USAGE)
    return format_, None if out == STANDARD_OUTPUT else out, words[0] if words else None


def _print(files: list[ExportedFile], format_: str) -> None:
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise Failure(f"{format_} has several files, {names}: name a folder with --out", USAGE)
    for file in files:
        # Whatever the terminal is set to: gafferd reads UTF-8.
        click.echo(file.text.encode(), nl=False)


def _write(files: list[ExportedFile], out: Path, force: bool) -> list[str]:
    """Write all files, or none if one of them would be replaced."""
    targets = {out / file.name if out.is_dir() else out: file.text for file in files}
    for path, text in targets.items():
        if not force and path.is_file() and path.read_bytes() not in (b"", text.encode()):
            raise Failure(
                f"{path} is there already, with something else in it: --force replaces it"
            )
    for path, text in targets.items():
        path.write_text(text, encoding="utf-8")
    return [str(path) for path in targets]
