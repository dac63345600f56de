"""`site.toml`: what a site may widen of the Content-Security-Policy that all its answers carry.

Everything is of the site itself, unless its manifest names more sources for a directive. Sources
can only be added, and only to the directives below: which pages may frame a site, where its forms
lead and what its addresses are relative to cannot be changed, nor can scripts be inline.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from gaffer_sites.safe_open import Refused, open_beneath

NAME = "site.toml"

LARGEST = 16 * 1024
"""Bytes of a manifest."""

STRICT = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    " object-src 'none'"
)
"""The policy of a site without a manifest."""

_HOST = r"(?:https?|wss?)://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?(?:/[A-Za-z0-9_./~%-]*)?"
_DATA = "data:|blob:"
_HASH = "'sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}'"


class Widened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The section [csp]: sources for each directive, beside the site itself."""

    script_src: tuple[str, ...] = ()
    style_src: tuple[str, ...] = ()
    img_src: tuple[str, ...] = ()
    font_src: tuple[str, ...] = ()
    media_src: tuple[str, ...] = ()
    connect_src: tuple[str, ...] = ()
    worker_src: tuple[str, ...] = ()
    frame_src: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    csp: Widened = Widened()


_SOURCES = {
    "script_src": rf"{_HOST}|{_HASH}|'wasm-unsafe-eval'",
    "style_src": rf"{_HOST}|{_HASH}|'unsafe-inline'",
    "img_src": f"{_HOST}|{_DATA}",
    "font_src": f"{_HOST}|{_DATA}",
    "media_src": f"{_HOST}|{_DATA}",
    "connect_src": f"{_HOST}|{_DATA}",
    "worker_src": f"{_HOST}|blob:",
    "frame_src": f"{_HOST}|{_DATA}",
}
"""What may be added to each directive."""


def policy(root: Path) -> str:
    """The Content-Security-Policy of a site.

    Args:
        root: the folder of the site, free of symbolic links.

    Raises:
        OSError: the manifest cannot be read.
        Refused: it is wrong, or somebody else could change it.
    """
    try:
        text = _read(root)
    except FileNotFoundError:
        return STRICT
    try:
        manifest = msgspec.toml.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _wrong(root, str(error)) from error
    return "; ".join([STRICT, *_directives(root, manifest.csp)])


def _read(root: Path) -> bytes:
    opened = open_beneath(root, [NAME])
    if opened is None or opened.is_folder:
        raise _wrong(root, "must be a file")
    try:
        text = opened.read(0, LARGEST + 1)
    finally:
        opened.close()
    if len(text) > LARGEST:
        raise _wrong(root, f"must be at most {LARGEST} bytes")
    return text


def _directives(root: Path, widened: Widened) -> list[str]:
    found = []
    for field, allowed in _SOURCES.items():
        directive = field.replace("_", "-")
        sources: tuple[str, ...] = getattr(widened, field)
        for source in sources:
            if not re.fullmatch(allowed, source):
                raise _wrong(root, f"csp.{directive}: {source!r} is no source that may be added")
        if sources:
            found.append(" ".join([directive, "'self'", *sources]))
    return found


def _wrong(root: Path, reason: str) -> Refused:
    return Refused(f"{root / NAME}: {reason}: served with the default policy")
