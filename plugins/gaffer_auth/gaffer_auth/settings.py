"""The section `[auth]`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import Config, ConfigError, Section
from gaffer_kernel.plugin import did_you_mean

from gaffer_auth.paths import VARIABLE, get_default_file
from gaffer_auth.store_file import StoreError, read_store

KEYS = ("file", "audit")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the plugin.

    Attributes:
        file: the path of the tokens file.
        audit: the path of the audit log; None without a separate file.
    """

    file: Path
    audit: Path | None


def check(config: Config) -> None:
    """Check the section, and the tokens file if it exists.

    Both are read again when the plugin opens.

    Raises:
        ConfigError: a key is unknown, the folder of the audit log does not exist, or the file
            cannot be used.
    """
    section = config.section("auth") or Section("auth", "", 0)
    for key, _ in section.items():
        if key not in KEYS:
            raise section.error(key, f"unknown key{did_you_mean(key, KEYS)}")
    settings = read_settings(config)
    if settings.audit is not None:
        _check_folder(section, settings.audit.parent)
    try:
        read_store(settings.file)
    except FileNotFoundError:
        pass  # The first token creates it.
    except StoreError as error:
        raise _make_file_error(section, str(error)) from None
    except OSError as error:
        raise _make_file_error(section, f"{settings.file}: {error.strerror}") from None


def _check_folder(section: Section, folder: Path) -> None:
    try:
        found = folder.is_dir()
    except OSError as error:  # EACCES: a folder above it may not be entered
        raise section.error("audit", f"{folder}: {error.strerror}") from None
    if not found:
        raise section.error("audit", f"no such folder: {folder}")


def read_settings(config: Config) -> Settings:
    """Read the section, and `$GAFFER_AUTH_FILE`, which takes precedence.

    Raises:
        ConfigError: a key is empty.
    """
    section = config.section("auth")
    file, audit = _get_path(section, "file"), _get_path(section, "audit")
    if file is None or os.environ.get(VARIABLE):
        file = get_default_file(os.environ)
    return Settings(file, audit)


def _get_path(section: Section | None, key: str) -> Path | None:
    text = section.get(key) if section is not None else None
    if section is not None and text == "":
        raise section.error(key, "is empty: give the path of a file")
    return section.getpath(key) if section is not None else None


def _make_file_error(section: Section, reason: str) -> ConfigError:
    if section.get("file") is None or os.environ.get(VARIABLE):
        return ConfigError(reason)
    return section.error("file", reason)
