"""The command line of gaffer-auth."""

from __future__ import annotations

import argparse
from pathlib import Path

from gaffer_auth.derivation import origin_problem
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
from gaffer_auth.paths import DEFAULT, VARIABLE, expanded
from gaffer_auth.timestamps import expiry, now

DESCRIPTION = """\
Say who may use the HTTP API of gafferd, and what he may do there.

gafferd sees every change within a second; it need not be restarted. Programs of
its own user on the same machine need nothing of this."""

EXAMPLE = """\
example:
  gaffer-auth token ci --right manage --session web --expires 30d
      prints a secret, once; whoever sends it as "Authorization: Bearer SECRET"
      may do everything with the jobs of the session web, for 30 days
  gaffer-auth list
  gaffer-auth revoke ci

Exit status: 0 done, 1 failed, 2 wrong usage."""

RIGHTS_HELP = """\
rights:
  read     see jobs, processes, what they write and what happens
  write    also write to the input of processes
  manage   also load, start, stop, change and signal jobs. Whoever may do that
           can run any program as the user of gafferd, in one session too"""


def make_parser() -> argparse.ArgumentParser:
    """The parser; `parse_args` gives `verb`, `file` and what the verb takes.

    It ends the program with status 2, after a line that says what is wrong.
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
    token = _verb(verbs, "token", "make a token and print its secret, which is kept nowhere")
    token.add_argument(
        "--secret-file",
        metavar="FILE",
        type=_path,
        help="know the secret of a token that was made on another machine, so that it counts here,"
        " too; nothing is printed then",
    )
    token.add_argument(
        "--derive-for",
        metavar="ORIGIN",
        type=_secure_origin,
        help="know only what is derived from the secret for this gafferd, which is what clients"
        " with --lookup send it: its origin as it registers, https://web1.example.org:5443",
    )
    _add_grant(token)
    certificate = _verb(verbs, "certificate", "let in whoever has a certificate with a name in it")
    certificate.add_argument(
        "--subject",
        metavar="SUBJECT",
        type=_subject,
        required=True,
        help="the name that the certificate has to carry: a host, a mail address or a URI among its"
        " alternative names, or its common name if it has none of these",
    )
    _add_grant(certificate)
    derive = _verb(verbs, "derive", "print what clients with --lookup send to a node")
    derive.add_argument(
        "origin",
        metavar="ORIGIN",
        type=_secure_origin,
        help="of the gafferd, as it registers: https://web1.example.org:5443",
    )
    derive.add_argument(
        "--secret-file", metavar="FILE", type=_path, required=True, help="the operator's secret"
    )
    shown = _verb(verbs, "list", "show who is known, never any secret")
    shown.add_argument("--json", action="store_true", help="for programs")
    revoke = _verb(verbs, "revoke", "take rights away again, also from what is under way")
    revoke.add_argument("names", metavar="NAME", nargs="+")
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # What stands before the verb counts unless it is said again behind it.
    _add_file(parser, argparse.SUPPRESS)
    return parser


def _add_file(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--file",
        metavar="PATH",
        type=_path,
        default=default,
        help=f"the file of tokens (default: ${VARIABLE}, else {DEFAULT})",
    )


def _add_grant(parser: argparse.ArgumentParser) -> None:
    parser.epilog = RIGHTS_HELP
    parser.add_argument("name", metavar="NAME", type=_name, help="what people know it by")
    parser.add_argument(
        "--right", choices=RIGHTS, default=RIGHTS[0], help="what he may do (default: read)"
    )
    parser.add_argument(
        "--session",
        metavar="SESSION",
        dest="sessions",
        type=_session,
        action="append",
        help="where he may; may be repeated (default: in every session, also in those to come)",
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
        " 2026-12-31T12:00:00Z; days are those of UTC (default: never)",
    )


# What argparse reports in the words of the error:


def _name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError(f"a name is made of {NAME_RULE}: {text!r}")
    return text


def _node(text: str) -> str:
    if not is_node(text):
        raise argparse.ArgumentTypeError(f"a node is named with {NODE_RULE}: {text!r}")
    return text


def _origin(text: str) -> str:
    problem = origin_problem(text)
    if problem is not None:
        raise argparse.ArgumentTypeError(f"{problem}: {text!r}")
    return text


def _secure_origin(text: str) -> str:
    if _origin(text).startswith("http:"):
        raise argparse.ArgumentTypeError(f"a token is sent over https only: {text!r}")
    return text


def _session(text: str) -> str:
    if not is_session(text):
        raise argparse.ArgumentTypeError(f"a session is made of {SESSION_RULE}: {text!r}")
    return text


def _subject(text: str) -> str:
    if not is_subject(text):
        raise argparse.ArgumentTypeError(f"is no name that a certificate could carry: {text!r}")
    return text


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return expanded(text)


def _expiry(text: str) -> object:
    try:
        return expiry(text, now())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
