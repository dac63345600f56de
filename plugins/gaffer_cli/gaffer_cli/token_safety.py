"""Where a token may be sent."""

from __future__ import annotations

from ipaddress import ip_address

from gaffer_client.address import Address

from gaffer_cli.exit_codes import CommandError


def check_token_transport(url: str, token: str | None) -> None:
    """Refuse to send a token in plain text to another machine.

    Raises:
        CommandError: the URL is neither https, nor a unix socket, nor on this machine.
    """
    address = Address.parse(url)
    if token and not address.secure and address.socket is None and not is_loopback(address.host):
        raise CommandError(f"{url} is not https://: others could read the token; use https")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by a name that means it on every machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
