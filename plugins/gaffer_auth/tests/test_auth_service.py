"""Who is known, and for how long: on virtual time, without HTTP."""

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

from gaffer_auth import reading
from gaffer_auth import revocation as admissions
from gaffer_auth.certificates import carries, end_of
from gaffer_auth.entries import Certificate, Token, hashed
from gaffer_auth.service import open_auth
from gaffer_auth.store_file import change_store

CREATED = datetime(2026, 11, 25, tzinfo=UTC)


@dataclass
class Shown:
    """What a caller shows."""

    token: str | None = None
    certificate: dict | None = None


def entry(name="ci", right="read", sessions=None, expires=None, secret=None, subject=None):
    more = {"name": name, "right": right, "sessions": sessions, "expires": expires}
    if subject is not None:
        return Certificate(created=CREATED, subject=subject, **more)
    return Token(created=CREATED, sha256=hashed(secret or name), **more)


@pytest.fixture
def write(home):
    """Have the file hold some entries, and no others."""
    return lambda *entries: change_store(home.file, lambda present: entries)


@asynccontextmanager
async def opened(ini=""):
    async with open_auth(Kernel(Config.from_string(ini))) as auth:
        yield auth


def in_(**span):
    return datetime.now(UTC) + timedelta(**span)


# Who it is


async def test_a_token_is_known_by_its_secret(home, write):
    write(entry("one"), entry("two", "manage", ("web",)), entry("three"))
    async with opened() as auth:
        two = auth.identify(Shown("two"))
        assert two.name == "token two"
        assert auth.identify(Shown("four")) is None
        assert auth.identify(Shown("")) is None
        assert auth.identify(Shown(hashed("two"))) is None
        assert auth.identify(Shown()) is None


@pytest.mark.parametrize("sessions", [None, ("web", "db")])
@pytest.mark.parametrize("right", ["read", "write", "manage"])
async def test_a_right_holds_the_ones_before_it_where_it_is_given(home, write, right, sessions):
    write(entry(right=right, sessions=sessions))
    rights = ["read", "write", "manage"]
    held = rights[: rights.index(right) + 1]
    async with opened() as auth:
        who = auth.identify(Shown("ci"))
        assert [each for each in rights if who.may(each, "web")] == held
        for elsewhere in (None, "we", "default"):
            expected = held if sessions is None else []
            assert [each for each in rights if who.may(each, elsewhere)] == expected


async def test_every_entry_is_compared_whichever_is_the_right_one(home, write, monkeypatch):
    write(entry("one"), entry("two"), entry("three"))
    compared = []
    monkeypatch.setattr(
        "hmac.compare_digest", lambda *both: compared.append(both) or both[0] == both[1]
    )
    async with opened() as auth:
        for secret in ("one", "three", "four"):
            compared.clear()
            auth.identify(Shown(secret))
            assert len(compared) == 3


async def test_what_has_expired_does_not_count(home, write):
    write(entry("old", expires=in_(seconds=-1)), entry("young", expires=in_(hours=1)))
    async with opened() as auth:
        assert auth.identify(Shown("old")) is None
        assert auth.identify(Shown("young")) is not None


async def test_a_change_of_the_file_counts_at_once(home, write):
    async with opened() as auth:
        assert auth.identify(Shown("ci")) is None
        write(entry())
        assert auth.identify(Shown("ci")).may("read")
        write(entry(right="manage"))
        assert auth.identify(Shown("ci")).may("manage")
        home.file.unlink()
        assert auth.identify(Shown("ci")) is None


async def test_the_file_is_read_only_when_it_has_changed(home, write, monkeypatch):
    write(entry())
    read = []
    monkeypatch.setattr(
        "gaffer_auth.token_store.read_store", lambda p: read.append(p) or reading.read_store(p)
    )
    async with opened() as auth:
        for _ in range(5):
            assert auth.identify(Shown("ci"))
            assert auth.identify(Shown("x")) is None
        assert len(read) == 1
        write(entry(), entry("two"))
        assert auth.identify(Shown("two"))
        assert len(read) == 2


