"""`gaffer export`: write the Procfile in the format of another supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gaffer_cli.app.application import read_application
from gaffer_cli.app.concurrency import concurrency_option
from gaffer_cli.app.formats import get_exporter, is_format
from gaffer_cli.app.port_conflicts import warn_port_conflicts
from gaffer_cli.app.process_types import TYPE
from gaffer_cli.exit_codes import USAGE, CommandError
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
    help="where to write; a folder if there are several files (default: standard output)",
)
@click.option("--force", is_flag=True, help="replace existing files")
@click.pass_obj
def command(
    run: Invocation,
    words: tuple[str, ...],
    concurrency: tuple[str, ...],
    format_: str | None,
    out: str | None,
    force: bool,
) -> None:
    """Export the Procfile to another format, with all types or one TYPE.

    `ini` is for gafferd, to run or to include; `json` for its API: all jobs, or that of one TYPE.
    The files contain the variables, including secrets. `gaffer export FORMAT FILE` also works.

    The type `release` gets no process, unless it or its number is given.

    \b
    Examples:
      gaffer export --out shop.ini
      gaffer export --format json web
      gaffer export --format systemd -c web=2 --out /etc/systemd/system
    """
    from gaffer_procfile.ports import get_type_ports

    app = read_application(run, concurrency)
    format_, out, name = _parse_arguments(app, list(words), format_, out)
    format_ = format_ or (JSON if run.json and out is None else "ini")
    if run.json and out is None and format_ != JSON:
        raise CommandError(f"export: --json prints JSON, and {format_} is another format", USAGE)
    if name is not None:
        app = app.only(name)
    files = get_exporter(format_).export(app)
    warn_port_conflicts(run, get_type_ports(app))
    if out is None:
        _print(files, format_)
    else:
        if len(files) > 1 or out.endswith("/"):
            Path(out).mkdir(parents=True, exist_ok=True)
        written = _write(files, Path(out), force)
        run.show({"files": written}, [f"wrote {path}" for path in written])


def _parse_arguments(
    app: Application, words: list[str], format_: str | None, out: str | None
) -> tuple[str | None, str | None, str | None]:
    """Return format, file and type, from options or words; no file for standard output."""
    if words and format_ is None and words[0] not in app.procfile.entries and is_format(words[0]):
        format_ = words.pop(0)
        if words and out is None and words[0] not in app.procfile.entries:
            out = words.pop(0)
    if len(words) > 1:
        raise CommandError(f"export: one TYPE at most, not {' '.join(words)}", USAGE)
    return format_, None if out == STANDARD_OUTPUT else out, words[0] if words else None


def _print(files: list[ExportedFile], format_: str) -> None:
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise CommandError(f"{format_} has several files, {names}: name a folder with --out", USAGE)
    for file in files:
        # As bytes, because gafferd reads UTF-8 whatever the encoding of the terminal.
        click.echo(file.text.encode(), nl=False)


def _write(files: list[ExportedFile], out: Path, force: bool) -> list[str]:
    """Write all files, or none if one of them would replace another file."""
    targets = {out / file.name if out.is_dir() else out: file.text for file in files}
    for path, text in targets.items():
        if not force and path.is_file() and path.read_bytes() not in (b"", text.encode()):
            raise CommandError(f"{path} exists with other content: --force replaces it")
    for path, text in targets.items():
        path.write_text(text, encoding="utf-8")
    return [str(path) for path in targets]
