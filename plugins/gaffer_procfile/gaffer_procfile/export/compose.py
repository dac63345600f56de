"""Docker Compose: a service for each type."""

from __future__ import annotations

from gaffer_procfile.application import PORT, Application, Type
from gaffer_procfile.export.yaml import Value, dump
from gaffer_procfile.exporter import ExportedFile, Exporter


def export(application: Application) -> list[ExportedFile]:
    """`compose.yaml`, whose image is built from the folder of the application."""
    services: dict[str, Value] = {each.name: _service(each) for each in application.types()}
    # Of compose's own choice of characters.
    name = application.name.lower().replace("+", "-")
    return [ExportedFile("compose.yaml", dump({"name": name, "services": services}))]


def _service(each: Type) -> Value:
    # A container has its own ports, so all of a type can have the same.
    env = {**each.env, PORT: str(each.port)}
    return {
        "build": ".",
        "command": ["/bin/sh", "-c", _plain(each.command)],
        "environment": {name: _plain(value) for name, value in env.items()},
        "restart": "always",
        "deploy": {"replicas": each.count},
    }


def _plain(text: str) -> str:
    """A text in which compose replaces no variables."""
    return text.replace("$", "$$")


exporter = Exporter("compose", "services for Docker Compose", export)
