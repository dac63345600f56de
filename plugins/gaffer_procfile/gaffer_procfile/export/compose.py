"""Format for Docker Compose: a service for each type."""

from __future__ import annotations

from gaffer_procfile.application import PORT, Application, Type
from gaffer_procfile.export.yaml import Value, dump
from gaffer_procfile.exporter import ExportedFile, Exporter


def export(application: Application) -> list[ExportedFile]:
    """Create `compose.yaml`, whose image is built from the folder of the application."""
    services: dict[str, Value] = {each.name: _service(each) for each in application.types()}
    # Compose allows neither capitals nor + in the name of a project.
    name = application.name.lower().replace("+", "-")
    return [ExportedFile("compose.yaml", dump({"name": name, "services": services}))]


def _service(each: Type) -> Value:
    # A container has its own ports, so all processes of a type can use the same.
    env = {**each.env, PORT: str(each.port)}
    return {
        "build": ".",
        "command": ["/bin/sh", "-c", _escape(each.command)],
        "environment": {name: _escape(value) for name, value in env.items()},
        "restart": "always",
        "deploy": {"replicas": each.count},
    }


def _escape(text: str) -> str:
    """Escape `$`, which begins a variable for compose."""
    return text.replace("$", "$$")


exporter = Exporter("compose", "services for Docker Compose", export)
