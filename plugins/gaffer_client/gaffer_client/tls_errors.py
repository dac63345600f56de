"""Connection errors of the operating system and of OpenSSL, in plain words."""

from __future__ import annotations

import re

from gaffer_client.errors import CertificateError, UnreachableError

_OPENSSL = re.compile(r"^\[[^]]*\] | ?\(_ssl\.c:\d+\)")
"""The internal name that OpenSSL gives an error, and the line of its source code."""
_NOT_TLS = "the server does not speak TLS"
_PLAIN = {
    "wrong version number": _NOT_TLS,
    "record layer failure": _NOT_TLS,
    "pem lib": "no certificate and its key in PEM form",
    "tlsv1 alert unknown ca": "the server does not trust the client certificate",
    "tlsv13 alert certificate required": "the server requires a client certificate",
}
"""Messages of OpenSSL, and the plain words for them."""
_UNTRUSTED = "certificate verify failed: "


def get_plain_reason(text: str) -> str:
    """Remove the internal details of OpenSSL from an error message."""
    text = _OPENSSL.sub("", text.lower()).rstrip(".")
    return _PLAIN.get(text, text)


def make_connect_error(address: str, reason: str) -> UnreachableError:
    """Create the exception for a failed connection attempt.

    Args:
        address: the address of the server, as it was given.
        reason: the error, as `get_plain_reason` returns it.
    """
    if reason.startswith(_UNTRUSTED):
        return CertificateError(address, reason.removeprefix(_UNTRUSTED))
    return UnreachableError(address, reason)
