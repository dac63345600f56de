"""The command line of gaffer_lookupd."""

from __future__ import annotations

import argparse
import math
import os
import re
import socket
from typing import Any

from gaffer_lookup.registry.quotas import DEFAULT_SHARE
from gaffer_lookup.registry.registry import LEASE

NETWORK_BIND = "0.0.0.0:5010"
LOOPBACK_BIND = "127.0.0.1:5010"

DESCRIPTION = "Show which gafferd runs which jobs, and where; each gafferd registers itself."
EPILOG = """\
Programs of the user of gaffer_lookupd, and of root, may do everything on the
same machine. Other callers need a token or a certificate, with the right to
read; a gafferd that registers itself needs the right to write, and a token of
its own:
  gaffer-auth token web1 --right write --origin https://web1.example.org:5443
registers the node web1 at this origin, and no other one.
Other machines can connect over HTTPS only, so without --certfile the default
is to listen on this machine alone.

gaffer_lookupd exits with status 0 on SIGQUIT, SIGTERM and SIGINT, and ignores
SIGHUP. A failed start has status 1, wrong usage 2."""

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; on wrong usage it prints the error and exits with status 2."""
    parser = argparse.ArgumentParser(
        "gaffer_lookupd",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action=_Version, nargs=0, help="show the version and exit")
    add("-v", dest="verbose", action="store_true", help="log each node that comes or goes")
    add("--daemon", action="store_true", help="run in the background after a successful start")
    add("--pidfile", metavar="PIDFILE", type=_path, help="write the pid to this file while running")
    add(
        "--error-log",
        metavar="FILE",
        type=_path,
        help="append the log to this file (default: standard error)",
    )
    add(
        "--backlog",
        metavar="BACKLOG",
        type=int,
        default=128,
        help="limit the connections that wait to be accepted (default: 128)",
    )
    add(
        "--bind",
        metavar="ADDRESS",
        action="append",
        help="listen on host:port, [v6]:port or unix:/path; several with commas, or repeated"
        " (default:"
        f" {NETWORK_BIND}; without --certfile {LOOPBACK_BIND} and [::1]:5010)",
    )
    add(
        "--host",
        metavar="NAME",
        type=_host,
        action="append",
        default=[],
        help="accept requests for this host name too, next to the host name; may be repeated",
    )
    add("--certfile", metavar="CERTFILE", type=_path, help="serve HTTPS with this certificate")
    add("--keyfile", metavar="KEYFILE", type=_path, help="use this key of the certificate")
    add(
        "--cacert",
        metavar="CACERT",
        type=_path,
        help="accept client certificates of these authorities, if they are registered with"
        " gaffer-auth certificate",
    )
    add(
        "--auth",
        choices=("owner", "token"),
        help="choose who needs a token or certificate: with token, its own user and root too (for a"
        " reverse proxy); default: token if other machines can connect, else owner",
    )
    _add_store(parser)
    add(
        "--lease",
        metavar="SECONDS",
        type=_seconds,
        default=LEASE,
        help=f"remove a node after this silence (default: {LEASE:g})",
    )
    add(
        "--share",
        metavar="PERCENT",
        type=_percent,
        default=DEFAULT_SHARE,
        help="limit one token, certificate or user to this part of each limit"
        f" (default: {DEFAULT_SHARE:.0%})".replace("%", "%%"),
    )
    return parser


def _add_store(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--store",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="keep the nodes in an etcd, shared with other lookupds: etcd://host:2379 or, over TLS,"
        " etcds://user@host:2379; repeated for each of its members (default: in memory)",
    )
    add(
        "--store-password-file",
        metavar="FILE",
        type=_path,
        help="read the user's password from this file",
    )
    add(
        "--store-cacert",
        metavar="FILE",
        type=_path,
        help="check etcd's certificates with these authorities",
    )
    add("--store-certfile", metavar="FILE", type=_path, help="present this certificate to etcd")
    add("--store-keyfile", metavar="FILE", type=_path, help="use this key of that certificate")


def own_names() -> list[str]:
    """Return the host name of this machine in a list, which is empty if the name is invalid."""
    name = socket.gethostname().lower()
    return [name] if _HOST.fullmatch(name) else []


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> None:
        from importlib_metadata import version

        print(f"gaffer_lookupd {version('gaffer-lookup')}")
        parser.exit()


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return os.path.expanduser(text)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(f"must be a host name without a port, not {text!r}")
    return text.lower()


def _percent(text: str) -> float:
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 100):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 100, not {text!r}")
    return int(number) / 100


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"must be seconds from 0.1 to 86400, not {text!r}")
    return seconds
