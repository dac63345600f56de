"""etcd's verbs with a real etcd: leases, transactions, watches, and failover."""

import socket
import ssl
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gaffer_testing.waiting import wait_until

from gaffer_lookup.etcd import responses as responses_module
from gaffer_lookup.etcd import watch as watch_module
from gaffer_lookup.etcd.address import read_settings
from gaffer_lookup.etcd.client import CLOSE_TIMEOUT, Etcd
from gaffer_lookup.etcd.errors import (
    CompactedError,
    LeaseLostError,
    RejectedError,
    UnavailableError,
)
from gaffer_lookup.etcd.keys import put

from .etcd_cluster import CONT, STOP, Member, needs_etcd, running

pytestmark = needs_etcd


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


@pytest.fixture
def prefix(request):
    """A prefix of keys for each test."""
    return f"/{request.node.name}/".encode()


@asynccontextmanager
async def connected(settings):
    etcd = Etcd(settings)
    try:
        yield etcd
    finally:
        await etcd.aclose()


@pytest.fixture
async def etcd(cluster):
    async with connected(cluster.settings()) as etcd:
        yield etcd


async def keep(etcd, *keys, lease=0, value=b"x"):
    return await etcd.txn([], [put(key, value, lease) for key in keys])


async def keys(etcd, prefix):
    return [pair.key for pair in (await etcd.read(prefix))[1]]


async def test_put_keys_are_read(etcd, prefix):
    await keep(etcd, prefix + b"a", prefix + b"b", value=b"\0\xff")
    found, pairs = await etcd.read(prefix)
    assert [(pair.key, pair.value) for pair in pairs] == [
        (prefix + b"a", b"\0\xff"),
        (prefix + b"b", b"\0\xff"),
    ]
    assert found.header.revision >= pairs[0].mod_revision > 0


async def test_many_keys_are_read_in_pages(etcd, prefix, monkeypatch):
    monkeypatch.setattr("gaffer_lookup.etcd.client.PAGE", 3)
    expected = [prefix + b"%03d" % number for number in range(10)]
    await keep(etcd, *expected)
    assert await keys(etcd, prefix) == expected


async def test_large_values_are_read_in_smaller_pages(etcd, prefix, monkeypatch):
    monkeypatch.setattr(responses_module, "MAX_RESPONSE_BYTES", 30_000)
    expected = [prefix + b"%03d" % number for number in range(20)]
    await keep(etcd, *expected, value=b"x" * 10_000)
    assert await keys(etcd, prefix) == expected


async def test_missed_changes_come_in_fragments(etcd, prefix, monkeypatch):
    found, _ = await etcd.read(prefix)
    monkeypatch.setattr(watch_module, "MAX_RESPONSE_BYTES", 3 * 1024 * 1024)
    expected = [prefix + b"%03d" % number for number in range(100)]
    for key in expected:
        await keep(etcd, key, value=b"x" * 100_000)
    changed = []
    async with etcd.watch(prefix, found.header.revision + 1) as watch:
        while len(changed) < len(expected):
            changed += [each.kv.key for each in (await watch.next_changes()).events]
    assert changed == expected


async def test_revoked_lease_deletes_its_keys(etcd, prefix):
    lease = await etcd.grant(60)
    await keep(etcd, prefix + b"a", lease=lease.id)
    await etcd.keep_alive(lease)
    assert await keys(etcd, prefix) == [prefix + b"a"]
    await etcd.revoke(lease.id)
    assert await keys(etcd, prefix) == []


async def test_expired_lease_raises_lease_lost(etcd, prefix):
    lease = await etcd.grant(60)
    await etcd.revoke(lease.id)
    await etcd.revoke(lease.id)
    with pytest.raises(LeaseLostError, match="the lease has ended"):
        await etcd.keep_alive(lease)
    with pytest.raises(LeaseLostError, match="lease not found"):
        await keep(etcd, prefix + b"a", lease=lease.id)


async def test_watch_sends_changes_in_order(etcd, prefix):
    found, _ = await etcd.read(prefix)
    async with etcd.watch(prefix, found.header.revision + 1) as watch:
        await keep(etcd, prefix + b"a", prefix + b"b")
        lease = await etcd.grant(60)
        await keep(etcd, prefix + b"c", lease=lease.id)
        await etcd.revoke(lease.id)
        changed = []
        while len(changed) < 4:
            changed += (await watch.next_changes()).events
    assert [(each.type, each.kv.key[-1:]) for each in changed] == [
        ("PUT", b"a"),
        ("PUT", b"b"),
        ("PUT", b"c"),
        ("DELETE", b"c"),
    ]


async def test_watch_starts_with_missed_changes(etcd, prefix):
    found, _ = await etcd.read(prefix)
    await keep(etcd, prefix + b"a")
    async with etcd.watch(prefix, found.header.revision + 1) as watch:
        [change] = (await watch.next_changes()).events
        assert change.kv.key == prefix + b"a"


