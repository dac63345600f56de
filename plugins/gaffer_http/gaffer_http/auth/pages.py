"""Pages in the owner's browser: page keys, the cookies they are exchanged for, and revocation.

A browser has the owner's uid, and so does each page in it, also one that another user's program has
served under an address of gafferd. So the uid is not sufficient for a browser: it also needs a
cookie, which it gets in exchange for a page key that a program of the owner (`gafferctl open`) has
requested.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256

import trio
from gaffer_kernel import GafferError

from gaffer_http.asgi import Headers
from gaffer_http.auth.caller import Right
from gaffer_http.auth.page_cookie import find_cookie, make_cookie
from gaffer_http.auth.page_key_file import PageKeyFile
from gaffer_http.errors import ApiError
from gaffer_http.serve.peer import Peer

log = logging.getLogger(__name__)

KEY_TIMEOUT = 30.0
"""Seconds in which a page key must be exchanged."""

CHECK_INTERVAL = 1.0
"""Seconds between two checks of the key file while a request of a page is in progress."""

_MAX_KEYS = 64
"""Page keys that are not exchanged yet; the oldest one is dropped for one more."""


class PageKeyNeededError(ApiError):
    """The 401 for a page without a valid cookie."""

    def __init__(self) -> None:
        reason = "a page in a browser needs a page key, or a token: type gafferctl open"
        super().__init__(401, "unauthorized", reason, {"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True, slots=True)
class SignedInPage:
    """A page in a browser that has exchanged a page key: it has every permission."""

    peer: Peer
    pages: Pages = field(repr=False)
    key: bytes = field(repr=False)
    expires: float

    @property
    def name(self) -> str:
        """The user whose browser it is."""
        return f"page of {self.peer}"

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return True."""
        return True

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Cancel the block when the cookie expires or the key is renewed."""
        return self.pages.admit(self)


@dataclass(frozen=True, slots=True)
class UnknownPage:
    """A page in the owner's browser without a page key: it may read the files of sites."""

    peer: Peer

    @property
    def name(self) -> str:
        """The user whose browser it is."""
        return f"page of {self.peer} without a key"

    def may(self, right: Right, session: str | None = None) -> bool:
        """Return False."""
        return False

    def revocable_scope(self) -> AbstractContextManager[object]:
        """Return a context manager that never cancels."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A page key that is not exchanged yet: for which user and origin, and until when."""

    uid: int
    origin: str
    deadline: float


class Pages:
    """Signs browsers in and out.

    Args:
        addresses: where the API listens and the owner's uid is sufficient.
        file: the file of the key that signs the cookies.

    Attributes:
        addresses: the same.
    """

    def __init__(self, addresses: Iterable[str] = (), file: PageKeyFile | None = None) -> None:
        self.addresses = tuple(addresses)
        self._file = file or PageKeyFile()
        self._waiting: dict[bytes, _Waiting] = {}
        self._scopes: dict[trio.CancelScope, SignedInPage] = {}
        self._admitted = trio.Event()
        self._watching = trio.CancelScope()
        self._warned = ""

    def caller(self, peer: Peer, headers: Headers) -> SignedInPage | UnknownPage:
        """Return the caller for a request of the owner's browser."""
        key = self._key() if b"cookie" in headers else None
        left = None
        if key is not None and peer.uid is not None:
            left = find_cookie(key, peer.uid, headers)
        if key is None or left is None:
            return UnknownPage(peer)
        return SignedInPage(peer, self, key, trio.current_time() + left)

    def new_key(self, uid: int, origin: str) -> str:
        """Return a page key: valid once, for KEY_TIMEOUT seconds.

        Args:
            uid: the user whose browser may exchange it.
            origin: of the page that may exchange it. Other users can read the key in the command
                line of the browser, but no page of theirs has this origin.

        Raises:
            GafferError: there is no key file, and none can be made.
        """
        self._file.read_or_create()
        now = trio.current_time()
        self._waiting = {
            digest: each for digest, each in self._waiting.items() if each.deadline > now
        }
        while len(self._waiting) >= _MAX_KEYS:
            del self._waiting[next(iter(self._waiting))]
        key = secrets.token_urlsafe(32)
        self._waiting[_digest(key)] = _Waiting(uid, origin, now + KEY_TIMEOUT)
        return key

    def exchange(self, key: str, uid: int, origin: str, *, secure: bool) -> str:
        """Return the Set-Cookie header for a page key, which is not valid afterwards.

        Raises:
            ApiError: 401, the key is unknown, used or expired, or meant for another page.
            GafferError: the key file cannot be used.
        """
        waiting = self._waiting.get(_digest(key))
        if (
            waiting is None
            or waiting.deadline <= trio.current_time()
            or (waiting.uid, waiting.origin) != (uid, origin)
        ):
            reason = "this page key is unknown, used or expired: type gafferctl open again"
            raise ApiError(401, "unauthorized", reason, {"WWW-Authenticate": "Bearer"})
        # Only now: a page that has seen the key, but may not exchange it, cannot invalidate it.
        del self._waiting[_digest(key)]
        return make_cookie(self._file.read_or_create(), uid, secure=secure)

    def revoke(self) -> None:
        """Renew the key: every browser is signed out, and what pages have asked for ends.

        Raises:
            GafferError: the key file cannot be written.
        """
        self._file.renew()
        self._waiting.clear()
        self._check()

    @contextmanager
    def admit(self, page: SignedInPage) -> Iterator[None]:
        """Cancel the block when the cookie of a page expires or the key is renewed."""
        with trio.CancelScope(deadline=page.expires) as scope:
            self._scopes[scope] = page
            self._admitted.set()
            try:
                yield
            finally:
                del self._scopes[scope]

    async def watch(self) -> None:
        """Notice that another gafferd of this user has renewed the key, until `close`."""
        with self._watching:
            while True:
                await self._admitted.wait()
                while self._scopes:
                    await trio.sleep(CHECK_INTERVAL)
                    self._check()
                self._admitted = trio.Event()

    def close(self) -> None:
        """End `watch`."""
        self._watching.cancel()

    def _check(self) -> None:
        key = self._key()
        for scope, page in self._scopes.items():
            if page.key != key:
                scope.cancel()

    def _key(self) -> bytes | None:
        """Return the key that signs cookies; None if there is no usable one."""
        try:
            key = self._file.read()
        except GafferError as error:
            if str(error) != self._warned:
                self._warned = str(error)
                log.warning("%s", error)
            return None
        self._warned = ""
        return key


def _digest(key: str) -> bytes:
    # Looked up by digest, so that the time of the comparison reveals nothing about the key.
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
