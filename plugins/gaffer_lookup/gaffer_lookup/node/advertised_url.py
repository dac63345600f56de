"""Where this gafferd can be reached, as the others are told."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from gaffer_kernel import GafferError

from gaffer_lookup.hosts import is_loopback

_ANY = frozenset({"0.0.0.0", "::"})
_PORTS = {"http": 80, "https": 443}


def origin(
    addresses: Iterable[str], *, host: str, broadcast: str | None, port: int | None
) -> tuple[str, bool]:
    """The origin of the API, and whether other machines can reach it as far as that can be told.

    Args:
        addresses: where the API listens: `http://0.0.0.0:5000`.
        host: the name of this machine, told where the API listens on all its addresses.
        broadcast: what to tell instead: `web1.example.org`, with a port, or with a scheme as well.
        port: the port to tell instead.

    Raises:
        GafferError: it listens on no port, and nothing else is to be told.
    """
    found = _best(addresses)
    if broadcast is None:
        if found is None:
            raise GafferError(
                "there is no address to announce: the HTTP API listens on no port;"
                " give [lookup] broadcast_address"
            )
        scheme, own, own_port = found
        told = host if own in _ANY else own
        return _url(scheme, told, port or own_port), not is_loopback(told)
    scheme = found[0] if found else "http"
    url = urlsplit(broadcast if "://" in broadcast else f"{scheme}://{broadcast}")
    told = url.hostname or ""
    its_port = port or url.port or (found[2] if found else _PORTS[url.scheme])
    return _url(url.scheme, told, its_port), not is_loopback(told)


def _best(addresses: Iterable[str]) -> tuple[str, str, int] | None:
    """Scheme, host and port of the first address that others can reach, else of the first one."""
    urls = [urlsplit(address) for address in addresses if "unix:" not in address]
    urls.sort(key=lambda url: is_loopback(url.hostname or ""))
    for url in urls:
        return url.scheme, url.hostname or "", url.port or _PORTS[url.scheme]
    return None


def _url(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"
