"""How a server is spoken to: address, token, certificates and reconnect_timeout."""

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
"""Seconds to connect, and again to be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a connection needs to know.

    Attributes:
        token: shown with every request.
        timeout: seconds to connect, and again for each answer.
        verify: whether the certificate of the server is checked.
        ca_file: certificates that it is checked against, in place of the system's.
        certificate: the client's own: one file with the key in it, or two files.
    """

    address: Address
    token: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    verify: bool = True
    ca_file: str | None = None
    certificate: str | tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ArgumentError("the token has characters that no token has")
        if not self.timeout > 0:
            raise ArgumentError(f"the timeout must be seconds, not {self.timeout!r}")

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        said = {"accept": "*/*", "user-agent": "gaffer-client"}
        return {**said, "authorization": f"Bearer {self.token}"} if self.token else said

    def tls(self) -> ssl.SSLContext | None:
        """What TLS goes by; None where there is none.

        Raises:
            ArgumentError: a file cannot be used.
        """
        if not self.address.secure:
            return None
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ArgumentError(f"ca_file {self.ca_file}: {_reason(error)}") from None
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            own = self.certificate
            file, key = (own, None) if isinstance(own, str) else own
            try:
                # Without a password here, a key that has one would be asked for on the terminal.
                context.load_cert_chain(file, key, password="")
            except (OSError, ssl.SSLError) as error:
                raise ArgumentError(f"certificate {file}: {_reason(error)}") from None
        return context


def token_from_environment() -> str | None:
    """The token in `$GAFFER_TOKEN`; None without one. Pass it on as `token`."""
    return os.environ.get(TOKEN_VARIABLE) or None


def _reason(error: OSError) -> str:
    return get_plain_reason(error.strerror or str(error))


def get_feed_timeout(heartbeat: float, timeout: float) -> float:
    """Seconds without a byte after which a feed with such a heartbeat counts as dead."""
    return 2 * heartbeat + timeout / 10
