"""A hook: which events are posted to which URL, and whether the URL is trusted."""

from __future__ import annotations

import hashlib
import re

import msgspec
from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import shown

from gaffer_webhooks.signing import check_secret
from gaffer_webhooks.url import check_url

TargetKey = tuple[str, bool]
"""A URL, and whether it is trusted: an untrusted hook must not profit from a trusted one."""

EVERYTHING = "."

MAX_PATTERN = 1024
"""Characters."""

_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*(\.[A-Za-z0-9_][A-Za-z0-9_+-]*)*")


class Hook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pattern and one URL.

    Attributes:
        pattern: the name of an event, a dotted prefix of names, or `.` for all.
        url: where the events are posted.
        secret: signs the messages; None for no signature.
        trusted: whether the URL may lead to this machine or a private network.
        fixed: whether the configuration or the embedding program gave the hook. Other hooks are
            kept until they are unregistered.
    """

    pattern: str
    url: str
    secret: str | None = None
    trusted: bool = False
    fixed: bool = False

    @property
    def id(self) -> str:
        """The same in every run for the same pattern, URL and trust."""
        text = f"{self.pattern} {self.url} {self.trusted}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def key(self) -> TargetKey:
        """The key of its target."""
        return self.url, self.trusted

    def matches(self, event: str) -> bool:
        """Whether the pattern matches the name of an event."""
        pattern = self.pattern
        return pattern == EVERYTHING or event == pattern or event.startswith(f"{pattern}.")


def make_hook(
    pattern: object, url: object, secret: object = None, *, trusted: bool, fixed: bool = False
) -> Hook:
    """Make a hook of unchecked values.

    Raises:
        InvalidField: `pattern`, `url` or `secret` is invalid.
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
