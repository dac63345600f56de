"""The hook of gaffer-procfile: export formats for applications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_kernel.plugin import hookspec

if TYPE_CHECKING:
    from gaffer_procfile.exporter import Exporter


@hookspec
def gaffer_exporters() -> Iterable[Exporter]:  # type: ignore[empty-body]
    """Contribute formats to which an application can be exported.

    Called for each export. Implement it with `@hookimpl(optionalhook=True)`.

    Returns:
        An object for each format, with `name`, one word; `summary`, one line for people; and
        `export(application)`, which returns files, objects with `name` and `text`.
    """
