"""The section `[webhooks]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import Config, InvalidField, Section

from gaffer_webhooks.hook import Hook, make_hook
from gaffer_webhooks.signing import PREFIX

SECTION = "webhooks"
DEFAULT_STATE = "~/.gaffer/webhooks"
DEFAULT_TRIES = 20
MAX_TRIES = 1000
DEFAULT_QUEUE = 10_000
MAX_QUEUE = 100_000
"""Messages for one URL."""

KEYS = ("state", "tries", "queue")

MAX_SHOWN = 8
"""Characters shown of a word that is not a URL: it may be a mistyped secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings and hooks of the configuration.

    Attributes:
        state: the folder of messages and registered hooks.
        tries: how often a message is sent before it is given up.
        queue: the limit of pending messages for one URL, and of its dead letters.
        hooks: the hooks of the configuration.
    """

    state: Path
    tries: int = DEFAULT_TRIES
    queue: int = DEFAULT_QUEUE
    hooks: tuple[Hook, ...] = ()


def read_settings(config: Config) -> Settings:
    """Read the section, or return the defaults if there is none.

    Raises:
        ConfigError: a key is not a pattern, or a value is invalid.
    """
    section = config.section(SECTION) or Section(SECTION, "", 0)
    if section.get("state") == "":
        raise section.error("state", "names no folder")
    return Settings(
        section.getpath("state") or Path(DEFAULT_STATE).expanduser(),
        _get_number(section, "tries", DEFAULT_TRIES, MAX_TRIES),
        _get_number(section, "queue", DEFAULT_QUEUE, MAX_QUEUE),
        tuple(_read_hooks(section)),
    )


def _get_number(section: Section, key: str, default: int, maximum: int) -> int:
    number = section.getint(key, default)
    if not 1 <= number <= maximum:
        raise section.error(key, f"must be from 1 to {maximum}, not {number}")
    return number


def _read_hooks(section: Section) -> Iterator[Hook]:
    for pattern, value in section.items():
        if pattern not in KEYS:
            try:
                yield from _parse_hooks(pattern, value)
            except InvalidField as error:
                raise section.error(pattern, error.reason) from None


def _parse_hooks(pattern: str, value: str) -> Iterator[Hook]:
    """Parse the value of a pattern: URLs, each followed by its secret if it has one."""
    words = value.split()
    if not words:
        raise InvalidField("url", "names no URL")
    url: str | None = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if not word.startswith(PREFIX):
            url = word
            yield _make_hook(pattern, url, following if following.startswith(PREFIX) else None)
        elif url is None:
            raise InvalidField("secret", "a secret must stand behind the URL that it is for")
        else:
            # A second secret for the same URL is an error.
            url = None


def _make_hook(pattern: str, url: str, secret: str | None) -> Hook:
    try:
        return make_hook(pattern, url, secret, trusted=True, fixed=True)
    except InvalidField as error:
        if error.field == "pattern":
            reason = f"is neither one of {', '.join(KEYS)} nor the name of an event"
            raise InvalidField("pattern", reason) from None
        subject = "the secret of a URL" if error.field == "secret" else f"the URL {_redact(url)!r}"
        raise InvalidField(error.field, f"{subject} {error.reason}") from None


def _redact(word: str) -> str:
    """Remove from a URL, or what stands in its place, what may be secret: password, path, query."""
    scheme, mark, rest = word.partition("://")
    if not mark:
        return word if len(word) <= MAX_SHOWN else f"{word[:MAX_SHOWN]}..."
    host, slash, path = re.sub("^[^/?#]*@", "", rest).partition("/")
    return f"{scheme}://{re.sub('[?#].*', '...', host)}{slash}{'...' if path else ''}"
