"""The command gaffer-auth."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gaffer_auth.derivation import derive_secret
from gaffer_auth.entries import Certificate, Entry, Token, hash_secret, is_secret, new_secret
from gaffer_auth.options import make_parser
from gaffer_auth.paths import get_default_file
from gaffer_auth.show import format_json, format_table, summarize
from gaffer_auth.store_file import StoreError, change_store, read_store
from gaffer_auth.timestamps import now


class CommandError(Exception):
    """The command failed; the message is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer-auth.

    Args:
        argv: the arguments without the name of the program; those of the process if not given.

    Returns:
        The exit code: 0 for success, 1 after an error, which was printed as one line.

    Raises:
        SystemExit: with 2 for wrong usage, with 0 after `--help`.
    """
    options = make_parser().parse_args(argv)
    path = options.file or get_default_file(os.environ)
    try:
        _VERBS[options.verb](path, options)
    except (CommandError, StoreError) as error:
        return _report_error(str(error))
    except OSError as error:
        return _report_error(f"{error.filename or path}: {error.strerror}")
    return 0


def _report_error(reason: str) -> int:
    print(f"gaffer-auth: {reason}", file=sys.stderr)
    return 1


def _token(path: Path, options: Namespace) -> None:
    secret = _read_secret(options.secret_file) if options.secret_file else new_secret()
    accepted = derive_secret(secret, options.derive_for) if options.derive_for else secret
    entry = Token(sha256=hash_secret(accepted), **_get_grant(options))
    _add(path, entry)
    if options.secret_file:
        print(f"{summarize(entry)}.", file=sys.stderr)
        return
    _print(secret, f": token {entry.name} is unusable: revoke it")
    if options.derive_for:
        print(
            f"{summarize(entry)}.\nThe operator's secret is shown only once and is not accepted"
            f" anywhere itself: clients with it and --lookup\nsend {options.derive_for} the token"
            " derived from it.",
            file=sys.stderr,
        )
        return
    print(
        f"{summarize(entry)}.\nIts secret is shown only once; send it as"
        " Authorization: Bearer SECRET",
        file=sys.stderr,
    )


def _read_secret(file: Path) -> str:
    secret = file.read_text(encoding="ascii", errors="replace").strip()
    if not is_secret(secret):
        raise CommandError(
            f"{file}: not the secret of a token: write what gaffer-auth token prints"
        )
    return secret


def _derive(_: Path, options: Namespace) -> None:
    _print(derive_secret(_read_secret(options.secret_file), options.origin))


def _certificate(path: Path, options: Namespace) -> None:
    entry = Certificate(subject=options.subject, **_get_grant(options))
    _add(path, entry)
    print(f"{summarize(entry)}.", file=sys.stderr)


def _get_grant(options: Namespace) -> dict[str, Any]:
    return {
        "name": options.name,
        "right": options.right,
        "sessions": tuple(dict.fromkeys(options.sessions)) if options.sessions else None,
        "created": now(),
        "expires": options.expires,
        "node": options.node,
        "origin": options.origin,
    }


def _add(path: Path, entry: Entry) -> None:
    def add(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        for each in entries:
            if each.name == entry.name:
                raise CommandError(f"{entry.name}: exists already: revoke it, or use another name")
            if type(each) is type(entry) and each.credential == entry.credential:
                what = each.credential if isinstance(each, Certificate) else "this secret"
                raise CommandError(f"{what}: exists already, as {each.name}: revoke that")
        return (*entries, entry)

    change_store(path, add)


def _list(path: Path, options: Namespace) -> None:
    try:
        entries = read_store(path)
    except FileNotFoundError:
        entries = ()
    if options.json:
        _print(format_json(entries))
    elif entries:
        _print(format_table(entries, now()))
    else:
        print(f"{path}: no tokens or certificates yet: gaffer-auth token NAME", file=sys.stderr)


def _revoke(path: Path, options: Namespace) -> None:
    unknown: set[str] = set()

    def remove(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        unknown.update(options.names)
        unknown.difference_update(each.name for each in entries)
        return tuple(each for each in entries if each.name not in options.names)

    if os.path.lexists(path):
        change_store(path, remove)
    else:
        unknown.update(options.names)
    if unknown:
        raise CommandError(f"{path}: no such name: {', '.join(sorted(unknown))}")


def _print(text: str, consequence: str = "") -> None:
    """Print to standard output, or raise an error that ends with the consequence."""
    try:
        print(text, flush=True)
    except OSError as error:
        # Otherwise Python flushes the buffer again at exit, and prints a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError(f"standard output: {error.strerror}{consequence}") from None


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {
    "token": _token,
    "certificate": _certificate,
    "derive": _derive,
    "list": _list,
    "revoke": _revoke,
}
