"""Kubernetes: a deployment for each type."""

from __future__ import annotations

import re

from gaffer_procfile.application import PORT, Application, Type
from gaffer_procfile.export.yaml import Value, dump
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError

MAX_NAME = 63

_UNFIT = re.compile(r"[^a-z0-9]+")


def export(application: Application) -> list[ExportedFile]:
    """One file with all deployments; the image is `NAME:latest`, to be replaced.

    Raises:
        ExportError: two types have one name in Kubernetes, which knows neither capitals nor `_`.
    """
    documents: dict[str, str] = {}
    for each in application.types():
        name = _name(f"{application.name}-{each.name}")
        if name in documents:
            raise ExportError(f"{each.name}: another type is called {name} in Kubernetes, too")
        documents[name] = dump(_deployment(application, name, each))
    text = "---\n".join(documents.values())
    return [ExportedFile(f"{application.name}.yaml", text)]


def _name(text: str) -> str:
    return _UNFIT.sub("-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")


def _deployment(application: Application, name: str, each: Type) -> dict[str, Value]:
    labels: Value = {
        "app.kubernetes.io/name": _name(each.name),
        "app.kubernetes.io/part-of": _name(application.name),
    }
    env = {**each.env, PORT: str(each.port)}
    variables: list[Value] = [{"name": key, "value": _plain(value)} for key, value in env.items()]
    container: Value = {
        "name": _name(each.name),
        "image": f"{_name(application.name)}:latest",
        "command": ["/bin/sh", "-c", _plain(each.command)],
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


def _plain(text: str) -> str:
    """A text in which Kubernetes replaces no variables: `$(NAME)` means one, and `$$` a `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)


exporter = Exporter("kubernetes", "deployments for Kubernetes", export)
