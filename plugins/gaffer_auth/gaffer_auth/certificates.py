"""The names in the certificate of a client."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def carries(certificate: Mapping[str, Any], subject: str) -> bool:
    """Whether a certificate has a name.

    A subject with `://` is looked for among its URIs, one with `@` among its mail addresses, any
    other among its hosts, all of them exactly: a `*` stands for itself. Its common name counts if
    it has no alternative names at all.

    Args:
        certificate: one that was checked, as `ssl.SSLSocket.getpeercert` describes it.
        subject: the name.
    """
    alternatives = certificate.get("subjectAltName", ())
    if not alternatives:
        return subject in _common_names(certificate)
    if "://" in subject:
        return ("URI", subject) in alternatives
    if "@" in subject:
        return ("email", subject) in alternatives
    hosts = [text.lower() for kind, text in alternatives if kind == "DNS"]
    return subject.lower() in hosts


def _common_names(certificate: Mapping[str, Any]) -> list[str]:
    # Each part of the name is a sequence of pairs.
    parts = certificate.get("subject", ())
    return [text for part in parts for kind, text in part if kind == "commonName"]


def end_of(certificate: Mapping[str, Any]) -> datetime | None:
    """When a certificate expires; None if it does not say."""
    text = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None
