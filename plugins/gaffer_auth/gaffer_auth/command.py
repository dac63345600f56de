"""The command gaffer-auth: the only place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gaffer_auth.derivation import derived_secret
from gaffer_auth.entries import Certificate, Entry, Token, hashed, is_secret, new_secret
from gaffer_auth.options import make_parser
from gaffer_auth.paths import usual_file
from gaffer_auth.reading import StoreError, read_store
from gaffer_auth.show import as_json, as_table, summary
from gaffer_auth.store_file import change_store
from gaffer_auth.timestamps import now


class _Failure(Exception):
    """The command has failed, and says why in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer-auth.

    Args:
        argv: the command line without the name of the program; that of the process when not given.

    Returns:
        0 when it is done, 1 when it failed and has said why in one line.

    Raises:
        SystemExit: with 2 for wrong usage, with 0 after `--help`.
    """
    options = make_parser().parse_args(argv)
    path = options.file or usual_file(os.environ)
    try:
        _VERBS[options.verb](path, options)
    except (_Failure, StoreError) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename or path}: {error.strerror}")
    return 0


def _failed(reason: str) -> int:
    print(f"gaffer-auth: {reason}", file=sys.stderr)
    return 1


def _token(path: Path, options: Namespace) -> None:
    secret = _secret_in(options.secret_file) if options.secret_file else new_secret()
    known = derived_secret(secret, options.derive_for) if options.derive_for else secret
    entry = Token(sha256=hashed(known), **_grant(options))
    _add(path, entry)
    if options.secret_file:
        print(f"{summary(entry)}.", file=sys.stderr)
        return
    if options.derive_for:
        _print(secret, f"; nobody can use token {entry.name}: revoke it")
        print(
            f"{summary(entry)}.\nThe secret of its operator is shown this once and counts nowhere"
            f" by itself: clients with it and --lookup\nsend {options.derive_for} what is derived"
            " from it.",
            file=sys.stderr,
        )
        return
    _print(secret, f"; nobody can use token {entry.name}: revoke it")
    print(
        f"{summary(entry)}.\nIts secret is shown this once; send it as"
        " Authorization: Bearer SECRET",
        file=sys.stderr,
    )


def _secret_in(file: Path) -> str:
    secret = file.read_text(encoding="ascii", errors="replace").strip()
    if not is_secret(secret):
        raise _Failure(f"{file} holds no secret of a token: write what gaffer-auth token printed")
    return secret


def _derive(_: Path, options: Namespace) -> None:
    _print(derived_secret(_secret_in(options.secret_file), options.origin))


def _certificate(path: Path, options: Namespace) -> None:
    entry = Certificate(subject=options.subject, **_grant(options))
    _add(path, entry)
    print(f"{summary(entry)}.", file=sys.stderr)


def _grant(options: Namespace) -> dict[str, Any]:
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
                raise _Failure(f"{entry.name} is there already: revoke it, or choose another name")
            if type(each) is type(entry) and each.credential == entry.credential:
                what = each.credential if isinstance(each, Certificate) else "this secret"
                raise _Failure(f"{what} is known already, as {each.name}: revoke that")
        return (*entries, entry)

    change_store(path, add)


def _list(path: Path, options: Namespace) -> None:
    try:
        entries = read_store(path)
    except FileNotFoundError:
        entries = ()
    if options.json:
        _print(as_json(entries))
    elif entries:
        _print(as_table(entries, now()))
    else:
        print(f"{path}: there is nobody yet: gaffer-auth token NAME", file=sys.stderr)


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
        raise _Failure(f"{path}: there is no {', '.join(sorted(unknown))}")


def _print(text: str, otherwise: str = "") -> None:
    """Print on standard output, or fail and say what that means."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What is left in the buffer would be tried, and fail, once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _Failure(f"standard output: {error.strerror}{otherwise}") from None


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {
    "token": _token,
    "certificate": _certificate,
    "derive": _derive,
    "list": _list,
    "revoke": _revoke,
}
