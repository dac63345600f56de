"""Places for connections, and which connections are closed to free one."""

import pytest
import trio

from gaffer_http.serve.peer import Peer
from gaffer_http.serve.places import GRACE_PERIOD, NoPlaceError, Places

OWNER = Peer(1000)
TOTAL = 64
"""Number of places: 4 are reserved for the owner, 16 are for unadmitted connections."""
OTHERS = 60
UNADMITTED = 16


class PlacesUnderTest:
    """Places, and a list of those that were taken away."""

    def __init__(self, **options):
        self.places = Places(TOTAL, owners=frozenset({1000}), **options)
        self.evicted = []

    def take(self, peer, state="idle", **options):
        """Take a place; `state` is idle, refused, answered (after a refusal), admitted or busy."""
        place = self.places.take(peer, **options)
        place.evict = lambda: self.evicted.append(place)
        if state in ("admitted", "busy"):
            place.admit()
        place.requests = int(state in ("busy", "refused"))
        if state in ("refused", "answered"):
            place.refuse()
        if state == "answered":
            place.refusals = 0
        return place

    def refuses(self, peer, **options):
        with pytest.raises(NoPlaceError) as raised:
            self.take(peer, **options)
        return str(raised.value)


@pytest.fixture
def pool():
    return PlacesUnderTest()


def machine(number):
    return Peer(None, address=f"192.0.2.{number}")


pytestmark = pytest.mark.usefixtures("autojump_clock")


@pytest.mark.parametrize(
    ("peers", "others"),
    [
        ([Peer(7)], Peer(8)),
        ([machine(1), Peer(None, address="::ffff:192.0.2.1")], machine(2)),
        (
            [Peer(None, address=f"2001:db8::{n:x}:1") for n in range(4)],
            Peer(None, address="2001:db8:0:1::1"),
        ),
        ([Peer(None)], Peer(8)),
    ],
    ids=["user", "v4", "v6", "unknown"],
)
async def test_peer_without_an_admitted_request_has_a_limit(peers, others):
    pool = PlacesUnderTest(per_peer=5)
    for number in range(5):
        pool.take(peers[number % len(peers)])
    assert pool.refuses(peers[0]) == "it has 5 without an admitted request"
    pool.take(others)
    pool.take(OWNER)
    assert pool.evicted == []


async def test_refused_then_oldest_connections_of_a_peer_are_closed_first(pool):
    first, *others = [pool.take(machine(1)) for _ in range(UNADMITTED - 2)]
    answered = pool.take(machine(1), "answered")
    refused = pool.take(machine(1), "refused")
    for _ in range(2):
        pool.take(machine(1))
    assert pool.evicted == [answered, refused]
    pool.refuses(machine(1))
    await trio.sleep(GRACE_PERIOD)
    pool.take(machine(1))
    assert pool.evicted == [answered, refused, first]
    assert others


async def test_peer_with_an_admitted_request_gets_more_places():
    pool = PlacesUnderTest(per_peer=5)
    admitted = pool.take(machine(1), "busy")
    for _ in range(UNADMITTED):
        pool.take(machine(1))
    pool.refuses(machine(1))
    pool.places.release(admitted)
    assert pool.refuses(machine(1)) == "it has 5 without an admitted request"


async def test_unadmitted_peers_share_a_quarter_and_the_largest_loses_a_place():
    pool = PlacesUnderTest(per_peer=6)
    of_1 = [pool.take(machine(1)) for _ in range(6)]
    for number in (2, 2, 2, 2, 2, 3, 3, 3, 3, 3):
        pool.take(machine(number))
    pool.take(machine(4))
    assert pool.evicted == [of_1[0]]
    pool.take(machine(4), "admitted")
    assert pool.evicted == of_1[:2]
    # 4, 5, 5 and 1 unadmitted: the admitted one has freed a place.
    pool.take(machine(1))
    assert pool.refuses(machine(3)) == "16 have no admitted request"


async def test_source_of_many_claimed_peers_loses_places_first(pool):
    """A client of an endpoint with the PROXY protocol can claim any address."""
    claimed = []
    for number in range(UNADMITTED):
        claimed.append(pool.take(Peer(7)))
        claimed[-1].move(machine(number))
    pool.refuses(Peer(7))
    others = [pool.take(Peer(8)), pool.take(machine(99)), pool.take(Peer(9))]
    others[-1].move(machine(98))
    assert pool.evicted == claimed[:3]
    pool.refuses(Peer(7))
    assert pool.evicted == claimed[:3]


async def test_largest_claimed_peer_of_a_source_loses_a_place(pool):
    claimed = []
    for number in (*range(UNADMITTED - 3), 99, 99, 99):
        claimed.append(pool.take(Peer(7)))
        claimed[-1].move(machine(number))
    pool.take(Peer(8))
    assert pool.evicted == [claimed[-3]]


async def test_admitted_request_frees_its_unadmitted_place(pool):
    for _ in range(OTHERS):
        pool.take(machine(1), "busy")
    assert pool.refuses(machine(1)) == "all 60 connections are busy"


async def test_places_are_reserved_for_the_owner(pool):
    for number in range(OTHERS):
        pool.take(machine(number), "busy")
    assert pool.refuses(machine(99)) == "all 60 connections are busy"
    assert pool.refuses(OWNER, trust_uid=False) == "all 60 connections are busy"
    for _ in range(TOTAL - OTHERS):
        pool.take(OWNER, "busy")
    assert pool.refuses(OWNER) == "all 64 connections are busy"


async def test_owner_may_take_all_places(pool):
    for _ in range(TOTAL):
        pool.take(OWNER, "busy")
    assert pool.refuses(machine(1)) == "all 64 connections are busy"


async def test_connections_are_closed_in_order_of_their_state_when_places_are_taken(pool):
    idle_owner = pool.take(OWNER)
    idle = pool.take(machine(1), "admitted")
    silent = pool.take(machine(2))
    busy = [pool.take(machine(3), "busy") for _ in range(OTHERS - 4)]
    refused = pool.take(machine(4), "refused")
    last = pool.take(machine(5), "busy")
    for _ in range(TOTAL - OTHERS - 1):
        pool.take(OWNER, "busy")
    await trio.sleep(GRACE_PERIOD)
    for _ in range(4):
        pool.take(OWNER, "busy")
    assert pool.evicted == [refused, silent, idle, idle_owner]
    pool.refuses(OWNER)
    assert busy
    assert last


async def test_newcomers_do_not_replace_each_other(pool):
    idle = [pool.take(machine(number), "admitted") for number in range(OTHERS - 1)]
    handshake = pool.take(machine(100))
    pool.take(machine(101))
    assert pool.evicted == [idle[0]]
    assert handshake not in pool.evicted


async def test_nothing_is_counted_twice(pool):
    for _ in range(3):
        taken = [pool.take(machine(1), state) for state in ("idle", "busy", "refused")]
        taken.append(pool.take(OWNER))
        for place in taken * 2:
            pool.places.release(place)
            place.admit()
    for number in range(OTHERS):
        pool.take(machine(number), "busy")
    assert pool.evicted == []