async def test_compacted_revision_raises_compacted(cluster, etcd, prefix):
    for value in (b"1", b"2", b"3"):
        await keep(etcd, prefix + b"a", value=value)
    found, _ = await etcd.read(prefix)
    cluster.compact()
    with pytest.raises(CompactedError):
        async with etcd.watch(prefix, found.header.revision - 1) as watch:
            await watch.next_changes()


async def test_silent_watch_ends(etcd, prefix, monkeypatch):
    monkeypatch.setattr(watch_module, "SILENCE_TIMEOUT", 0.2)
    async with etcd.watch(prefix, 0) as watch:
        assert await watch.next_changes() is None


async def test_cancelled_watch_leaves_the_client_usable(etcd, prefix):
    with trio.move_on_after(0.1) as scope:
        async with etcd.watch(prefix, 0) as watch:
            await watch.next_changes()
    assert scope.cancelled_caught
    await keep(etcd, prefix + b"a")


async def test_rejected_request_has_the_reason_of_etcd(etcd, cluster, prefix):
    with pytest.raises(RejectedError) as raised:
        await keep(etcd, prefix + b"a", prefix + b"a")
    assert str(raised.value) == f"{cluster.addresses[0]}: duplicate key given in txn request"


# Members that do not respond


def unused_address():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"etcd://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def open_silent_server():
    """Serve connections without any response."""
    async with trio.open_nursery() as nursery:

        async def serve(stream):
            async with stream:
                await trio.sleep_forever()

        [listener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"etcd://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_refused_connection_is_one_line_with_the_address(prefix):
    address = unused_address()
    async with connected(read_settings([address])) as etcd:
        with pytest.raises(UnavailableError) as raised:
            await etcd.read(prefix)
    assert str(raised.value) == f"{address}: connection refused"


async def test_request_fails_over_from_a_missing_member(cluster, prefix):
    async with connected(read_settings([unused_address(), *cluster.addresses])) as etcd:
        await keep(etcd, prefix + b"a")
        assert await keys(etcd, prefix) == [prefix + b"a"]


async def test_request_fails_over_from_a_hanging_member(cluster, prefix, monkeypatch):
    monkeypatch.setattr("gaffer_lookup.etcd.gateway.TIMEOUT", 0.3)
    async with open_silent_server() as address:
        async with connected(read_settings([address, *cluster.addresses])) as etcd:
            assert await keys(etcd, prefix) == []
        async with connected(read_settings([address])) as etcd:
            with pytest.raises(UnavailableError, match="no answer in"):
                await etcd.read(prefix)
            with pytest.raises(UnavailableError, match="no answer in"):
                async with etcd.watch(prefix, 1):
                    pass


async def test_other_http_server_is_reported(lookupd, prefix):
    async with connected(read_settings([lookupd.url.replace("http", "etcd")])) as etcd:
        with pytest.raises(UnavailableError, match="is not an HTTP gateway of etcd: status 404"):
            await etcd.read(prefix)


async def test_stopped_etcd_times_out(tmp_path, prefix, monkeypatch):
    monkeypatch.setattr("gaffer_lookup.etcd.gateway.TIMEOUT", 0.5)
    with running(tmp_path) as cluster:
        async with connected(cluster.settings()) as etcd:
            cluster.members[0].signal(STOP)
            with trio.fail_after(5), pytest.raises(UnavailableError):
                await etcd.read(prefix)
            cluster.members[0].signal(CONT)
            monkeypatch.undo()
            assert await keys(etcd, prefix) == []


# Three members


async def test_watch_misses_nothing_when_the_leader_is_killed(tmp_path, prefix):
    with running(tmp_path, size=3) as cluster:
        async with connected(cluster.settings()) as etcd:
            lease = await etcd.grant(60)
            found, _ = await etcd.read(prefix)
            changed = []

            async def follow(revision):
                while len(changed) < 30:
                    try:
                        async with etcd.watch(prefix, revision + 1) as watch:
                            while len(changed) < 30 and (changes := await watch.next_changes()):
                                changed.extend(each.kv.key for each in changes.events)
                                revision = changes.events[-1].kv.mod_revision
                    except UnavailableError as error:
                        etcd.skip_member(error.endpoint)
                        await trio.sleep(0.05)

            async def retry(verb, *args, **options):
                while True:
                    try:
                        return await verb(*args, **options)
                    except UnavailableError:
                        await trio.sleep(0.05)

            with trio.fail_after(40):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(follow, found.header.revision)
                    for number in range(30):
                        if number == 10:
                            cluster.leader.kill()
                        await retry(keep, etcd, prefix + b"%02d" % number, lease=lease.id)
            assert list(dict.fromkeys(changed)) == [
                prefix + b"%02d" % number for number in range(30)
            ]
            await retry(etcd.keep_alive, lease)


async def test_member_without_quorum_reports_no_leader(tmp_path, prefix):
    with running(tmp_path, size=3) as cluster:
        last, *others = cluster.members
        async with (
            connected(read_settings([last.address])) as etcd,
            etcd.watch(prefix, 1) as watch,
        ):
            for each in others:
                each.kill()
            with trio.fail_after(10), pytest.raises(UnavailableError, match="no leader"):
                await watch.next_changes()
            with pytest.raises(UnavailableError, match="no leader"):
                async with etcd.watch(prefix, 1):
                    pass


async def test_lease_is_revoked_while_a_member_hangs(tmp_path, prefix):
    with running(tmp_path, size=3) as cluster:
        hung, *others = sorted(cluster.members, key=Member.is_leader)
        addresses = [each.address for each in (hung, *others)]
        async with connected(read_settings(addresses)) as etcd:
            lease = await etcd.grant(60)
            await keep(etcd, prefix + b"a", lease=lease.id)
            hung.signal(STOP)
            with trio.fail_after(CLOSE_TIMEOUT):
                await etcd.revoke(lease.id)
        async with connected(read_settings(addresses[1:])) as etcd:
            assert await keys(etcd, prefix) == []


# Passwords and certificates


async def test_password_is_sent_again_when_etcd_forgets_the_token(tmp_path):
    with running(tmp_path) as cluster:
        cluster.enable_passwords()
        address = cluster.addresses[0].replace("://", "://gaffer@")
        async with connected(read_settings([address], password="word")) as etcd:
            await keep(etcd, b"/gaffer/a")
            with pytest.raises(RejectedError, match="permission denied"):
                await keep(etcd, b"/other/a")
            async with etcd.watch(b"/gaffer/", 1) as watch:
                assert (await watch.next_changes()).events
            cluster.kill()
            cluster.members[0].start(cluster.members)
            await trio.to_thread.run_sync(wait_for_port, cluster.members[0].port)
            assert await keys(etcd, b"/gaffer/") == [b"/gaffer/a"]
        async with connected(read_settings([address], password="wrong")) as etcd:
            with pytest.raises(RejectedError, match="invalid user ID or password"):
                await etcd.read(b"/gaffer/")
        async with connected(read_settings(cluster.addresses)) as etcd:
            with pytest.raises(RejectedError, match="user name is empty"):
                await etcd.read(b"/gaffer/")
            with pytest.raises(RejectedError):
                async with etcd.watch(b"/gaffer/", 1) as watch:
                    await watch.next_changes()


def write_key_pair(folder):
    key = rsa.generate_private_key(65537, 2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    own = serialization.PrivateFormat.TraditionalOpenSSL
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key").write_bytes(key.private_bytes(pem, own, plain))
    (folder / "pub").write_bytes(key.public_key().public_bytes(pem, public))


def wait_for_port(port):
    def connects():
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    wait_until(connects)


async def test_expired_token_is_renewed_silently(tmp_path, monkeypatch):
    monkeypatch.setattr(watch_module, "SILENCE_TIMEOUT", 0.2)
    write_key_pair(tmp_path)
    signed = f"jwt,pub-key={tmp_path}/pub,priv-key={tmp_path}/key,sign-method=RS256,ttl=1s"
    with running(tmp_path, args=["--auth-token", signed]) as cluster:
        cluster.enable_passwords()
        address = cluster.addresses[0].replace("://", "://gaffer@")
        async with connected(read_settings([address], password="word")) as etcd:
            tokens = set()
            with trio.fail_after(20):
                while len(tokens) < 3:
                    async with etcd.watch(b"/gaffer/", 1) as watch:
                        await watch.next_changes()
                    tokens.add(etcd._gateway._token)


async def test_tls_checks_both_certificates(tmp_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca")
    for name in ("127.0.0.1", "client"):
        cert = ca.issue_cert(name)
        cert.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        cert.cert_chain_pems[0].write_to_path(tmp_path / name)
    args = (
        *("--cert-file", tmp_path / "127.0.0.1", "--key-file", tmp_path / "127.0.0.1.key"),
        *("--trusted-ca-file", tmp_path / "ca", "--client-cert-auth"),
    )
    context = ssl.create_default_context(cafile=tmp_path / "ca")
    own = (str(tmp_path / "client"), str(tmp_path / "client.key"))
    context.load_cert_chain(*own)
    with running(tmp_path, args=args, verify=context) as cluster:
        settings = cluster.settings(ca_file=str(tmp_path / "ca"), certificate=own)
        async with connected(settings) as etcd:
            await keep(etcd, b"/gaffer/a")
            assert await keys(etcd, b"/gaffer/") == [b"/gaffer/a"]
        for options in ({}, {"ca_file": str(tmp_path / "ca")}):
            async with connected(cluster.settings(**options)) as etcd:
                with pytest.raises(UnavailableError):
                    await etcd.read(b"/gaffer/")
        elsewhere = cluster.addresses[0].replace("127.0.0.1", "localhost")
        options = {"ca_file": str(tmp_path / "ca"), "certificate": own}
        async with connected(read_settings([elsewhere], **options)) as etcd:
            with pytest.raises(UnavailableError, match="not trusted: hostname mismatch"):
                await etcd.read(b"/gaffer/")
