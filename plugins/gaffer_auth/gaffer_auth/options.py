"""The command line of gaffer-auth."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from gaffer_auth.derivation import find_origin_problem
from gaffer_auth.entries import (
    NAME_RULE,
    NODE_RULE,
    RIGHTS,
    SESSION_RULE,
    is_name,
    is_node,
    is_session,
    is_subject,
)
from gaffer_auth.paths import DEFAULT, VARIABLE, expand_path
from gaffer_auth.timestamps import now, parse_expiry

DESCRIPTION = """\
Manage the tokens and certificates with which callers may use the HTTP API of
gafferd.

gafferd notices every change within a second, without a restart. Programs of its
own user on the same machine need no token."""

EXAMPLE = """\
example:
  gaffer-auth token ci --right manage --session web --expires 30d
      prints a secret, once; a caller that sends "Authorization: Bearer SECRET"
      has all permissions for the jobs of the session web, for 30 days
  gaffer-auth list
  gaffer-auth revoke ci

Exit status: 0 success, 1 error, 2 wrong usage."""

RIGHTS_HELP = """\
permissions:
  read     see jobs, processes, their output and events
  write    also write to the input of processes
  manage   also load, start, stop, change and signal jobs. With it, callers
           can run any program as the user of gafferd, also if it is limited to
           one session"""


def make_parser() -> argparse.ArgumentParser:
    """Create the parser; `parse_args` returns `verb`, `file` and the options of the verb.

    It exits with status 2 after printing the error.
    """
    parser = argparse.ArgumentParser(
        "gaffer-auth",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_file(parser, None)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    token = _add_verb(verbs, "token", "create a token and print its secret, which is not stored")
    token.add_argument(
        "--secret-file",
        metavar="FILE",
        type=_path,
        help="accept the secret of a token that was created on another machine; nothing is printed",
    )
    token.add_argument(
        "--derive-for",
        metavar="ORIGIN",
        type=_secure_origin,
        help="accept only the token derived from the secret for this gafferd, which clients with"
        " --lookup send: its origin as it registers, https://web1.example.org:5443",
    )
    _add_grant(token)
    certificate = _add_verb(verbs, "certificate", "accept a client certificate by a name in it")
    certificate.add_argument(
        "--subject",
        metavar="SUBJECT",
        type=_subject,
        required=True,
        help="the name in the certificate: a host name, an email address or a URI among its"
        " alternative names, or its common name if it has none of these",
    )
    _add_grant(certificate)
    derive = _add_verb(verbs, "derive", "print the token that clients with --lookup send to a node")
    derive.add_argument(
        "origin",
        metavar="ORIGIN",
        type=_secure_origin,
        help="the origin of the gafferd, as it registers: https://web1.example.org:5443",
    )
    derive.add_argument(
        "--secret-file", metavar="FILE", type=_path, required=True, help="the operator's secret"
    )
    entries = _add_verb(verbs, "list", "list tokens and certificates, without secrets")
    entries.add_argument("--json", action="store_true", help="print JSON")
    revoke = _add_verb(verbs, "revoke", "remove entries, and end their requests in progress")
    revoke.add_argument("names", metavar="NAME", nargs="+")
    return parser


def _add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # SUPPRESS keeps a value from before the verb, unless it is given again after the verb.
    _add_file(parser, argparse.SUPPRESS)
    return parser


def _add_file(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--file",
        metavar="PATH",
        type=_path,
        default=default,
        help=f"the tokens file (default: ${VARIABLE}, else {DEFAULT})",
    )


def _add_grant(parser: argparse.ArgumentParser) -> None:
    parser.epilog = RIGHTS_HELP
    parser.add_argument("name", metavar="NAME", type=_name, help="the name of the entry")
    parser.add_argument(
        "--right", choices=RIGHTS, default=RIGHTS[0], help="the permission (default: read)"
    )
    parser.add_argument(
        "--session",
        metavar="SESSION",
        dest="sessions",
        type=_session,
        action="append",
        help="limit the permission to a session; may be repeated (default: every session, also"
        " those created later)",
    )
    parser.add_argument(
        "--node",
        metavar="NODE",
        type=_node,
        help="with a right to write: the only node that may be registered with it at a"
        " gaffer_lookupd (default: NAME)",
    )
    parser.add_argument(
        "--origin",
        metavar="URL",
        type=_origin,
        help="the only origin that this node may have, like https://web1.example.org:5443 (default:"
        " any)",
    )
    parser.add_argument(
        "--expires",
        metavar="WHEN",
        type=_expiry,
        help="12h or 30d from now, 2026-12-31 for the end of that day, or a time like"
        " 2026-12-31T12:00:00Z; days are in UTC (default: never)",
    )


# Converters, whose ArgumentTypeError argparse prints:


def _make_name_converter(
    what: str, rule: str, check: Callable[[str], bool]
) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if not check(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}: use {rule}")
        return text

    return convert


_name = _make_name_converter("a name", NAME_RULE, is_name)
_node = _make_name_converter("the name of a node", NODE_RULE, is_node)
_session = _make_name_converter("the name of a session", SESSION_RULE, is_session)
_subject = _make_name_converter("a subject", "printable characters on one line", is_subject)


def _origin(text: str) -> str:
    problem = find_origin_problem(text)
    if problem is not None:
        raise argparse.ArgumentTypeError(f"{problem}: {text!r}")
    return text


def _secure_origin(text: str) -> str:
    if _origin(text).startswith("http:"):
        raise argparse.ArgumentTypeError(f"a token is sent over https only: {text!r}")
    return text


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return expand_path(text)


def _expiry(text: str) -> object:
    try:
        return parse_expiry(text, now())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
