"""Errors of the system in words for people."""

from __future__ import annotations

import re

from gaffer_client.errors import CertificateError, UnreachableError

_OPENSSL = re.compile(r"^\[[^]]*\] | ?\(_ssl\.c:\d+\)")
"""Its own name of an error, and the line of its source."""
_NOT_TLS = "who answers does not speak TLS"
_PLAIN = {
    "wrong version number": _NOT_TLS,
    "record layer failure": _NOT_TLS,
    "pem lib": "no certificate and its key in PEM form",
    "tlsv1 alert unknown ca": "who answers does not trust the certificate that was shown",
    "tlsv13 alert certificate required": "who answers wants to be shown a certificate",
}
"""What OpenSSL calls it, and what it is."""
_UNTRUSTED = "certificate verify failed: "


def get_plain_reason(text: str) -> str:
    """What the system or OpenSSL says, without what only its programmers understand."""
    text = _OPENSSL.sub("", text.lower()).rstrip(".")
    return _PLAIN.get(text, text)


def make_connect_error(address: str, reason: str) -> UnreachableError:
    """The error that no connection could be made.

    Args:
        address: where, as it was given.
        reason: why not, in words.
    """
    if reason.startswith(_UNTRUSTED):
        return CertificateError(address, reason.removeprefix(_UNTRUSTED))
    return UnreachableError(address, reason)
