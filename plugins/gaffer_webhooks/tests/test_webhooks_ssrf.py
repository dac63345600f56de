"""Addresses and URLs that hooks may have, untrusted and trusted."""

import socket
from ipaddress import ip_address

import pytest
import trio
from gaffer_kernel import InvalidField
from gaffer_testing.waiting import until

from gaffer_webhooks import ssrf
from gaffer_webhooks.hook import make_hook
from gaffer_webhooks.sender import Certificates, Sender
from gaffer_webhooks.ssrf import get_block_reason
from gaffer_webhooks.url import parse_url

from .conftest import Receiver, publish

BLOCKED = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%1", "fd00:ec2::254", "100.100.100.200"),
    *("168.63.129.16", "::ffff:168.63.129.16", "192.0.0.192", "fd20:ce::254", "fd00:ec2::23"),
    *("0.0.0.0", "::", "224.0.0.1", "239.255.255.250", "ff02::1"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:0.0.0.0"),
]
TRUSTED_ONLY = [
    *("127.0.0.1", "127.255.255.254", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "100.64.0.1", "fc00::1", "fd12::1", "fec0::1", "198.18.0.1", "192.0.0.8"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "0.1.2.3"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "64:ff9b:1::1", "2001::1", "2001:db8::1", "100::1"),
    *("3fff::1", "5f00::1", "192.88.99.1"),
]
PUBLIC = [
    *("93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:4700::1", "2a00:1450::1"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
]


@pytest.mark.parametrize("address", BLOCKED)
def test_blocked_addresses_are_blocked_for_trusted_hooks_too(address):
    assert get_block_reason(address, trusted=False)
    assert get_block_reason(address, trusted=True)


@pytest.mark.parametrize("address", TRUSTED_ONLY)
def test_private_addresses_are_allowed_for_trusted_hooks_only(address):
    assert get_block_reason(address, trusted=False)
    assert get_block_reason(address, trusted=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert get_block_reason(address, trusted=False) is None
    assert get_block_reason(address, trusted=True) is None


def test_public_address_of_this_machine_is_allowed_for_trusted_hooks_only(monkeypatch):
    assert ssrf.is_own_address(ip_address("127.0.0.1"))
    assert not ssrf.is_own_address(ip_address("93.184.216.34"))
    assert not ssrf.is_own_address(ip_address("2606:4700::1"))
    asked = []
    monkeypatch.setattr(ssrf, "is_own_address", lambda address: not asked.append(address))
    assert "this machine's own address" in get_block_reason("::ffff:93.184.216.34", trusted=False)
    assert asked == [ip_address("93.184.216.34")]
    assert get_block_reason("93.184.216.34", trusted=True) is None


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "127.1", "0177.0.0.1", "017700000001"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "10.1"),
        *("[0:0:0:0:0:0:0:1]", "[::]", "0", "169.254.169.254", "2852039166"),
    ],
)
def test_any_spelling_of_blocked_address_is_rejected(host):
    with pytest.raises(InvalidField, match=r"url: leads to .* which is not allowed here"):
        make_hook(".", f"http://{host}/", trusted=False)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.example/", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("a.example/x", "must begin with http"),
        ("", "must be printable"),
        ("http://", "has no valid host"),
        ("http:///x", "has no valid host"),
        ("http://user@a.example/", "must have no user"),
        ("http://user:word@a.example/", "must have no user"),
        ("http://a.example@127.0.0.1/", "must have no user"),
        ("http://a.example/ x", "must be printable"),
        ("http://a.example/\n", "must be printable"),
        ("http://a.example\\@b.example/", "must be printable"),
        ("http://ä.example/", "must be printable"),
        ("http://a.example/#x", "must have no '#'"),
        ("http://a.example:0/", "has no valid port"),
        ("http://a.example:/", "has no valid port"),
        ("http://a.example:65536/", "has no valid port"),
        ("http://a.example:http/", "has no valid port"),
        ("http://a%2eexample/", "has no valid host"),
        ("http://[fe80::1%25eth0]/", "has no valid host"),
        ("http://[::1/", "is not a valid URL"),
        ("http://[v1.x]/", "has no valid host"),
        ("http://a.example/" + "x" * 2048, "is longer than"),
        (None, "must be a text"),
        (b"http://a.example/", "must be a text"),
    ],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_invalid_url_is_rejected(url, reason, trusted):
    with pytest.raises(InvalidField, match=f"^url: {reason}"):
        make_hook(".", url, trusted=trusted)


