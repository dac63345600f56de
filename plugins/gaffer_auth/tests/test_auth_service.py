"""Tests of identification and revocation on a virtual clock, without HTTP."""

import logging
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
import trio
import trio.testing
from gaffer_kernel import Config, Kernel

from gaffer_auth import revocation, store_file
from gaffer_auth.certificates import get_expiry, has_name
from gaffer_auth.entries import Certificate, Token, hash_secret
from gaffer_auth.service import open_auth
from gaffer_auth.store_file import change_store

CREATED = datetime(2026, 11, 25, tzinfo=UTC)


@dataclass
class Credentials:
    """The credentials of a caller."""

    token: str | None = None
    certificate: dict | None = None


def entry(name="ci", right="read", sessions=None, expires=None, secret=None, subject=None):
    more = {"name": name, "right": right, "sessions": sessions, "expires": expires}
    if subject is not None:
        return Certificate(created=CREATED, subject=subject, **more)
    return Token(created=CREATED, sha256=hash_secret(secret or name), **more)


@pytest.fixture
def write(home):
    """Replace the entries of the file."""
    return lambda *entries: change_store(home.file, lambda present: entries)


@asynccontextmanager
async def opened(ini=""):
    async with open_auth(Kernel(Config.from_string(ini))) as auth:
        yield auth


def in_(**span):
    return datetime.now(UTC) + timedelta(**span)


# Identification


async def test_token_is_found_by_its_secret(home, write):
    write(entry("one"), entry("two", "manage", ("web",)), entry("three"))
    async with opened() as auth:
        two = auth.identify(Credentials("two"))
        assert two.name == "token two"
        assert auth.identify(Credentials("four")) is None
        assert auth.identify(Credentials("")) is None
        assert auth.identify(Credentials(hash_secret("two"))) is None
        assert auth.identify(Credentials()) is None


@pytest.mark.parametrize("sessions", [None, ("web", "db")])
@pytest.mark.parametrize("right", ["read", "write", "manage"])
async def test_right_includes_lower_ones_in_its_sessions(home, write, right, sessions):
    write(entry(right=right, sessions=sessions))
    rights = ["read", "write", "manage"]
    held = rights[: rights.index(right) + 1]
    async with opened() as auth:
        caller = auth.identify(Credentials("ci"))
        assert [each for each in rights if caller.may(each, "web")] == held
        for elsewhere in (None, "we", "default"):
            expected = held if sessions is None else []
            assert [each for each in rights if caller.may(each, elsewhere)] == expected


async def test_all_entries_are_compared_for_constant_time(home, write, monkeypatch):
    write(entry("one"), entry("two"), entry("three"))
    compared = []
    monkeypatch.setattr(
        "hmac.compare_digest", lambda *both: compared.append(both) or both[0] == both[1]
    )
    async with opened() as auth:
        for secret in ("one", "three", "four"):
            compared.clear()
            auth.identify(Credentials(secret))
            assert len(compared) == 3


async def test_expired_token_is_not_found(home, write):
    write(entry("old", expires=in_(seconds=-1)), entry("young", expires=in_(hours=1)))
    async with opened() as auth:
        assert auth.identify(Credentials("old")) is None
        assert auth.identify(Credentials("young")) is not None


async def test_change_of_file_applies_at_once(home, write):
    async with opened() as auth:
        assert auth.identify(Credentials("ci")) is None
        write(entry())
        assert auth.identify(Credentials("ci")).may("read")
        write(entry(right="manage"))
        assert auth.identify(Credentials("ci")).may("manage")
        home.file.unlink()
        assert auth.identify(Credentials("ci")) is None


async def test_file_is_read_only_after_a_change(home, write, monkeypatch):
    write(entry())
    read = []
    monkeypatch.setattr(
        "gaffer_auth.token_store.read_store", lambda p: read.append(p) or store_file.read_store(p)
    )
    async with opened() as auth:
        for _ in range(5):
            assert auth.identify(Credentials("ci"))
            assert auth.identify(Credentials("x")) is None
        assert len(read) == 1
        write(entry(), entry("two"))
        assert auth.identify(Credentials("two"))
        assert len(read) == 2


async def test_unsafe_file_refuses_all_until_corrected(home, write, caplog):
    write(entry())
    async with opened() as auth:
        home.file.chmod(0o644)
        for _ in range(3):
            assert auth.identify(Credentials("ci")) is None
        [line] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
        assert line == (
            "all tokens and certificates are refused:"
            f" {home.file}: is accessible to other users: chmod 600 {home.file}"
        )
        caplog.clear()
        home.file.chmod(0o600)
        assert auth.identify(Credentials("ci"))
        assert caplog.messages == [f"tokens and certificates are accepted again: {home.file}"]


