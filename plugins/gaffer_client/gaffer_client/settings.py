"""Connection settings: address, token, certificates and timeout."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError
from gaffer_client.tls_errors import get_plain_reason

if TYPE_CHECKING:
    import ssl

TOKEN_VARIABLE = "GAFFER_TOKEN"

TIMEOUT = 10.0
"""Seconds to connect, and again to receive the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a connection.

    Attributes:
        token: the token that is sent with every request.
        timeout: seconds to connect, and again for each response.
        verify: whether the certificate of the server is checked.
        ca_file: certificates to check it against, instead of those of the system.
        certificate: the client's own: one file with certificate and key, or two files.

    Raises:
        ArgumentError: the token or the timeout is invalid.
    """

    address: Address
    token: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    verify: bool = True
    ca_file: str | None = None
    certificate: str | tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ArgumentError("the token contains characters that no token has")
        if not self.timeout > 0:
            raise ArgumentError(f"the timeout must be seconds, not {self.timeout!r}")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        headers = {"accept": "*/*", "user-agent": "gaffer-client"}
        return {**headers, "authorization": f"Bearer {self.token}"} if self.token else headers

    def tls(self) -> ssl.SSLContext | None:
        """Create the TLS context; None for an address without TLS.

        Raises:
            ArgumentError: a file cannot be used.
        """
        if not self.address.secure:
            return None
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ArgumentError(f"ca_file {self.ca_file}: {_get_reason(error)}") from None
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            own = self.certificate
            file, key = (own, None) if isinstance(own, str) else own
            try:
                # Without the password argument, OpenSSL prompts on the terminal for the password
                # of an encrypted key.
                context.load_cert_chain(file, key, password="")
            except (OSError, ssl.SSLError) as error:
                raise ArgumentError(f"certificate {file}: {_get_reason(error)}") from None
        return context


def token_from_environment() -> str | None:
    """Return the token in `$GAFFER_TOKEN`, None without one. Pass it on as `token`."""
    return os.environ.get(TOKEN_VARIABLE) or None


def _get_reason(error: OSError) -> str:
    return get_plain_reason(error.strerror or str(error))


def get_feed_timeout(heartbeat: float, timeout: float) -> float:
    """Return the seconds without a byte after which a feed counts as lost.

    Args:
        heartbeat: seconds between two heartbeats of the server.
        timeout: the timeout of the connection.
    """
    return 2 * heartbeat + timeout / 10