async def test_a_bad_file_lets_nobody_in_until_it_is_good_again(home, write, caplog):
    write(entry())
    async with opened() as auth:
        home.file.chmod(0o644)
        for _ in range(3):
            assert auth.identify(Shown("ci")) is None
        [line] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
        assert line == (
            "nobody is let in by a token or a certificate:"
            f" {home.file}: is open to other users: chmod 600 {home.file}"
        )
        caplog.clear()
        home.file.chmod(0o600)
        assert auth.identify(Shown("ci"))
        assert caplog.messages == [f"tokens and certificates count again: {home.file}"]


async def test_a_file_that_cannot_be_read_for_a_while_is_tried_again(home, write, monkeypatch):
    write(entry())
    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "open", lambda *_: (_ for _ in ()).throw(OSError(24, "Too many")))
        async with opened() as auth:
            assert auth.identify(Shown("ci")) is None
            patch.undo()
            assert auth.identify(Shown("ci"))


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
        # What stands under another kind of name was checked by other rules.
        ({"subjectAltName": (("DNS", "ops@example.org"),)}, "ops@example.org", False),
        ({"subjectAltName": (("email", "spiffe://a/b"),)}, "spiffe://a/b", False),
        ({"subjectAltName": (("email", "web.example.org"),)}, "web.example.org", False),
        # Alternative names of any kind leave the common name without meaning.
        (NAMED | HOST, "ops", False),
        (NAMED | {"subjectAltName": (("IP Address", "127.0.0.1"),)}, "ops", False),
        ({}, "ops", False),
    ],
)
def test_the_names_of_a_certificate(certificate, subject, found):
    assert carries(certificate, subject) is found


async def test_a_certificate_is_known_by_a_name_in_it(home, write):
    write(
        entry("ops", "write", subject="ops@example.org"), entry("old", subject="x", expires=CREATED)
    )
    async with opened() as auth:
        ops = auth.identify(Shown(certificate=MAIL))
        assert (ops.name, ops.may("write"), ops.may("manage")) == ("certificate ops", True, False)
        assert auth.identify(Shown(certificate=HOST)) is None
        assert auth.identify(Shown(certificate={"subject": ((("commonName", "x"),),)})) is None


def test_the_end_of_a_certificate():
    assert end_of({"notAfter": "Dec 31 12:00:00 2026 GMT"}) == datetime(
        2026, 12, 31, 12, tzinfo=UTC
    )
    assert end_of({}) is None


# For how long


async def time_admitted(who, change=lambda: None, most=20_000):
    """Seconds until what somebody asks for is cancelled, counted from a change."""
    start = trio.current_time()
    with who.revocable_scope():
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
async def test_who_loses_rights_is_sent_away_within_a_second(home, write, autojump_clock, what):
    write(entry(right="write", sessions=("web", "db")))
    async with opened() as auth:
        who = auth.identify(Shown("ci"))
        assert await time_admitted(who, lambda: write(*CHANGES[what])) <= 1


@pytest.mark.parametrize("what", MORE)
async def test_who_keeps_his_rights_stays(home, write, autojump_clock, what):
    write(entry(right="write", sessions=("web", "db")))
    async with opened() as auth:
        who = auth.identify(Shown("ci"))
        assert await time_admitted(who, lambda: write(*MORE[what]), most=1000) == inf


async def test_a_file_that_is_gone_or_bad_sends_everybody_away(home, write, autojump_clock):
    async with opened() as auth:
        for spoil in (home.file.unlink, lambda: home.file.write_text("{")):
            home.file.parent.mkdir(exist_ok=True)
            home.file.unlink(missing_ok=True)
            write(entry())
            assert await time_admitted(auth.identify(Shown("ci")), spoil) <= 1


async def test_who_expires_is_sent_away_then(home, write, autojump_clock):
    write(entry(expires=in_(hours=5)))
    async with opened() as auth:
        seconds = await time_admitted(auth.identify(Shown("ci")))
        assert seconds == pytest.approx(5 * 3600 - 10.5, abs=10)


