"""TLS certificates: loaded before anything starts, so that a wrong one is reported in one line."""

from __future__ import annotations

import ssl


class TlsError(Exception):
    """A certificate or key cannot be used.

    Attributes:
        key: `certfile`, `keyfile` or `client_ca`, whichever is wrong.
        reason: why, as the end of a sentence about it.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def server_context(
    certfile: str, keyfile: str | None, client_ca: str | None = None, *, required: bool = False
) -> ssl.SSLContext:
    """Return the settings of a server for TLS 1.2 or later, HTTP/2 included.

    Args:
        certfile: the certificate and its chain, PEM.
        keyfile: its key, PEM, without a password; None when it is in `certfile` as well.
        client_ca: the CA certificates for client certificates, PEM; without it clients are not
            asked for a certificate.
        required: whether clients without a certificate are refused.

    Raises:
        TlsError: a file cannot be read, holds something else, or the key belongs to another
            certificate.
    """
    files = (("certfile", certfile), ("keyfile", keyfile), ("client_ca", client_ca))
    for key, path in files:
        if path is not None:
            _check_readable(key, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client of TLS 1.2 could renegotiate keys again and again.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    culprit = "certfile" if keyfile is None else "keyfile"
    try:
        # Without the function OpenSSL would prompt at the terminal.
        context.load_cert_chain(certfile, keyfile, password=_no_password)
    except _PasswordNeededError:
        raise TlsError(culprit, f"the key in {keyfile or certfile} has a password") from None
    except ssl.SSLError as error:
        both = certfile if keyfile is None else f"{certfile} and {keyfile}"
        reason = error.reason or "not in PEM form"
        raise TlsError(culprit, f"{both}: not a certificate and its key ({reason})") from None
    if client_ca is not None:
        _ask_for_certificates(context, client_ca, required)
    return context


def _ask_for_certificates(context: ssl.SSLContext, client_ca: str, required: bool) -> None:
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        reason = f"{client_ca}: not a certificate in PEM form ({error.reason})"
        raise TlsError("client_ca", reason) from None
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL


class _PasswordNeededError(Exception):
    pass


def _no_password() -> str:
    raise _PasswordNeededError


def _check_readable(key: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise TlsError(key, f"cannot read {path}: {error.strerror}") from None
