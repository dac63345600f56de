"""What an etcd that lies does to those who believe in it: no more than a line in the log."""

from base64 import b64encode

import pytest
import trio
import trustme
from gaffer_kernel import JobConfig
from tests.waiting import until

from gaffer_lookup.etcd import responses as answers_module
from gaffer_lookup.etcd.address import read_settings
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import Unavailable
from gaffer_lookup.etcd.keys import Keys, node_value
from gaffer_lookup.etcd.mirror import open_mirror
from gaffer_lookup.etcd.registration import Registration
from gaffer_lookup.registry.node import make_node

from .cluster_members import following, open_node
from .fake_etcd import HEADER, HONEST, lying

DIGITS = b"9" * 400


@pytest.fixture
async def liar():
    async with lying() as liar:
        yield liar


@pytest.fixture
def etcd(liar):
    """How it is spoken to by somebody with a password."""
    return Etcd(read_settings([liar.address.replace("//", "//gaffer@")], password="word"))


def told(kernel):
    [info] = kernel.services["lookup"].lookupds()
    return info


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v3/lease/keepalive", b'{"result":[]}'),
        ("/v3/lease/keepalive", b'{"result":{"TTL":"x"}}'),
        ("/v3/lease/keepalive", b'{"result":{"TTL":"0"}}'),
        ("/v3/lease/keepalive", HONEST["/v3/lease/keepalive"] * 2),
        ("/v3/kv/txn", b'{"succeeded":null}'),
        ("/v3/kv/txn", b'{"responses":[{"response_range":{"kvs":[{"key":"!"}]}}]}'),
        ("/v3/kv/txn", b"[" * 100_000),
    ],
)
async def test_a_node_that_hears_nonsense_says_so_and_registers_when_it_makes_sense(
    liar, path, said
):
    async with open_node(liar.address) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await until(lambda: told(kernel).registered)
        liar.lies[path] = said
        await until(lambda: told(kernel).error)
        job.scale("+1")
        del liar.lies[path]
        await until(lambda: told(kernel).registered)


@pytest.mark.parametrize(
    "lease", [b'"TTL":"1"', b'"ID":"-5","TTL":"1"', b'"ID":"7","TTL":"0"', b'"ID":"7","TTL":"%s"']
)
async def test_a_lease_that_is_none_is_not_believed(liar, lease):
    liar.lies["/v3/lease/grant"] = b"{%s,%s}" % (HEADER, lease.replace(b"%s", DIGITS))
    async with open_node(liar.address) as kernel:
        await until(lambda: told(kernel).error)
        assert "does not answer as etcd does" in told(kernel).error
        assert liar.asked["/v3/kv/txn"] == 0
        del liar.lies["/v3/lease/grant"]
        await until(lambda: told(kernel).registered)


async def test_an_answer_without_an_end_is_given_up_before_it_fills_the_memory(
    liar, etcd, monkeypatch
):
    monkeypatch.setattr(answers_module, "LARGEST", 10_000)
    liar.lies["/v3/kv/range"] = [b" " * 1000] * 1000
    with pytest.raises(Unavailable, match="an answer of more than 10000 bytes"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_keys_without_an_end_are_given_up(liar, etcd):
    liar.lies["/v3/kv/range"] = b'{%s,"kvs":[{"key":"eA=="}],"more":true}' % HEADER
    with pytest.raises(Unavailable, match="tells more keys than there can be"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


@pytest.mark.parametrize("token", ['"\\n"', '"\u00e9"', '""', '"a b"', "null"])
async def test_a_token_that_fits_into_no_header_is_not_shown(liar, etcd, token):
    liar.lies["/v3/auth/authenticate"] = b'{"token":%s}' % token.encode()
    with pytest.raises(Unavailable, match="does not answer as etcd does"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_words_are_cut_before_they_are_logged(liar, etcd):
    liar.lies["/v3/lease/keepalive"] = b'{"error":{"code":14,"message":"%s"}}' % (b"x" * 100_000)
    lease = await etcd.grant(60)
    with pytest.raises(Unavailable) as raised:
        await etcd.keep_alive(lease)
    assert len(str(raised.value)) < 500
    await etcd.aclose()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v3/kv/range", b'{"kvs":[{}]}'),
        ("/v3/watch", b"{}\n"),
        ("/v3/watch", b'{"result":[]}\n'),
        ("/v3/watch", HONEST["/v3/watch"] + b'{"result":{"events":[{"type":"PUT"}]}}\n'),
        ("/v3/watch", HONEST["/v3/watch"] + b'{"result":{"canceled":true}}\n'),
        ("/v3/watch", HONEST["/v3/watch"] + b'{"error":{"grpc_code":14}}\n'),
    ],
)
async def test_somebody_who_follows_hears_nonsense_until_it_makes_sense(liar, path, said):
    liar.lies[path] = said
    async with following(liar.address) as seen:
        await until(lambda: seen.mirror.error)
        del liar.lies[path]
        await until(lambda: seen.mirror.error is None)


async def test_somebody_who_follows_goes_on_whatever_becomes_of_what_he_tells(liar, caplog):
    node = make_node("web1", "http://web1:5000", "1", "machine a")
    key = b64encode(Keys("/gaffer").node(node, 7))
    pair = b'{"key":"%s","value":"%s","lease":"7"}' % (key, b64encode(node_value(node)))
    liar.lies["/v3/kv/range"] = b'{%s,"kvs":[%s]}' % (HEADER, pair)
    calls = []

    def tell(event, node, **what):
        calls.append(event)
        if len(calls) == 1:
            raise RuntimeError("a mistake of ours")

    async with open_mirror(read_settings([liar.address]), tell) as mirror:
        await until(lambda: mirror.error is None)
        assert [str(each) for each in mirror.store.nodes()] == [str(node)]
    assert "RuntimeError: a mistake of ours" in caplog.text


async def test_certificates_that_have_gone_since_the_start_are_a_line(tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca")
    settings = read_settings(["etcds://127.0.0.1:1"], ca_file=str(tmp_path / "ca"))
    (tmp_path / "ca").unlink()
    etcd = Etcd(settings)
    with pytest.raises(Unavailable, match=r"ca_file .*: no such file"):
        await etcd.read(b"/gaffer/")
    await etcd.aclose()


async def test_whatever_else_goes_wrong_the_next_try_may_go_well(liar, monkeypatch, caplog):
    keep = Registration._keep

    async def fail(self, *args):
        monkeypatch.setattr(Registration, "_keep", keep)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Registration, "_keep", fail)
    with trio.fail_after(20):
        async with open_node(liar.address) as kernel:
            await until(lambda: told(kernel).registered)
    assert "RuntimeError: a mistake of ours" in caplog.text