def raise_emfile(*_):
    raise OSError(24, "Too many open files")


async def test_unreadable_file_is_tried_again(home, write, monkeypatch):
    write(entry())
    with monkeypatch.context() as patch:
        patch.setattr(store_file.os, "open", raise_emfile)
        async with opened() as auth:
            assert auth.identify(Credentials("ci")) is None
            patch.undo()
            assert auth.identify(Credentials("ci"))


# Certificates

HOST = {"subjectAltName": (("DNS", "web.example.org"), ("DNS", "*.example.com"))}
MAIL = {"subjectAltName": (("email", "ops@example.org"), ("URI", "spiffe://example.org/ops"))}
NAMED = {"subject": ((("countryName", "XX"),), (("commonName", "ops"),))}


@pytest.mark.parametrize(
    ("certificate", "subject", "found"),
    [
        (HOST, "web.example.org", True),
        (HOST, "WEB.example.org", True),
        (HOST, "example.org", False),
        (HOST, "a.example.com", False),
        (HOST, "*.example.com", True),
        (MAIL, "ops@example.org", True),
        (MAIL, "Ops@example.org", False),
        (MAIL, "spiffe://example.org/ops", True),
        (MAIL, "spiffe://example.org", False),
        (NAMED, "ops", True),
        (NAMED, "XX", False),
        # Other kinds of names are verified by other rules of X.509.
        ({"subjectAltName": (("DNS", "ops@example.org"),)}, "ops@example.org", False),
        ({"subjectAltName": (("email", "spiffe://a/b"),)}, "spiffe://a/b", False),
        ({"subjectAltName": (("email", "web.example.org"),)}, "web.example.org", False),
        # With any alternative name, the common name is ignored.
        (NAMED | HOST, "ops", False),
        (NAMED | {"subjectAltName": (("IP Address", "127.0.0.1"),)}, "ops", False),
        ({}, "ops", False),
    ],
)
def test_names_of_certificate(certificate, subject, found):
    assert has_name(certificate, subject) is found


async def test_certificate_is_found_by_its_name(home, write):
    write(
        entry("ops", "write", subject="ops@example.org"), entry("old", subject="x", expires=CREATED)
    )
    async with opened() as auth:
        ops = auth.identify(Credentials(certificate=MAIL))
        assert (ops.name, ops.may("write"), ops.may("manage")) == ("certificate ops", True, False)
        assert auth.identify(Credentials(certificate=HOST)) is None
        assert (
            auth.identify(Credentials(certificate={"subject": ((("commonName", "x"),),)})) is None
        )


def test_expiry_of_certificate():
    assert get_expiry({"notAfter": "Dec 31 12:00:00 2026 GMT"}) == datetime(
        2026, 12, 31, 12, tzinfo=UTC
    )
    assert get_expiry({}) is None


# Revocation


async def time_until_cancelled(caller, change=lambda: None, most=20_000):
    """Return the seconds from a change to the cancellation of a request in progress."""
    start = trio.current_time()
    with caller.revocable_scope():
        await trio.sleep(10.5)
        change()
        start = trio.current_time()
        with trio.move_on_after(most):
            await trio.sleep_forever()
        return inf
    return trio.current_time() - start


