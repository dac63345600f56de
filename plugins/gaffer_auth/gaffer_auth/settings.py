"""The section `[auth]`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import Config, ConfigError, Section
from gaffer_kernel.plugin import did_you_mean

from gaffer_auth.paths import VARIABLE, expanded, usual_file
from gaffer_auth.reading import StoreError, read_store

KEYS = ("file", "audit")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is said of tokens.

    Attributes:
        file: where they are.
        audit: the log of changes; None for none of its own.
    """

    file: Path
    audit: Path | None


def check(config: Config) -> None:
    """Check the section, and the file of tokens if it is there; both are read again when the plugin
    opens.

    Raises:
        ConfigError: a key is unknown, there is no folder for the log, or the file cannot be used.
    """
    section = config.section("auth") or Section("auth", "", 0)
    for key, _ in section.items():
        if key not in KEYS:
            raise section.error(key, f"unknown key{did_you_mean(key, KEYS)}")
    settings = read_settings(config)
    if settings.audit is not None and not settings.audit.parent.is_dir():
        raise section.error("audit", f"there is no folder {settings.audit.parent}")
    try:
        read_store(settings.file)
    except FileNotFoundError:
        pass  # It is made when the first token is.
    except StoreError as error:
        raise _about_file(section, str(error)) from None
    except OSError as error:
        raise _about_file(section, f"{settings.file}: {error.strerror}") from None


def read_settings(config: Config) -> Settings:
    """What the section says, and `$GAFFER_AUTH_FILE`, which wins.

    Raises:
        ConfigError: a key has no value.
    """
    section = config.section("auth")
    file, audit = _path(section, "file"), _path(section, "audit")
    if file is None or os.environ.get(VARIABLE):
        file = usual_file(os.environ)
    return Settings(file, audit)


def _path(section: Section | None, key: str) -> Path | None:
    text = section.get(key) if section is not None else None
    if section is not None and text == "":
        raise section.error(key, "names no file")
    return expanded(text) if text else None


def _about_file(section: Section, reason: str) -> ConfigError:
    if section.get("file") is None or os.environ.get(VARIABLE):
        return ConfigError(reason)
    return section.error("file", reason)