@pytest.mark.parametrize(
    ("url", "netloc", "port", "target"),
    [
        ("http://a.example", "a.example", 80, "/"),
        ("HTTPS://A.Example:443/x?y=1&z", "a.example", 443, "/x?y=1&z"),
        ("https://a.example:8443?q", "a.example:8443", 8443, "/?q"),
        ("http://[2606:4700::1]:81/", "[2606:4700::1]:81", 81, "/"),
    ],
)
def test_parse_url(url, netloc, port, target):
    parsed = parse_url(url)
    assert (parsed.netloc, parsed.port, parsed.target) == (netloc, port, target)


def resolver(*answers):
    """Make a resolver with planned results, the last one forever; return also its calls."""
    left, asked = list(answers), []

    async def resolve(host, port):
        await trio.lowlevel.checkpoint()
        asked.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve, asked


async def posted(receiver, host, resolve, *, trusted):
    url = f"http://{host}:{receiver.port}/"
    sender = Sender(url, trusted=trusted, certificates=Certificates(), resolve=resolve)
    async with sender.connect() as post:
        return [await post({}, b"{}") for _ in range(2)]


async def test_one_blocked_address_blocks_the_host(receiver):
    resolve, _ = resolver(["93.184.216.34", "127.0.0.1"])
    async with receiver.up():
        for answer in await posted(receiver, "evil.example", resolve, trusted=False):
            assert answer.status is None
            assert "127.0.0.1, a loopback address" in answer.reason
    assert receiver.connections == 0


async def test_host_is_resolved_and_checked_for_each_message(receiver):
    resolve, asked = resolver(["127.0.0.1"], ["169.254.169.254"])
    async with receiver.up():
        first, second = await posted(receiver, "rebinding.example", resolve, trusted=True)
    assert first.status == 204
    assert "a metadata address" in second.reason
    assert asked == ["rebinding.example"] * 2
    assert receiver.got[0].headers["host"] == f"rebinding.example:{receiver.port}"


async def test_sender_connects_to_checked_address(receiver):
    # No other resolver knows this name, so the sender did not resolve it again.
    resolve, _ = resolver(["127.0.0.1"])
    async with receiver.up():
        answers = await posted(receiver, "nowhere.invalid", resolve, trusted=True)
    assert [answer.status for answer in answers] == [204, 204]


async def test_next_address_is_tried_after_failed_connection(receiver):
    resolve, _ = resolver(["127.0.0.2", "127.0.0.1"])
    async with receiver.up():
        answers = await posted(receiver, "two.example", resolve, trusted=True)
    assert [answer.status for answer in answers] == [204, 204]


async def test_proxy_of_environment_is_not_used(receiver, monkeypatch):
    proxy = Receiver()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    resolve, _ = resolver(["127.0.0.1"])
    async with receiver.up(), proxy.up():
        answers = await posted(receiver, "a.example", resolve, trusted=True)
    assert [answer.status for answer in answers] == [204, 204]
    assert proxy.connections == 0


@pytest.mark.parametrize("error", [OSError("no such host"), UnicodeError("label too long")])
async def test_unknown_host_is_failed_try(receiver, error):
    async def resolve(host, port):
        await trio.lowlevel.checkpoint()
        raise error

    for answer in await posted(receiver, "unknown.example", resolve, trusted=False):
        assert (answer.status, answer.reason) == (None, "the host unknown.example is unknown")


async def test_register_rejects_private_address_for_untrusted_url(posting, receiver):
    async with receiver.up(), posting() as kernel:
        webhooks = kernel.services["webhooks"]
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(InvalidField, match="a loopback address"):
                await webhooks.register("tick", url, trusted=False)
        assert webhooks.list() == []
        await webhooks.register("tick", receiver.url)
        publish(kernel, 1)
        await until(lambda: receiver.got)


async def test_untrusted_hook_does_not_share_target_of_trusted_hook(posting, receiver, monkeypatch):
    url = receiver.url.replace("127.0.0.1", "rebinding.example")
    where = ["93.184.216.34"]

    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host != "rebinding.example" or kwargs.get("flags"):
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where[0], port))]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    async with receiver.up(), posting(f"tick = {url}") as kernel:
        webhooks = kernel.services["webhooks"]
        await webhooks.register("tock", url, trusted=False)
        where[0] = "127.0.0.1"
        publish(kernel, 1)
        publish(kernel, 1, "tock")
        await until(lambda: receiver.got)
        await until(lambda: [hook for hook in webhooks.list() if hook.failing])
        [failing] = [hook for hook in webhooks.list() if hook.failing]
        assert "a loopback address" in failing.failing
        assert (failing.pattern, failing.trusted) == ("tock", False)
    assert receiver.events() == ["tick"]
