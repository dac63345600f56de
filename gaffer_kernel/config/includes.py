"""Reads a configuration file and the files that its [gaffer] sections include."""

import glob
import os
from pathlib import Path

from gaffer_kernel.config.ini import read_ini
from gaffer_kernel.config.section import Section, get_folder
from gaffer_kernel.config.trust import KEY, Trust
from gaffer_kernel.errors import ConfigError


class Reader:
    """Reads a configuration file and the files that it includes.

    Args:
        insecure: read files that other users can write, too.
        may_wait: read also from pipes, and wait for what their other ends write.

    Attributes:
        files: the files that were read, in order.
        sections: the sections of the files by name, in order.
        trust: checks files before they are read.
    """

    def __init__(self, *, insecure: bool = False, may_wait: bool = True) -> None:
        self.trust = Trust(insecure=insecure)
        self._may_wait = may_wait
        self.files: list[Path] = []
        self.sections: dict[str, Section] = {}
        self._chain: list[Path] = []

    def read(self, path: Path, named_in: Path | str | None = None) -> None:
        """Read a file, then the files that it includes.

        Args:
            path: the file.
            named_in: the file that includes it.

        Raises:
            ConfigError: a file cannot be read, can be written by another user while we are root, is
                included twice, includes itself through others, or repeats a section of another
                file; only [gaffer] may be in several.
        """
        self.files.append(path)
        self._chain.append(path)
        exempt = named_in is not None and self.trust.is_exempt(named_in)
        in_order = exempt or self.trust.insecure or self.trust.check(path)
        if exempt:
            self.trust.exempt(path)
        self.add(read_ini(path, may_wait=self._may_wait), get_folder(path), in_order=in_order)
        self._chain.pop()

    def add(self, sections: list[Section], folder: Path, *, in_order: bool = True) -> None:
        """Add the sections of one file, then read the files they include, relative to `folder`.

        Args:
            sections: the sections of the file.
            folder: the folder of the file.
            in_order: no other user can write the file, so its `insecure_config` counts.
        """
        for section in sections:
            self._add(section)
            if in_order and _is_insecure(section):
                self.trust.exempt(section.file)
        for section in sections:
            if section.name == "gaffer":
                for pattern in section.getlist("include", ()):
                    for path in _find_matching(section, folder, pattern):
                        self._include(path, section, "include")
                for path in self._find_in_folder(section, folder):
                    self._include(path, section, "include_dir")

    def _add(self, section: Section) -> None:
        first = self.sections.get(section.name)
        if first is None:
            self.sections[section.name] = section
        elif section.name == "gaffer":
            self.sections[section.name] = first.merged(section, ("include", "include_dir", KEY))
        else:
            raise section.error(None, f"duplicate section, the first is {first.file}:{first.line}")

    def _include(self, path: Path, section: Section, key: str) -> None:
        if _is_in(path, self._chain):
            chain = " -> ".join(map(str, (*self._chain, path)))
            raise section.error(key, f"the files include each other: {chain}")
        if _is_in(path, self.files):
            raise section.error(key, f"{path} is included twice")
        try:
            self.read(path, section.file)
        except ConfigError as error:
            if error.line is None:  # an error of the whole file: the include line may be wrong
                raise section.error(key, str(error)) from None
            raise

    def _find_in_folder(self, section: Section, folder: Path) -> list[Path]:
        """Find every *.ini file below `include_dir`, sorted, except hidden files and folders."""
        text = section.get("include_dir")
        if not text:
            return []

        def refuse(error: OSError) -> None:
            raise section.error("include_dir", f"{error.filename} cannot be read: {error.strerror}")

        paths: list[Path] = []
        for root, folders, files in os.walk(folder / os.path.expanduser(text), onerror=refuse):
            self._check_folder(Path(root), section)
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths += (Path(root, name) for name in files if _is_plain_ini(name))
        return sorted(path for path in paths if not _is_in(path, [Path(section.file)]))

    def _check_folder(self, folder: Path, section: Section) -> None:
        """Check a folder, even an empty one: another user could add files to it later."""
        if self.trust.is_exempt(section.file):
            return
        try:
            self.trust.check(folder)
        except ConfigError as error:
            raise section.error("include_dir", str(error)) from None


def _is_insecure(section: Section) -> bool:
    return section.name == "gaffer" and section.getbool(KEY, False)


def _is_in(path: Path, files: list[Path]) -> bool:
    return os.path.realpath(path) in map(os.path.realpath, files)


def _find_matching(section: Section, folder: Path, pattern: str) -> list[Path]:
    """Find the files that one word of `include` names."""
    expanded = os.path.expanduser(pattern)
    if not glob.has_magic(pattern):
        return [folder / expanded]
    # A pattern may match the file that contains it; that file is not included.
    found = glob.glob(os.path.join(glob.escape(str(folder)), expanded))
    paths = [path for path in map(Path, sorted(found)) if not _is_in(path, [Path(section.file)])]
    if not paths:
        raise section.error("include", f"no file matches {pattern!r}")
    return paths


def _is_plain_ini(name: str) -> bool:
    return name.endswith(".ini") and not name.startswith(".")
