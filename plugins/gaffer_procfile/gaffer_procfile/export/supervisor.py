"""Format for supervisor: a program for each process, and a group of all programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gaffer_procfile.application import Application, Instance
from gaffer_procfile.export.shell import add_exports
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError

_COMMENT = re.compile(r"(?<=\s)(?=[;#])")


def export(application: Application) -> list[ExportedFile]:
    """Create one file to include.

    Raises:
        ExportError: a variable contains a line break.
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
    safe = {key: each for key, each in instance.env.items() if _is_safe(each)}
    others = {key: each for key, each in instance.env.items() if key not in safe}
    for key, value in others.items():
        if "\n" in value or "\r" in value:
            raise ExportError(f"{key}: supervisor's file cannot hold a line break")
    command = add_exports(instance.type.command, others)
    yield f"[program:{name}]"
    yield f"command=/bin/sh -c {_escape_percent(_quote(command))}"
    yield f"directory={_escape_percent(str(application.root))}"
    variables = [f'{key}="{_escape_percent(each)}"' for key, each in safe.items()]
    yield f"environment={','.join(variables)}"
    if application.env.get("GAFFER_UID"):
        yield f"user={application.env['GAFFER_UID']}"
    yield f"priority={instance.type.index + 1}"
    yield "autostart=true"
    yield "autorestart=true"
    yield "stopasgroup=true"
    yield "killasgroup=true"
    yield ""


def _is_safe(value: str) -> bool:
    """Return whether double quotes keep a value for supervisor, which has no escapes."""
    return not re.search(r"[\"'\\\r\n;#]", value) and value == value.strip()


def _quote(text: str) -> str:
    """Quote a text as one word for supervisor.

    ` ;` and ` #` begin a comment for supervisor even inside quotes: an empty pair of quotes between
    the two characters prevents that, and does not change the word.
    """
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    return _COMMENT.sub("''", quoted)


def _escape_percent(text: str) -> str:
    return text.replace("%", "%%")


exporter = Exporter("supervisor", "programs for supervisord", export)