async def test_a_certificate_that_expires_ends_what_it_opened(home, write, autojump_clock):
    write(entry(subject="ops@example.org", expires=in_(hours=5)))
    text = in_(hours=2).strftime("%b %d %H:%M:%S %Y GMT")
    async with opened() as auth:
        who = auth.identify(Shown(certificate={**MAIL, "notAfter": text}))
        assert await time_admitted(who) == pytest.approx(2 * 3600 - 10.5, abs=10)


async def test_a_clock_that_is_put_forward_counts(home, write, autojump_clock, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, zone):
            return datetime.now(zone) + timedelta(hours=6)

    write(entry(expires=in_(hours=5)))
    async with opened() as auth:
        who = auth.identify(Shown("ci"))
        assert (
            await time_admitted(who, lambda: monkeypatch.setattr(admissions, "datetime", Later))
            <= 1
        )


async def test_many_are_sent_away_together_and_only_those_who_must(home, write, autojump_clock):
    write(entry("a"), entry("b"))
    ended = []

    async def ask(who, number):
        with who.revocable_scope():
            await trio.sleep(500 + number)
        ended.append((who.entry.name, trio.current_time() - start))

    async with opened() as auth, trio.open_nursery() as nursery:
        start = trio.current_time()
        for number in range(20):
            nursery.start_soon(ask, auth.identify(Shown("ab"[number % 2])), number)
        await trio.sleep(3)
        write(entry("b"))
    assert [each[0] for each in ended] == ["a"] * 10 + ["b"] * 10
    assert all(seconds <= 4 for name, seconds in ended if name == "a")
    assert all(seconds >= 500 for name, seconds in ended if name == "b")


async def test_nobody_looks_when_nobody_is_admitted(home, write, autojump_clock):
    def next_wake_up():
        return trio.lowlevel.current_statistics().seconds_to_next_deadline

    write(entry())
    async with opened() as auth:
        await trio.testing.wait_all_tasks_blocked()
        assert next_wake_up() == inf
        for _ in range(2):
            with auth.identify(Shown("ci")).revocable_scope():
                await trio.testing.wait_all_tasks_blocked()
                assert next_wake_up() <= 1
            await trio.sleep(1.5)
            await trio.testing.wait_all_tasks_blocked()
            assert next_wake_up() == inf


async def test_closing_sends_everybody_away(home, write, autojump_clock):
    write(entry())
    async with trio.open_nursery() as nursery, opened() as auth:
        late = auth.identify(Shown("ci"))
        nursery.start_soon(time_admitted, auth.identify(Shown("ci")))
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
    with late.revocable_scope():
        await trio.sleep(100)
    assert trio.current_time() == start


async def test_an_error_inside_is_not_swallowed(home, write):
    write(entry())
    async with opened() as auth:
        with (
            pytest.raises(ValueError, match="inside"),
            auth.identify(Shown("ci")).revocable_scope(),
        ):
            raise ValueError("inside")


# What it says


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((), "nobody has a token or a certificate: gaffer-auth token NAME makes a token"),
        ((entry(),), "1 token and 0 certificates in {}"),
        ((entry(), entry("b"), entry("c", subject="c")), "2 tokens and 1 certificate in {}"),
    ],
)
async def test_it_says_how_many_there_are(home, write, caplog, entries, words):
    caplog.set_level(logging.INFO)
    write(*entries)
    async with opened():
        assert caplog.messages == [words.format(home.file)]


async def test_it_says_how_to_make_the_first_token_in_another_file(home, caplog):
    caplog.set_level(logging.INFO)
    async with opened(f"[auth]\nfile = {home.folder}/x.json"):
        [line] = caplog.messages
        assert line.endswith(f": gaffer-auth token NAME --file {home.folder}/x.json makes a token")
    assert not os.path.exists(home.folder / "x.json")
