"""Format for systemd: a unit for each process, and a target for all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gaffer_procfile.application import Application, Instance
from gaffer_procfile.exporter import ExportedFile, Exporter

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'[\\"\n\r\t]')


def export(application: Application) -> list[ExportedFile]:
    """Create `NAME.target`, and `NAME-TYPE.NUMBER.service` for each process."""
    services = [
        (f"{application.name}-{each.name}.{instance.number}.service", instance)
        for each in application.types()
        for instance in each.instances()
    ]
    wants = " ".join(name for name, _ in services)
    target = ["[Unit]", f"Wants={wants}", "", "[Install]", "WantedBy=multi-user.target", ""]
    return [
        ExportedFile(f"{application.name}.target", "\n".join(target)),
        *(
            ExportedFile(name, "\n".join(_service(application, instance)))
            for name, instance in services
        ),
    ]


def _service(application: Application, instance: Instance) -> Iterator[str]:
    yield "[Unit]"
    yield f"PartOf={application.name}.target"
    yield ""
    yield "[Service]"
    for key in ("User", "Group"):
        value = application.env.get(f"GAFFER_{key[0]}ID")
        if value:
            yield f"{key}={_escape_percent(value)}"
    # Not quoted: systemd uses the rest of the line unchanged, except for %.
    yield f"WorkingDirectory={_escape_percent(str(application.root))}"
    for name, value in instance.env.items():
        yield f"Environment={_quote(f'{name}={value}')}"
    command = _quote(instance.type.command).replace("$", "$$")
    yield f"ExecStart=/bin/sh -c {command}"
    yield "Restart=always"
    yield f"SyslogIdentifier={instance.type.name}.{instance.number}"
    yield ""


def _quote(text: str) -> str:
    """Quote a text as one word for systemd."""
    return f'"{_escape_percent(_ESCAPED.sub(lambda match: _ESCAPES[match[0]], text))}"'


def _escape_percent(text: str) -> str:
    return text.replace("%", "%%")


exporter = Exporter("systemd", "units for systemd", export)
