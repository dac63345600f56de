"""The sections that a plugin owns, the keys that it reads, and its documentation."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gaffer_kernel import Plugins, Section
from gaffer_kernel.plugin import Option


def owned(plugins: Plugins, name: str) -> tuple[str, ...]:
    """Return the result of `gaffer_config_sections` of one plugin."""
    sections = plugins.call_strict("gaffer_config_sections")
    return tuple(each for plugin, names in sections if plugin == name for each in names)


def find_job_options(plugins: Plugins, name: str) -> list[Option]:
    """Return the keys that one plugin adds to jobs."""
    plugins.check()
    return [option for option in plugins.job_options if option.plugin == name]


def example(owner: str) -> str | None:
    """Return a section that matches an owned name; None for single keys of `[gaffer]`."""
    if "." in owner:
        return None
    return f"{owner}conformance" if owner.endswith(":") else owner


def with_line(text: str, section: str, line: str = "") -> str:
    """Add a line to a section of a configuration, and the section if it is missing."""
    header = f"[{section}]\n"
    if header in text:
        return text.replace(header, f"{header}{line}\n")
    return f"{text}\n{header}{line}\n"


@contextmanager
def record_keys() -> Iterator[set[tuple[str, str]]]:
    """Record the keys that are read during the block, as pairs of section and key."""
    read: set[tuple[str, str]] = set()
    get = Section.get

    def recording_get(section: Section, key: str, default: object = None) -> object:
        read.add((section.name, key))
        return get(section, key, default)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "get", recording_get)
        yield read


def documentation(plugin: object) -> str:
    """Return the documentation of a plugin.

    This is the README near its code, the pages in `docs` next to that, and the docstring.
    """
    folder, text = _place(plugin)
    for each in (folder, *folder.parents):
        pages = [*each.glob("README*"), *each.glob("docs/*.md")]
        text += "".join(page.read_text() for page in pages)
        # A folder of plugins may be part of a repository with another purpose.
        if pages or isinstance(plugin, Path) or (each / "pyproject.toml").exists():
            break
    return text


def _place(plugin: object) -> tuple[Path, str]:
    if isinstance(plugin, Path):
        pages = [path.read_text() for path in plugin.rglob("__init__.py")]
        return plugin, "".join(pages)
    code = plugin if inspect.ismodule(plugin) or isinstance(plugin, type) else type(plugin)
    return Path(inspect.getfile(code)).parent, inspect.getdoc(code) or ""
