"""The command line of gaffer_lookupd."""

from __future__ import annotations

import argparse
import math
import os
import re
import socket
from typing import Any

from gaffer_lookup.registry.quotas import SHARE
from gaffer_lookup.registry.registry import LEASE

EXPOSED_BIND = "0.0.0.0:5010"
HIDDEN_BIND = "127.0.0.1:5010"

DESCRIPTION = "Tell which gafferd runs which jobs, and where; each registers itself."
EPILOG = """\
Programs of the user of gaffer_lookupd, and of root, are answered on the same
machine. All others need a token or a certificate, and the right to read; a
gafferd that registers itself needs the right to write, with a token for each:
  gaffer-auth token web1 --right write --origin https://web1.example.org:5443
registers the node web1 at this origin, and no other one.
What comes from other machines is answered over HTTPS only, so without
--certfile the default is to listen on this machine alone.

QUIT, TERM and INT end it with status 0, HUP does nothing; a failed start has
status 1, wrong usage 2."""

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


def make_parser() -> argparse.ArgumentParser:
    """The parser; it ends the program with status 2, after a line that says what is wrong."""
    parser = argparse.ArgumentParser(
        "gaffer_lookupd",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action=_Version, nargs=0, help="show the version and exit")
    add("-v", dest="verbose", action="store_true", help="verbose mode: say who comes and goes")
    add("--daemon", action="store_true", help="run in the background, once all is up")
    add("--pidfile", metavar="PIDFILE", type=_path, help="hold the pid in this file while running")
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
        help="connections that may wait to be accepted (default: 128)",
    )
    add(
        "--bind",
        metavar="ADDRESS",
        help="where to listen: host:port, [v6]:port or unix:/path, several with commas (default:"
        f" {EXPOSED_BIND}; without --certfile {HIDDEN_BIND} and [::1]:5010)",
    )
    add(
        "--host",
        metavar="NAME",
        type=_host,
        action="append",
        default=[],
        help="a name by which clients know this machine, besides its host name; may be repeated",
    )
    add("--certfile", metavar="CERTFILE", type=_path, help="TLS certificate: HTTPS, not HTTP")
    add("--keyfile", metavar="KEYFILE", type=_path, help="key of the certificate")
    add(
        "--cacert",
        metavar="CACERT",
        type=_path,
        help="authorities whose certificates clients may show; which of them are let in is said"
        " with gaffer-auth certificate",
    )
    add(
        "--auth",
        choices=("owner", "token"),
        help="token: the user of gaffer_lookupd needs a token or certificate too; for a reverse"
        " proxy (default: token if other machines can connect, else owner)",
    )
    _add_store(parser)
    add(
        "--lease",
        metavar="SECONDS",
        type=_seconds,
        default=LEASE,
        help=f"silence after which a node is gone (default: {LEASE:g})",
    )
    add(
        "--share",
        metavar="PERCENT",
        type=_percent,
        default=SHARE,
        help="how much of all there is room for one token, certificate or user may take"
        f" (default: {SHARE:.0%})".replace("%", "%%"),
    )
    return parser


def _add_store(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--store",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="keep what is known in an etcd, together with others: etcd://host:2379 or, over TLS,"
        " etcds://user@host:2379; repeated for each of its members (default: in memory)",
    )
    add("--store-password-file", metavar="FILE", type=_path, help="file with the user's password")
    add("--store-cacert", metavar="FILE", type=_path, help="authorities of etcd's certificates")
    add("--store-certfile", metavar="FILE", type=_path, help="certificate that is shown to etcd")
    add("--store-keyfile", metavar="FILE", type=_path, help="key of that certificate")


def own_names() -> list[str]:
    """The name of this machine, if it is one."""
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
