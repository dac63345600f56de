"""The places for connections, shared among peers, so that no peer can lock the owner out."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import trio

from gaffer_http.serve.peer import Peer

MAX_CONNECTIONS = 512

OTHER_FILES = 64
"""Descriptors that are not used for connections; two thirds of the limit if that is less."""

MAX_RESERVED = 32
"""Places that only the owner may take; a sixteenth of all if that is less."""

MAX_UNADMITTED = 16
"""Places of a peer that has no connection with an admitted request."""

GRACE_PERIOD = 1.0
"""Seconds in which a new connection is not closed in favour of another one of the same peer.

So a burst of handshakes makes progress, and does not only replace itself.
"""


class NoPlaceError(Exception):
    """A peer cannot get a place; the text says why."""


class Place:
    """The place that one connection takes.

    Attributes:
        peer: who is connected.
        source: the group of the peer at the other end: the proxy if it connects for `peer`.
        is_owner: whether the peer is the owner, on an endpoint where its uid is sufficient.
        is_admitted: whether a request on this connection has been admitted.
        is_refused: whether the last decided request was refused.
        requests: how many are in progress.
        refusals: how many of those are refused, and only have to be answered.
        evict: closes the connection at once; set by the code that serves it.
    """

    def __init__(self, places: Places, peer: Peer, is_owner: bool) -> None:
        self.peer = peer
        self.source = peer.group
        self.is_owner = is_owner
        self.is_admitted = False
        self.is_refused = False
        self.requests = 0
        self.refusals = 0
        self.since = trio.current_time()
        self.evict: Callable[[], None] = _nothing
        self._places = places

    @property
    def is_busy(self) -> bool:
        """Whether it has a request that has not been refused."""
        return self.requests > self.refusals

    def admit(self) -> None:
        """Record that a request has been admitted."""
        self.is_refused = False
        if not self.is_admitted:
            self._places.admit(self)

    def move(self, peer: Peer) -> None:
        """Count it for another peer, for whom a proxy connects, before any request.

        Raises:
            NoPlaceError: that peer cannot get one.
        """
        self._places.move(self, peer)

    def refuse(self) -> None:
        """Record that a request has been refused."""
        self.is_refused = True
        self.refusals += 1


class Places:
    """Decides which peers may connect, and which connections to close in exchange.

    Peers are counted by `Peer.group`. A place is unadmitted until a request on it is admitted,
    unless it is the owner's; that includes TLS handshakes.

    Args:
        places: how many there are; `default_total()` when not given.
        per_peer: how many unadmitted ones a peer may have; MAX_UNADMITTED when not given.
        owners: the users that count as the owner.
    """

    def __init__(
        self,
        places: int | None = None,
        per_peer: int | None = None,
        owners: frozenset[int] = frozenset(),
    ) -> None:
        self.total = default_total() if places is None else places
        self._owners = owners
        self._for_others = self.total - min(MAX_RESERVED, self.total // 16)
        self._unadmitted_total = max(1, self.total // 4)
        self._per_peer = min(per_peer or MAX_UNADMITTED, self._unadmitted_total)
        # Dictionaries as ordered sets: the oldest comes first.
        self._taken: dict[Place, None] = {}
        self._others = 0
        self._unadmitted: dict[str, dict[Place, None]] = {}
        self._by_source: dict[str, dict[Place, None]] = {}
        self._unadmitted_count = 0
        self._admitted: dict[str, int] = {}

    def take(self, peer: Peer, *, trust_uid: bool = True) -> Place:
        """Give a place to a new connection, if necessary that of another one, which is closed.

        Args:
            peer: who is connected.
            trust_uid: whether the owner is identified by the uid at this endpoint.

        Returns:
            the place, to be given back with `release`.

        Raises:
            NoPlaceError: there is none for this peer.
        """
        place = Place(self, peer, trust_uid and peer.uid in self._owners)
        self._add(place)
        return place

    def move(self, place: Place, peer: Peer) -> None:
        """Count an unadmitted place for another peer, who is not the owner.

        Raises:
            NoPlaceError: there is none for that peer, or the place has been given to another one.
        """
        if place not in self._taken:
            raise NoPlaceError("its place was given to another one")
        self.release(place)
        place.peer, place.is_owner = peer, False
        self._add(place)

    def _add(self, place: Place) -> None:
        self._make_room(place)
        self._taken[place] = None
        if not place.is_owner:
            self._others += 1
            self._unadmitted.setdefault(place.peer.group, {})[place] = None
            self._by_source.setdefault(place.source, {})[place] = None
            self._unadmitted_count += 1

    def release(self, place: Place) -> None:
        """Take a place back; does nothing if it was taken back already."""
        if place not in self._taken:
            return
        del self._taken[place]
        if place.is_owner:
            return
        self._others -= 1
        group = place.peer.group
        if not place.is_admitted:
            self._forget_unadmitted(place)
        elif self._admitted[group] == 1:
            del self._admitted[group]
        else:
            self._admitted[group] -= 1

    def admit(self, place: Place) -> None:
        """Count a place as admitted."""
        place.is_admitted = True
        if not place.is_owner and place in self._taken:
            self._forget_unadmitted(place)
            self._admitted[place.peer.group] = self._admitted.get(place.peer.group, 0) + 1

    def _forget_unadmitted(self, place: Place) -> None:
        _discard(self._unadmitted, place.peer.group, place)
        _discard(self._by_source, place.source, place)
        self._unadmitted_count -= 1

    def _make_room(self, place: Place) -> None:
        if not place.is_owner:
            self._make_room_among_unadmitted(place)
        if not place.is_owner and self._others >= self._for_others:
            others = (each for each in self._by_precedence() if not each.is_owner)
            self._evict(others, f"all {self._for_others} connections are busy")
        elif len(self._taken) >= self.total:
            self._evict(self._by_precedence(), f"all {self.total} connections are busy")

    def _make_room_among_unadmitted(self, place: Place) -> None:
        group = place.peer.group
        own = self._unadmitted.get(group, {})
        limit = self._unadmitted_total if group in self._admitted else self._per_peer
        if len(own) >= limit:
            before = trio.current_time() - GRACE_PERIOD
            old = (each for each in _refused_first(own) if each.is_refused or each.since <= before)
            self._evict(old, f"it has {limit} without an admitted request")
        elif self._unadmitted_count >= self._unadmitted_total:
            refused = (each for each in self._all_unadmitted() if each.is_refused)
            reason = f"{self._unadmitted_total} have no admitted request"
            self._evict(chain(refused, self._spared(place)), reason)

    def _spared(self, place: Place) -> Iterable[Place]:
        """Return the places to evict for a new peer: the peer with the most gives one up.

        Peers of the source with the most places come first: a proxy can claim as many peers as it
        likes.
        """
        most = max(self._by_source.values(), key=len)
        peer = max((self._unadmitted[each.peer.group] for each in most), key=len)
        if len(most) > len(self._by_source.get(place.source, {})) + 1:
            return chain((each for each in peer if each in most), most)
        own = len(self._unadmitted.get(place.peer.group, {}))
        return peer if len(peer) > own + 1 else ()

    def _by_precedence(self) -> Iterator[Place]:
        """Yield every place, in the order in which to evict them."""
        before = trio.current_time() - GRACE_PERIOD
        yield from (each for each in self._all_unadmitted() if each.is_refused)
        yield from (each for each in self._taken if each.is_refused)
        # Not the handshakes first: new ones would only replace each other.
        yield from (each for each in self._all_unadmitted() if each.since <= before)
        yield from (each for each in self._taken if each.is_admitted and not each.is_owner)
        yield from (each for each in self._taken if not each.is_owner)
        yield from self._taken

    def _all_unadmitted(self) -> Iterator[Place]:
        return chain.from_iterable(self._unadmitted.values())

    def _evict(self, candidates: Iterable[Place], reason: str) -> None:
        """Close the first connection that is not busy."""
        for place in candidates:
            if not place.is_busy:
                self.release(place)
                place.evict()
                return
        raise NoPlaceError(reason)


def default_total() -> int:
    """Return how many connections there may be: so many that descriptors are left for the rest."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, max(limit // 3, limit - OTHER_FILES))


def _refused_first(places: Iterable[Place]) -> list[Place]:
    return sorted(places, key=lambda each: not each.is_refused)


def _discard(groups: dict[str, dict[Place, None]], key: str, place: Place) -> None:
    group = groups[key]
    del group[place]
    if not group:
        del groups[key]


def _nothing() -> None:
    """Do nothing: there is no connection to close yet."""
