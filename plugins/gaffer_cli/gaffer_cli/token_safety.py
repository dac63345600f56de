"""To whom a token may be shown."""

from __future__ import annotations

from ipaddress import ip_address

from gaffer_client.address import Address

from gaffer_cli.exit_codes import Failure


def check_secrecy(url: str, token: str | None) -> None:
    """A token goes nowhere in a way that all on the way can read it.

    Raises:
        Failure: they could.
    """
    address = Address.parse(url)
    if token and not address.secure and address.socket is None and not is_here(address.host):
        raise Failure(f"{url} is no https://, where others could read the token")


def is_here(host: str) -> bool:
    """Whether a host is this machine, by a name that means it everywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
