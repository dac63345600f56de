"""Who gets a place for a connection, and who has to go for that."""

import pytest
import trio

from gaffer_http.serve.peer import Peer
from gaffer_http.serve.places import GRACE_PERIOD, NoPlaceError, Places

OWNER = Peer(1000)
TOTAL = 64
"""Of them 4 are reserved for the owner, 16 are for unadmitted connections."""
OTHERS = 60
UNADMITTED = 16


class Bench:
    """Places, and which of them were taken away."""

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
def bench():
    return Bench()


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
async def test_a_peer_without_an_admitted_request_has_a_limit(peers, others):
    bench = Bench(per_peer=5)
    for number in range(5):
        bench.take(peers[number % len(peers)])
    assert bench.refuses(peers[0]) == "it has 5 without an admitted request"
    bench.take(others)
    bench.take(OWNER)
    assert bench.evicted == []


async def test_of_one_peer_the_refused_ones_go_first_then_the_old_ones(bench):
    first, *others = [bench.take(machine(1)) for _ in range(UNADMITTED - 2)]
    answered = bench.take(machine(1), "answered")
    refused = bench.take(machine(1), "refused")
    for _ in range(2):
        bench.take(machine(1))
    assert bench.evicted == [answered, refused]
    bench.refuses(machine(1))
    await trio.sleep(GRACE_PERIOD)
    bench.take(machine(1))
    assert bench.evicted == [answered, refused, first]
    assert others


async def test_who_has_an_admitted_request_may_connect_more_often():
    bench = Bench(per_peer=5)
    admitted = bench.take(machine(1), "busy")
    for _ in range(UNADMITTED):
        bench.take(machine(1))
    bench.refuses(machine(1))
    bench.places.release(admitted)
    assert bench.refuses(machine(1)) == "it has 5 without an admitted request"


async def test_unadmitted_ones_share_a_quarter_and_who_has_most_gives_way():
    bench = Bench(per_peer=6)
    of_1 = [bench.take(machine(1)) for _ in range(6)]
    for number in (2, 2, 2, 2, 2, 3, 3, 3, 3, 3):
        bench.take(machine(number))
    bench.take(machine(4))
    assert bench.evicted == [of_1[0]]
    bench.take(machine(4), "admitted")
    assert bench.evicted == of_1[:2]
    # 4, 5, 5 and 1 unadmitted: the one admitted has made room.
    bench.take(machine(1))
    assert bench.refuses(machine(3)) == "16 have no admitted request"


async def test_a_source_of_many_claimed_peers_gives_way_to_others(bench):
    """Whoever may connect to an endpoint with the PROXY protocol can claim any address."""
    claimed = []
    for number in range(UNADMITTED):
        claimed.append(bench.take(Peer(7)))
        claimed[-1].move(machine(number))
    bench.refuses(Peer(7))
    others = [bench.take(Peer(8)), bench.take(machine(99)), bench.take(Peer(9))]
    others[-1].move(machine(98))
    assert bench.evicted == claimed[:3]
    bench.refuses(Peer(7))
    assert bench.evicted == claimed[:3]


async def test_of_a_source_the_claimed_peer_with_most_gives_way(bench):
    claimed = []
    for number in (*range(UNADMITTED - 3), 99, 99, 99):
        claimed.append(bench.take(Peer(7)))
        claimed[-1].move(machine(number))
    bench.take(Peer(8))
    assert bench.evicted == [claimed[-3]]


async def test_an_admitted_request_gives_its_unadmitted_place_back(bench):
    for _ in range(OTHERS):
        bench.take(machine(1), "busy")
    assert bench.refuses(machine(1)) == "all 60 connections are busy"


async def test_places_are_reserved_for_the_owner(bench):
    for number in range(OTHERS):
        bench.take(machine(number), "busy")
    assert bench.refuses(machine(99)) == "all 60 connections are busy"
    assert bench.refuses(OWNER, trust_uid=False) == "all 60 connections are busy"
    for _ in range(TOTAL - OTHERS):
        bench.take(OWNER, "busy")
    assert bench.refuses(OWNER) == "all 64 connections are busy"


async def test_the_owner_may_have_all(bench):
    for _ in range(TOTAL):
        bench.take(OWNER, "busy")
    assert bench.refuses(machine(1)) == "all 64 connections are busy"


async def test_who_goes_first_when_all_places_are_taken(bench):
    idle_owner = bench.take(OWNER)
    idle = bench.take(machine(1), "admitted")
    silent = bench.take(machine(2))
    busy = [bench.take(machine(3), "busy") for _ in range(OTHERS - 4)]
    refused = bench.take(machine(4), "refused")
    last = bench.take(machine(5), "busy")
    for _ in range(TOTAL - OTHERS - 1):
        bench.take(OWNER, "busy")
    await trio.sleep(GRACE_PERIOD)
    for _ in range(4):
        bench.take(OWNER, "busy")
    assert bench.evicted == [refused, silent, idle, idle_owner]
    bench.refuses(OWNER)
    assert busy
    assert last


async def test_newcomers_do_not_replace_each_other(bench):
    idle = [bench.take(machine(number), "admitted") for number in range(OTHERS - 1)]
    handshake = bench.take(machine(100))
    bench.take(machine(101))
    assert bench.evicted == [idle[0]]
    assert handshake not in bench.evicted


async def test_nothing_is_counted_twice(bench):
    for _ in range(3):
        taken = [bench.take(machine(1), state) for state in ("idle", "busy", "refused")]
        taken.append(bench.take(OWNER))
        for place in taken * 2:
            bench.places.release(place)
            place.admit()
    for number in range(OTHERS):
        bench.take(machine(number), "busy")
    assert bench.evicted == []
