"""The section `[webhooks]`."""

from __future__ import annotations

import os
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

MAX_TOLD = 8
"""Characters of a word that is no URL: it may be a secret with a slip in it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says of hooks.

    Attributes:
        state: the folder in which messages and hooks are kept.
        tries: how often a message is sent before it is given up.
        queue: how many messages for one URL wait, and how many that were given up are kept.
        hooks: those of the file.
    """

    state: Path
    tries: int = DEFAULT_TRIES
    queue: int = DEFAULT_QUEUE
    hooks: tuple[Hook, ...] = ()


def read_settings(config: Config) -> Settings:
    """Read the section; without one, the defaults.

    Raises:
        ConfigError: a key is no pattern, or a value is wrong.
    """
    section = config.section(SECTION) or Section(SECTION, "", 0)
    state = section.get("state", DEFAULT_STATE)
    if not state:
        raise section.error("state", "names no folder")
    return Settings(
        Path(os.path.expanduser(state)),
        _number(section, "tries", DEFAULT_TRIES, MAX_TRIES),
        _number(section, "queue", DEFAULT_QUEUE, MAX_QUEUE),
        tuple(_hooks(section)),
    )


def _number(section: Section, key: str, default: int, most: int) -> int:
    number = section.getint(key, default)
    if not 1 <= number <= most:
        raise section.error(key, f"must be from 1 to {most}, not {number}")
    return number


def _hooks(section: Section) -> Iterator[Hook]:
    for pattern, value in section.items():
        if pattern not in KEYS:
            try:
                yield from _hooks_of(pattern, value)
            except InvalidField as error:
                raise section.error(pattern, error.reason) from None


def _hooks_of(pattern: str, value: str) -> Iterator[Hook]:
    """The hooks of a line: URLs, and behind each its secret, if it has one."""
    words = value.split()
    if not words:
        raise InvalidField("url", "names no URL")
    url: str | None = None
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if not word.startswith(PREFIX):
            url = word
            yield _hook(pattern, url, after if after.startswith(PREFIX) else None)
        elif url is None:
            raise InvalidField("secret", "a secret must stand behind the URL that it is for")
        else:
            # One is enough for a URL.
            url = None


def _hook(pattern: str, url: str, secret: str | None) -> Hook:
    try:
        return make_hook(pattern, url, secret, trusted=True, fixed=True)
    except InvalidField as error:
        if error.field == "pattern":
            reason = f"is neither one of {', '.join(KEYS)} nor the name of an event"
            raise InvalidField("pattern", reason) from None
        what = "the secret of a URL" if error.field == "secret" else f"the URL {_told(url)!r}"
        raise InvalidField(error.field, f"{what} {error.reason}") from None


def _told(word: str) -> str:
    """What stands in place of a URL, without what may be secret: a password, a path, a secret."""
    scheme, mark, rest = word.partition("://")
    if not mark:
        return word if len(word) <= MAX_TOLD else f"{word[:MAX_TOLD]}..."
    host, slash, path = re.sub("^[^/?#]*@", "", rest).partition("/")
    return f"{scheme}://{re.sub('[?#].*', '...', host)}{slash}{'...' if path else ''}"
