"""`site.toml`: additions of a site to the Content-Security-Policy of all its responses.

Without a manifest everything must come from the origin of the site. A manifest can only add
sources, and only to the directives below. It can change neither which pages may frame a site, nor
where its forms are sent, nor its base URL, nor allow inline scripts.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from gaffer_sites.safe_open import SiteError, open_beneath

NAME = "site.toml"

MAX_SIZE = 16 * 1024
"""Bytes of a manifest."""

DEFAULT_POLICY = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    " object-src 'none'"
)
"""The policy of a site without a manifest."""

_HOST = r"(?:https?|wss?)://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?(?:/[A-Za-z0-9_./~%-]*)?"
_DATA = "data:|blob:"
_HASH = "'sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}'"


class CspSources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The section [csp]: sources for each directive in addition to `'self'`."""

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

    csp: CspSources = CspSources()


_ALLOWED = {
    "script_src": rf"{_HOST}|{_HASH}|'wasm-unsafe-eval'",
    "style_src": rf"{_HOST}|{_HASH}|'unsafe-inline'",
    "img_src": f"{_HOST}|{_DATA}",
    "font_src": f"{_HOST}|{_DATA}",
    "media_src": f"{_HOST}|{_DATA}",
    "connect_src": f"{_HOST}|{_DATA}",
    "worker_src": f"{_HOST}|blob:",
    "frame_src": f"{_HOST}|{_DATA}",
}
"""The sources that can be added to each directive, as regular expressions."""


def read_policy(root: Path) -> str:
    """Return the Content-Security-Policy of a site.

    Args:
        root: the folder of the site, without symbolic links in its path.

    Raises:
        OSError: the manifest cannot be read.
        SiteError: it is invalid, or another user could change it.
    """
    try:
        text = _read(root)
    except FileNotFoundError:
        return DEFAULT_POLICY
    try:
        manifest = msgspec.toml.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _make_error(root, str(error)) from error
    return "; ".join([DEFAULT_POLICY, *_make_directives(root, manifest.csp)])


def _read(root: Path) -> bytes:
    opened = open_beneath(root, [NAME])
    if opened is None or opened.is_folder:
        raise _make_error(root, "must be a file")
    try:
        text = opened.read(0, MAX_SIZE + 1)
    finally:
        opened.close()
    if len(text) > MAX_SIZE:
        raise _make_error(root, f"must be at most {MAX_SIZE} bytes")
    return text


def _make_directives(root: Path, csp: CspSources) -> list[str]:
    directives = []
    for field, allowed in _ALLOWED.items():
        directive = field.replace("_", "-")
        sources: tuple[str, ...] = getattr(csp, field)
        for source in sources:
            if not re.fullmatch(allowed, source):
                reason = f"csp.{directive}: {source!r} is not a source that can be added"
                raise _make_error(root, reason)
        if sources:
            directives.append(" ".join([directive, "'self'", *sources]))
    return directives


def _make_error(root: Path, reason: str) -> SiteError:
    return SiteError(f"{root / NAME}: {reason}: served with the default policy")
