"""A hook: which events go to which URL, and who said so."""

from __future__ import annotations

import hashlib
import re

import msgspec
from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import shown

from gaffer_webhooks.signing import check_secret
from gaffer_webhooks.url import check_url

Key = tuple[str, bool]
"""A URL, and whether it is trusted: a hook that is not must not profit from one that is."""

EVERYTHING = "."

MAX_PATTERN = 1024
"""Characters."""

_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*(\.[A-Za-z0-9_][A-Za-z0-9_+-]*)*")


class Hook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pattern and one URL.

    Attributes:
        pattern: an event, the dotted beginning of some, or `.` for all.
        url: where they are posted.
        secret: signs them; None for no signature.
        trusted: whether the URL may be on this machine or in a private network.
        fixed: whether it was given when the plugin opened, by the file or the program, and goes
            with that; others are kept until somebody unregisters them.
    """

    pattern: str
    url: str
    secret: str | None = None
    trusted: bool = False
    fixed: bool = False

    @property
    def id(self) -> str:
        """The same for the same pattern, URL and trust, in every run."""
        text = f"{self.pattern} {self.url} {self.trusted}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def key(self) -> Key:
        """Where it leads."""
        return self.url, self.trusted

    def wants(self, event: str) -> bool:
        """Whether its pattern matches the name of an event."""
        pattern = self.pattern
        return pattern == EVERYTHING or event == pattern or event.startswith(f"{pattern}.")


def make_hook(
    pattern: object, url: object, secret: object = None, *, trusted: bool, fixed: bool = False
) -> Hook:
    """A hook of what somebody gave.

    Raises:
        InvalidField: `pattern`, `url` or `secret` is wrong.
    """
    if not isinstance(pattern, str) or not _is_pattern(pattern):
        reason = f"must be '.' or the dotted beginning of an event's name, not {shown(pattern)}"
        raise InvalidField("pattern", reason)
    checked = None if secret is None else check_secret(secret)
    return Hook(pattern, check_url(url, trusted=trusted), checked, trusted, fixed)


def _is_pattern(text: str) -> bool:
    if len(text) > MAX_PATTERN:
        return False
    return text == EVERYTHING or _PATTERN.fullmatch(text) is not None
