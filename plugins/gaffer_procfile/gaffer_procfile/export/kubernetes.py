"""Format for Kubernetes: a deployment for each type."""

from __future__ import annotations

import re

from gaffer_procfile.application import PORT, Application, Type
from gaffer_procfile.export.yaml import Value, dump
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError

MAX_NAME = 63

_NOT_ALLOWED = re.compile(r"[^a-z0-9]+")


def export(application: Application) -> list[ExportedFile]:
    """Create one file with all deployments; the image is the placeholder `NAME:latest`.

    Raises:
        ExportError: two types have the same name in Kubernetes, which allows no capitals and `_`.
    """
    documents: dict[str, str] = {}
    for each in application.types():
        name = _make_name(f"{application.name}-{each.name}")
        if name in documents:
            raise ExportError(f"{each.name}: another type has the name {name} in Kubernetes, too")
        documents[name] = dump(_deployment(application, name, each))
    text = "---\n".join(documents.values())
    return [ExportedFile(f"{application.name}.yaml", text)]


def _make_name(text: str) -> str:
    return _NOT_ALLOWED.sub("-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")


def _deployment(application: Application, name: str, each: Type) -> dict[str, Value]:
    labels: Value = {
        "app.kubernetes.io/name": _make_name(each.name),
        "app.kubernetes.io/part-of": _make_name(application.name),
    }
    env = {**each.env, PORT: str(each.port)}
    variables: list[Value] = [{"name": key, "value": _escape(value)} for key, value in env.items()]
    container: Value = {
        "name": _make_name(each.name),
        "image": f"{_make_name(application.name)}:latest",
        "command": ["/bin/sh", "-c", _escape(each.command)],
        "env": variables,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": each.count,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _escape(text: str) -> str:
    """Escape `$`: for Kubernetes, `$(NAME)` is a variable and `$$` is a `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)


exporter = Exporter("kubernetes", "deployments for Kubernetes", export)
