"""Tests of the exceptions and their messages."""

import time

import pytest

from gaffer_client import (
    ArgumentError,
    BusyError,
    ClientError,
    ConflictError,
    ConnectionLostError,
    ForbiddenError,
    InvalidValueError,
    NotFoundError,
    NotGafferError,
    NotSettledError,
    ResponseError,
    Server,
    ServerError,
    UnauthorizedError,
    UnreachableError,
    token_from_environment,
)
from gaffer_client.errors import make_response_error

from .conftest import do


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidValueError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (405, InvalidValueError),
        (409, ConflictError),
        (413, InvalidValueError),
        (421, ForbiddenError),
        (429, BusyError),
        (500, ServerError),
        (503, BusyError),
    ],
)
def test_status_selects_error_class(status, kind):
    error = make_response_error(status, "slug", "what is\nwrong")
    assert type(error) is kind
    assert isinstance(error, ResponseError)
    assert (error.status, error.error, str(error)) == (status, "slug", "what is wrong")


async def test_response_error_has_reason_of_server(server):
    with pytest.raises(NotFoundError) as raised:
        await do(server.job("nothing").info)
    assert (raised.value.error, str(raised.value)) == ("not_found", "no job 'nothing'")
    with pytest.raises(InvalidValueError, match="did you mean 'numprocesses'"):
        await do(server.add_process, "a", "sleep 9", numproceses=2)
    await do(server.add_process, "a", "sleep 9", start=False)
    with pytest.raises(ConflictError, match="'a' already exists"):
        await do(server.add_process, "a", "sleep 9")


async def test_short_wait_raises_not_settled(server):
    stubborn = "sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done'"
    job = await do(server.add_process, "a", stubborn, redirect_output=["out"], wait=10)
    [process] = await do(job.processes)
    assert (await do(process.read)).data == b"ready\n"
    with pytest.raises(NotSettledError):
        await do(job.stop, wait=0.05)
    await do(job.signal, "KILL")


async def test_unreachable_error_names_address(connect, short_path):
    with pytest.raises(UnreachableError) as raised:
        await do(connect("http://127.0.0.1:1").ping)
    assert str(raised.value) == "http://127.0.0.1:1: cannot connect: connection refused"
    with pytest.raises(UnreachableError) as raised:
        await do(connect(f"unix:{short_path}/none").ping)
    assert str(raised.value) == f"unix:{short_path}/none: cannot connect: no such file or directory"


async def test_unknown_host_is_unreachable(connect):
    with pytest.raises(UnreachableError, match=r"no-such-host\.invalid"):
        await do(connect("http://no-such-host.invalid:5000").ping)


async def test_missing_response_is_lost_connection(connect, answering):
    address = await answering(b"", hold=True)
    start = time.monotonic()
    with pytest.raises(ConnectionLostError, match="no answer in time"):
        await do(connect(address, timeout=0.2).jobs)
    assert time.monotonic() - start < 10


async def test_incomplete_response_is_lost_connection(connect, answering):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
    for answer in (b"", head):
        with pytest.raises(
            ConnectionLostError, match=r"http://127\.0\.0\.1:\d+: connection lost: "
        ):
            await do(connect(await answering(answer)).jobs)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"jobs": [1]}',
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n[]",
    ],
)
async def test_other_server_raises_not_gaffer(connect, answering, answer):
    address = await answering(answer)
    with pytest.raises(NotGafferError, match=": not gaffer's API: ") as raised:
        await do(connect(address).jobs)
    assert raised.value.address == address
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"token": "two\nlines"},
        {"token": "für"},
        {"timeout": 0},
        {"timeout": -1},
    ],
)
def test_invalid_argument_raises_before_connecting(options):
    with pytest.raises(ArgumentError):
        Server("http://localhost:5000", **options)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a.b.c", "../pids", "a/b/c", "ä"])
def test_invalid_name_raises_before_sending(name):
    server = Server("http://localhost:1")
    with pytest.raises(ArgumentError):
        server.job(name)
    with pytest.raises(ArgumentError):
        server.session(name)


def test_job_of_other_session_raises():
    with pytest.raises(ArgumentError, match="not in the session"):
        Server().job("night.nap", "day")


@pytest.mark.parametrize("option", ["ca_file", "certificate"])
async def test_unusable_certificate_file_is_named(connect, tmp_path, option):
    (tmp_path / "text").write_text("hello")
    for name in ("none", "text"):
        with pytest.raises(ArgumentError, match=f"{option} {tmp_path}/{name}: "):
            await do(connect("https://localhost:1", **{option: f"{tmp_path}/{name}"}).ping)


def test_token_of_environment_is_used_only_on_request(monkeypatch):
    monkeypatch.setenv("GAFFER_TOKEN", "secret")
    assert token_from_environment() == "secret"
    assert Server()._transport.settings.token is None
    monkeypatch.setenv("GAFFER_TOKEN", "")
    assert token_from_environment() is None


def test_repr_of_settings_hides_token():
    assert "secret" not in repr(Server(token="secret")._transport.settings)


def test_all_errors_are_client_errors():
    for kind in (
        ArgumentError,
        UnreachableError,
        ConnectionLostError,
        NotGafferError,
        NotSettledError,
        ResponseError,
    ):
        assert issubclass(kind, ClientError)
