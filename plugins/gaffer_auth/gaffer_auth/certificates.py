"""The names and the expiry of a client certificate."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def has_name(certificate: Mapping[str, Any], subject: str) -> bool:
    """Return whether a certificate contains a name.

    A subject with `://` is compared with its URIs, one with `@` with its email addresses, any other
    with its host names; `*` is not a wildcard. The common name counts only if the certificate has
    no alternative names.

    Args:
        certificate: a verified certificate, as `ssl.SSLSocket.getpeercert` returns it.
        subject: the name.
    """
    alternatives = certificate.get("subjectAltName", ())
    if not alternatives:
        return subject in _get_common_names(certificate)
    if "://" in subject:
        return ("URI", subject) in alternatives
    if "@" in subject:
        return ("email", subject) in alternatives
    hosts = [text.lower() for kind, text in alternatives if kind == "DNS"]
    return subject.lower() in hosts


def _get_common_names(certificate: Mapping[str, Any]) -> list[str]:
    # Each relative distinguished name of the subject is a sequence of pairs.
    parts = certificate.get("subject", ())
    return [text for part in parts for kind, text in part if kind == "commonName"]


def get_expiry(certificate: Mapping[str, Any]) -> datetime | None:
    """Return when a certificate expires; None if it does not say."""
    text = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None
