"""What a plugin owns of the configuration, what it reads there, and where that is documented."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gaffer_kernel import Plugins, Section


def owned(plugins: Plugins, name: str) -> tuple[str, ...]:
    """What `gaffer_config_sections` of one plugin gives."""
    sections = plugins.call_strict("gaffer_config_sections")
    return tuple(each for plugin, names in sections if plugin == name for each in names)


def example(owner: str) -> str | None:
    """A section that is one of those owned; None for single keys of `[gaffer]`."""
    if "." in owner:
        return None
    return f"{owner}conformance" if owner.endswith(":") else owner


def with_line(text: str, section: str, line: str = "") -> str:
    """A configuration to which a line has been added in a section, which is added if need be."""
    header = f"[{section}]\n"
    if header in text:
        return text.replace(header, f"{header}{line}\n")
    return f"{text}\n{header}{line}\n"


@contextmanager
def noting_keys() -> Iterator[set[tuple[str, str]]]:
    """Note what is asked of any section: names of sections and keys."""
    asked: set[tuple[str, str]] = set()
    get = Section.get

    def noting(section: Section, key: str, default: object = None) -> object:
        asked.add((section.name, key))
        return get(section, key, default)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "get", noting)
        yield asked


def documentation(plugin: object) -> str:
    """All that is written for the users of a plugin: the README near its code, the pages in `docs`
    beside that, and the docstring.
    """
    folder, text = _place(plugin)
    for each in (folder, *folder.parents):
        pages = [*each.glob("README*"), *each.glob("docs/*.md")]
        text += "".join(page.read_text() for page in pages)
        # A folder of plugins may be in a repository that is about something else.
        if pages or isinstance(plugin, Path) or (each / "pyproject.toml").exists():
            break
    return text


def _place(plugin: object) -> tuple[Path, str]:
    if isinstance(plugin, Path):
        pages = [path.read_text() for path in plugin.rglob("__init__.py")]
        return plugin, "".join(pages)
    code = plugin if inspect.ismodule(plugin) or isinstance(plugin, type) else type(plugin)
    return Path(inspect.getfile(code)).parent, inspect.getdoc(code) or ""
