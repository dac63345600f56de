"""The URL under which others reach this gafferd."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from gaffer_kernel import GafferError

from gaffer_lookup.hosts import is_loopback

_ANY = frozenset({"0.0.0.0", "::"})
_PORTS = {"http": 80, "https": 443}


def get_advertised_url(
    addresses: Iterable[str], *, host: str, broadcast: str | None, port: int | None
) -> tuple[str, bool]:
    """Return the origin to advertise, and whether other machines can reach it as far as is known.

    Args:
        addresses: where the API listens: `http://0.0.0.0:5000`.
        host: the name of this machine, advertised where the API listens on all its addresses.
        broadcast: what to advertise instead: `web1.example.org`, with a port, or with a scheme too.
        port: the port to advertise instead.

    Raises:
        GafferError: the API listens on no port, and `broadcast` is not given.
    """
    found = _pick_address(addresses)
    if broadcast is None:
        if found is None:
            raise GafferError(
                "there is no address to announce: the HTTP API listens on no port;"
                " give [lookup] broadcast_address"
            )
        scheme, own, own_port = found
        advertised = host if own in _ANY else own
        return _url(scheme, advertised, port or own_port), not is_loopback(advertised)
    scheme = found[0] if found else "http"
    url = urlsplit(broadcast if "://" in broadcast else f"{scheme}://{broadcast}")
    advertised = url.hostname or ""
    own_port = port or url.port or (found[2] if found else _PORTS[url.scheme])
    return _url(url.scheme, advertised, own_port), not is_loopback(advertised)


def _pick_address(addresses: Iterable[str]) -> tuple[str, str, int] | None:
    """Pick the first address that others can reach, else the first: scheme, host and port."""
    urls = [urlsplit(address) for address in addresses if "unix:" not in address]
    urls.sort(key=lambda url: is_loopback(url.hostname or ""))
    for url in urls:
        return url.scheme, url.hostname or "", url.port or _PORTS[url.scheme]
    return None


def _url(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"