CHANGES = {
    "revoked": (),
    "fewer rights": (entry(right="read", sessions=("web", "db")),),
    "fewer sessions": (entry(right="write", sessions=("web",)),),
    "other sessions": (entry(right="write", sessions=("web", "other")),),
    "another secret": (entry(right="write", sessions=("web", "db"), secret="new"),),
    "another kind": (entry(right="write", sessions=("web", "db"), subject="ci"),),
    "another name": (entry("other", "write", ("web", "db"), secret="ci"),),
}
MORE = {
    "the same": (entry(right="write", sessions=("web", "db")),),
    "more rights": (entry(right="manage", sessions=("db", "web")),),
    "more sessions": (entry(right="write", sessions=("web", "x", "db")),),
    "everywhere": (entry(right="write"),),
    "others": (entry(right="write"), entry("other")),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_lost_permission_cancels_request_within_a_second(home, write, autojump_clock, what):
    write(entry(right="write", sessions=("web", "db")))
    async with opened() as auth:
        caller = auth.identify(Credentials("ci"))
        assert await time_until_cancelled(caller, lambda: write(*CHANGES[what])) <= 1


@pytest.mark.parametrize("what", MORE)
async def test_kept_permissions_do_not_cancel_request(home, write, autojump_clock, what):
    write(entry(right="write", sessions=("web", "db")))
    async with opened() as auth:
        caller = auth.identify(Credentials("ci"))
        assert await time_until_cancelled(caller, lambda: write(*MORE[what]), most=1000) == inf


async def test_missing_or_invalid_file_cancels_all_requests(home, write, autojump_clock):
    async with opened() as auth:
        for spoil in (home.file.unlink, lambda: home.file.write_text("{")):
            home.file.parent.mkdir(exist_ok=True)
            home.file.unlink(missing_ok=True)
            write(entry())
            assert await time_until_cancelled(auth.identify(Credentials("ci")), spoil) <= 1


async def test_expiry_cancels_request(home, write, autojump_clock):
    write(entry(expires=in_(hours=5)))
    async with opened() as auth:
        seconds = await time_until_cancelled(auth.identify(Credentials("ci")))
        assert seconds == pytest.approx(5 * 3600 - 10.5, abs=10)


async def test_expiry_of_certificate_cancels_request(home, write, autojump_clock):
    write(entry(subject="ops@example.org", expires=in_(hours=5)))
    text = in_(hours=2).strftime("%b %d %H:%M:%S %Y GMT")
    async with opened() as auth:
        caller = auth.identify(Credentials(certificate={**MAIL, "notAfter": text}))
        assert await time_until_cancelled(caller) == pytest.approx(2 * 3600 - 10.5, abs=10)


async def test_clock_set_forward_cancels_expired_request(home, write, autojump_clock, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, zone):
            return datetime.now(zone) + timedelta(hours=6)

    write(entry(expires=in_(hours=5)))
    async with opened() as auth:
        caller = auth.identify(Credentials("ci"))
        assert (
            await time_until_cancelled(
                caller, lambda: monkeypatch.setattr(revocation, "datetime", Later)
            )
            <= 1
        )


async def test_revocation_cancels_only_requests_of_its_token(home, write, autojump_clock):
    write(entry("a"), entry("b"))
    ended = []

    async def ask(caller, number):
        with caller.revocable_scope():
            await trio.sleep(500 + number)
        ended.append((caller.entry.name, trio.current_time() - start))

    async with opened() as auth, trio.open_nursery() as nursery:
        start = trio.current_time()
        for number in range(20):
            nursery.start_soon(ask, auth.identify(Credentials("ab"[number % 2])), number)
        await trio.sleep(3)
        write(entry("b"))
    assert [each[0] for each in ended] == ["a"] * 10 + ["b"] * 10
    assert all(seconds <= 4 for name, seconds in ended if name == "a")
    assert all(seconds >= 500 for name, seconds in ended if name == "b")


async def test_file_is_not_checked_without_requests(home, write, autojump_clock):
    def next_wake_up():
        return trio.lowlevel.current_statistics().seconds_to_next_deadline

    write(entry())
    async with opened() as auth:
        await trio.testing.wait_all_tasks_blocked()
        assert next_wake_up() == inf
        for _ in range(2):
            with auth.identify(Credentials("ci")).revocable_scope():
                await trio.testing.wait_all_tasks_blocked()
                assert next_wake_up() <= 1
            await trio.sleep(1.5)
            await trio.testing.wait_all_tasks_blocked()
            assert next_wake_up() == inf


async def test_close_cancels_all_requests(home, write, autojump_clock):
    write(entry())
    async with trio.open_nursery() as nursery, opened() as auth:
        late = auth.identify(Credentials("ci"))
        nursery.start_soon(time_until_cancelled, auth.identify(Credentials("ci")))
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
    with late.revocable_scope():
        await trio.sleep(100)
    assert trio.current_time() == start


async def test_exception_in_scope_is_raised(home, write):
    write(entry())
    async with opened() as auth:
        with (
            pytest.raises(ValueError, match="inside"),
            auth.identify(Credentials("ci")).revocable_scope(),
        ):
            raise ValueError("inside")


# Logging


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((), "no tokens or certificates yet: gaffer-auth token NAME creates a token"),
        ((entry(),), "1 token and 0 certificates in {}"),
        ((entry(), entry("b"), entry("c", subject="c")), "2 tokens and 1 certificate in {}"),
    ],
)
async def test_log_counts_entries(home, write, caplog, entries, words):
    caplog.set_level(logging.INFO)
    write(*entries)
    async with opened():
        assert caplog.messages == [words.format(home.file)]


async def test_log_names_file_option_for_another_file(home, caplog):
    caplog.set_level(logging.INFO)
    async with opened(f"[auth]\nfile = {home.folder}/x.json"):
        [line] = caplog.messages
        assert line.endswith(
            f": gaffer-auth token NAME --file {home.folder}/x.json creates a token"
        )
    assert not os.path.exists(home.folder / "x.json")
