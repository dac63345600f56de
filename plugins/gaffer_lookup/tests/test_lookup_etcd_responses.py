"""Invalid responses of an etcd: each is no more than a line in the log."""

from base64 import b64encode

import pytest
import trio
import trustme
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from gaffer_lookup.etcd import responses as responses_module
from gaffer_lookup.etcd.address import read_settings
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import UnavailableError
from gaffer_lookup.etcd.keys import Keys, encode_node
from gaffer_lookup.etcd.mirror import open_mirror
from gaffer_lookup.etcd.registration import EtcdRegistration
from gaffer_lookup.registry.node import make_node

from .cluster_members import open_follower, open_node
from .fake_etcd import DEFAULTS, HEADER, open_fake_etcd

DIGITS = b"9" * 400


@pytest.fixture
async def fake():
    async with open_fake_etcd() as fake:
        yield fake


@pytest.fixture
def etcd(fake):
    """A client of the fake etcd, with a password."""
    return Etcd(read_settings([fake.address.replace("//", "//gaffer@")], password="word"))


def get_info(kernel):
    [info] = kernel.services["lookup"].lookupds()
    return info


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v3/lease/keepalive", b'{"result":[]}'),
        ("/v3/lease/keepalive", b'{"result":{"TTL":"x"}}'),
        ("/v3/lease/keepalive", b'{"result":{"TTL":"0"}}'),
        ("/v3/lease/keepalive", DEFAULTS["/v3/lease/keepalive"] * 2),
        ("/v3/kv/txn", b'{"succeeded":null}'),
        ("/v3/kv/txn", b'{"responses":[{"response_range":{"kvs":[{"key":"!"}]}}]}'),
        ("/v3/kv/txn", b"[" * 100_000),
    ],
)
async def test_node_reports_invalid_responses_and_registers_later(fake, path, body):
    async with open_node(fake.address) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await until(lambda: get_info(kernel).registered)
        fake.overrides[path] = body
        await until(lambda: get_info(kernel).error)
        job.scale("+1")
        del fake.overrides[path]
        await until(lambda: get_info(kernel).registered)


@pytest.mark.parametrize(
    "lease", [b'"TTL":"1"', b'"ID":"-5","TTL":"1"', b'"ID":"7","TTL":"0"', b'"ID":"7","TTL":"%s"']
)
async def test_invalid_lease_is_rejected(fake, lease):
    fake.overrides["/v3/lease/grant"] = b"{%s,%s}" % (HEADER, lease.replace(b"%s", DIGITS))
    async with open_node(fake.address) as kernel:
        await until(lambda: get_info(kernel).error)
        assert "invalid response" in get_info(kernel).error
        assert fake.requests["/v3/kv/txn"] == 0
        del fake.overrides["/v3/lease/grant"]
        await until(lambda: get_info(kernel).registered)


async def test_endless_response_is_cut_off(fake, etcd, monkeypatch):
    monkeypatch.setattr(responses_module, "MAX_RESPONSE_BYTES", 10_000)
    fake.overrides["/v3/kv/range"] = [b" " * 1000] * 1000
    with pytest.raises(UnavailableError, match="an answer of more than 10000 bytes"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_endless_pages_are_cut_off(fake, etcd):
    fake.overrides["/v3/kv/range"] = b'{%s,"kvs":[{"key":"eA=="}],"more":true}' % HEADER
    with pytest.raises(UnavailableError, match="returns keys without end"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


@pytest.mark.parametrize("token", ['"\\n"', '"\u00e9"', '""', '"a b"', "null"])
async def test_token_invalid_in_a_header_is_rejected(fake, etcd, token):
    fake.overrides["/v3/auth/authenticate"] = b'{"token":%s}' % token.encode()
    with pytest.raises(UnavailableError, match="invalid response"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_long_error_message_is_truncated(fake, etcd):
    fake.overrides["/v3/lease/keepalive"] = b'{"error":{"code":14,"message":"%s"}}' % (
        b"x" * 100_000
    )
    lease = await etcd.grant(60)
    with pytest.raises(UnavailableError) as raised:
        await etcd.keep_alive(lease)
    assert len(str(raised.value)) < 500
    await etcd.aclose()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v3/kv/range", b'{"kvs":[{}]}'),
        ("/v3/watch", b"{}\n"),
        ("/v3/watch", b'{"result":[]}\n'),
        ("/v3/watch", DEFAULTS["/v3/watch"] + b'{"result":{"events":[{"type":"PUT"}]}}\n'),
        ("/v3/watch", DEFAULTS["/v3/watch"] + b'{"result":{"canceled":true}}\n'),
        ("/v3/watch", DEFAULTS["/v3/watch"] + b'{"error":{"grpc_code":14}}\n'),
    ],
)
async def test_mirror_recovers_from_invalid_responses(fake, path, body):
    fake.overrides[path] = body
    async with open_follower(fake.address) as follower:
        await until(lambda: follower.mirror.error)
        del fake.overrides[path]
        await until(lambda: follower.mirror.error is None)


async def test_mirror_recovers_from_an_exception_in_publish(fake, caplog):
    node = make_node("web1", "http://web1:5000", "1", "machine a")
    key = b64encode(Keys("/gaffer").node(node, 7))
    pair = b'{"key":"%s","value":"%s","lease":"7"}' % (key, b64encode(encode_node(node)))
    fake.overrides["/v3/kv/range"] = b'{%s,"kvs":[%s]}' % (HEADER, pair)
    calls = []

    def publish(event, node, **what):
        calls.append(event)
        if len(calls) == 1:
            raise RuntimeError("a mistake of ours")

    async with open_mirror(read_settings([fake.address]), publish) as mirror:
        await until(lambda: mirror.error is None)
        assert [str(each) for each in mirror.store.nodes()] == [str(node)]
    assert "RuntimeError: a mistake of ours" in caplog.text


async def test_deleted_ca_file_is_reported_in_one_line(tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca")
    settings = read_settings(["etcds://127.0.0.1:1"], ca_file=str(tmp_path / "ca"))
    (tmp_path / "ca").unlink()
    etcd = Etcd(settings)
    with pytest.raises(UnavailableError, match=r"ca_file .*: no such file"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_registration_recovers_from_an_internal_error(fake, monkeypatch, caplog):
    keep = EtcdRegistration._keep

    async def fail(self, *args):
        monkeypatch.setattr(EtcdRegistration, "_keep", keep)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(EtcdRegistration, "_keep", fail)
    with trio.fail_after(20):
        async with open_node(fake.address) as kernel:
            await until(lambda: get_info(kernel).registered)
    assert "RuntimeError: a mistake of ours" in caplog.text
