"""supervisor: a program for each process, and a group of all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gaffer_procfile.application import Application, Instance
from gaffer_procfile.export.shell import with_exports
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError

_COMMENT = re.compile(r"(?<=\s)(?=[;#])")


def export(application: Application) -> list[ExportedFile]:
    """One file to be included.

    Raises:
        ExportError: a variable has a line break.
    """
    found = [
        (f"{application.name}-{each.name}-{instance.number}", instance)
        for each in application.types()
        for instance in each.instances()
    ]
    lines = [line for name, each in found for line in _program(application, name, each)]
    names = ",".join(name for name, _ in found)
    lines += [f"[group:{application.name}]", f"programs={names}", ""]
    return [ExportedFile(f"{application.name}.conf", "\n".join(lines))]


def _program(application: Application, name: str, instance: Instance) -> Iterator[str]:
    plain = {key: each for key, each in instance.env.items() if _fits(each)}
    others = {key: each for key, each in instance.env.items() if key not in plain}
    for key, value in others.items():
        if "\n" in value or "\r" in value:
            raise ExportError(f"{key}: supervisor's file cannot hold a line break")
    command = with_exports(instance.type.command, others)
    yield f"[program:{name}]"
    yield f"command=/bin/sh -c {_percent(_word(command))}"
    yield f"directory={_percent(str(application.root))}"
    variables = [f'{key}="{_percent(each)}"' for key, each in plain.items()]
    yield f"environment={','.join(variables)}"
    if application.env.get("GAFFER_UID"):
        yield f"user={application.env['GAFFER_UID']}"
    yield f"priority={instance.type.index + 1}"
    yield "autostart=true"
    yield "autorestart=true"
    yield "stopasgroup=true"
    yield "killasgroup=true"
    yield ""


def _fits(value: str) -> bool:
    """Whether supervisor would read it back from between double quotes: it knows no escapes."""
    return not re.search(r"[\"'\\\r\n;#]", value) and value == value.strip()


def _word(text: str) -> str:
    """One word for supervisor, in which nothing has a meaning.

    Not even ` ;` and ` #`, which begin a comment there, quoted or not: an empty quotation between
    the two does not change the word.
    """
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    return _COMMENT.sub("''", quoted)


def _percent(text: str) -> str:
    return text.replace("%", "%%")


exporter = Exporter("supervisor", "programs for supervisord", export)
