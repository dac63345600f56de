"""Tests of the API with gaffer-auth and real clients: tokens, certificates, revocation."""

import logging
import ssl
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, GafferError, JobConfig, open_kernel
from httpx2 import AsyncClient, RemoteProtocolError

from gaffer_auth.plugin import plugin as auth_plugin

JOBS = (("web", "one"), ("web", "two"), ("db", "store"))
PIDS = {"one": 1, "two": 2, "store": 3}


@asynccontextmanager
async def served(ini="[endpoint:a]\nbind = 127.0.0.1:0", plugins=(http_plugin, auth_plugin)):
    async with open_kernel(Config.from_string(ini), plugins=plugins) as kernel:
        for session, name in JOBS:
            config = JobConfig(
                name=name, cmd="cat", redirect_input=True, redirect_output=["stdout"]
            )
            await kernel.manager.load(config, session).settled()
        yield kernel


def url(kernel):
    return kernel.services["http"].addresses[0]


@pytest.fixture
async def api(home):
    """Create clients of the API: `api(secret)` sends a token, `api()` is the owner's."""
    async with served() as kernel:
        clients = []

        def client(secret=None, **headers):
            if secret is not None:
                headers["Authorization"] = f"Bearer {secret}"
            clients.append(AsyncClient(base_url=url(kernel), headers=headers, timeout=30))
            return clients[-1]

        client.kernel = kernel
        yield client
        for each in clients:
            await each.aclose()


async def refused(client, status, method="GET", path="/jobs", **more):
    """Send a request that must be refused, and return the reason."""
    answer = await client.request(method, path, **more)
    error = answer.json()
    slug = {401: "unauthorized", 403: "forbidden", 404: "not_found"}[status]
    assert (answer.status_code, error["error"]) == (status, slug), answer.text
    return error["reason"]


async def granted(client, method, path, **more):
    answer = await client.request(method, path, **more)
    assert answer.is_success, answer.text
    return answer


# Permissions


async def test_read_token_reads_and_changes_nothing(home, api):
    ci = api(home.token("ci"))
    assert (await granted(ci, "GET", "/jobs")).json()["jobs"] == ["web.one", "web.two", "db.store"]
    assert (await granted(ci, "GET", "/jobs/web/one")).status_code == 200
    for method, path, body in [
        ("POST", "/jobs/web", {"name": "new", "cmd": "true"}),
        ("POST", "/jobs/web/one/state", {"state": "stop"}),
        ("DELETE", "/jobs/web/one", {}),
        ("POST", "/streams/1/stdin", {}),
    ]:
        assert (await refused(ci, 403, method, path, json=body)).startswith(
            "token ci has no permission"
        )


async def test_write_token_writes_to_processes(home, api):
    ci = api(home.token("ci", "--right", "write"))
    await granted(ci, "GET", "/jobs")
    await granted(ci, "POST", "/streams/1/stdin", content=b"hello\n")
    await refused(ci, 403, "POST", "/jobs/web/one/state", json={"state": "stop"})


async def test_manage_token_has_all_permissions(home, api):
    ci = api(home.token("ci", "--right", "manage"))
    await granted(ci, "POST", "/streams/1/stdin", content=b"hello\n")
    await granted(ci, "POST", "/jobs/new", json={"name": "x", "cmd": "true", "start": False})
    await granted(ci, "DELETE", "/jobs/new/x")


async def test_session_token_has_no_permission_in_other_sessions(home, api):
    ci = api(home.token("ci", "--right", "manage", "--session", "web"))
    assert (await granted(ci, "GET", "/jobs")).json()["jobs"] == ["web.one", "web.two"]
    assert (await granted(ci, "GET", "/sessions")).json()["sessions"] == ["web"]
    assert (await granted(ci, "GET", "/pids")).json()["pids"] == [1, 2]
    await granted(ci, "POST", "/jobs/web/one/state", json={"state": "restart"})
    for method, path in [
        ("GET", "/jobs/db"),
        ("GET", "/jobs/db/store"),
        ("DELETE", "/jobs/db/store"),
        ("POST", "/sessions/db/stop"),
    ]:
        assert (await refused(ci, 403, method, path)).endswith(" in session db"), path


@pytest.mark.parametrize("path", ["/pids/3", "/3", "/processes/3", "/streams/3/stdout", "/pids/99"])
async def test_unreadable_pid_does_not_reveal_its_session(home, api, path):
    ci = api(home.token("ci", "--right", "manage", "--session", "web"))
    reason = await refused(ci, 404, "GET", path)
    assert "db" not in reason


# Refused tokens


async def test_unknown_tokens_are_refused(home, api):
    secret = home.token("ci")
    for wrong in ("gfr_" + "A" * 43, secret[:-1], secret + "A", secret.upper(), "ci", "x"):
        assert await refused(api(wrong), 401) == "this token is unknown, revoked or expired"
    await granted(api(secret), "GET", "/jobs")


async def test_revoked_token_is_refused_at_once(home, api):
    ci = api(home.token("ci"))
    await granted(ci, "GET", "/jobs")
    home.done("revoke", "ci")
    assert await refused(ci, 401) == "this token is unknown, revoked or expired"


async def test_expired_token_is_refused(home, api):
    ci = api(home.token("ci", "--expires", "1h"))
    await granted(ci, "GET", "/jobs")
    text = home.file.read_text()
    home.file.write_text(text.replace('"expires": "2', '"expires": "1'))
    assert await refused(ci, 401) == "this token is unknown, revoked or expired"


async def test_hash_in_file_is_not_a_token(home, api):
    home.token("ci")
    [hashed] = [word for word in home.file.read_text().split('"') if len(word) == 64]
    await refused(api(hashed), 401)


async def test_unsafe_file_refuses_tokens_but_not_the_owner(home, api):
    ci = api(home.token("ci"))
    home.file.chmod(0o640)
    await refused(ci, 401)
    await granted(api(), "GET", "/jobs")


async def test_owner_needs_no_token(home, api):
    await granted(api(), "DELETE", "/jobs/db/store")


async def test_token_in_x_api_key_is_accepted(home, api):
    await granted(api(**{"X-Api-Key": home.token("ci")}), "GET", "/jobs")


async def test_proxied_request_needs_token(home, api):
    proxied = {"X-Forwarded-For": "192.0.2.1"}
    await refused(api(**proxied), 401)
    await granted(api(home.token("ci"), **proxied), "GET", "/jobs")


async def test_token_without_plugin_is_refused(home):
    home.token("ci")
    async with served() as kernel:
        await kernel.plugins.close("auth")
        async with AsyncClient(base_url=url(kernel)) as client:
            await refused(client, 401, headers={"Authorization": "Bearer x"})
            await granted(client, "GET", "/jobs")


# Requests in progress


@asynccontextmanager
async def following(client, path="/watch?feed=continuous"):
    """Open a feed."""
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        yield answer


async def seconds_until_the_end(answer, limit=5):
    start = trio.current_time()
    with trio.fail_after(limit):
        try:
            async for _ in answer.aiter_raw():
                pass
        except RemoteProtocolError:
            pass  # The response is cut off, so that the client knows that it is incomplete.
    return trio.current_time() - start


async def receive_more(answer):
    """Wait for more data of a feed, which is cancelled then."""
    more = trio.Event()

    async def follow():
        async for _ in answer.aiter_raw():
            more.set()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            await more.wait()
            # Cancelled while it waits, as only then httpx2 closes all its async generators.
            nursery.cancel_scope.cancel()


async def test_feed_ends_after_revocation(home, api):
    other = api(home.token("other"))
    async with following(api(home.token("ci"))) as answer, following(other) as others:
        home.done("revoke", "ci")
        assert await seconds_until_the_end(answer) < 2
        await granted(api(), "POST", "/jobs/web/one/state", json={"state": "restart"})
        await receive_more(others)


async def test_output_feed_ends_after_revocation(home, api):
    async with following(api(home.token("ci")), "/streams/1/stdout?feed=continuous") as answer:
        home.done("revoke", "ci")
        assert await seconds_until_the_end(answer) < 2


async def test_closing_plugin_ends_only_feeds_of_tokens(home, api):
    async with following(api(home.token("ci"))) as answer, following(api()) as owners:
        await api.kernel.plugins.close("auth")
        assert await seconds_until_the_end(answer) < 2
        await granted(api(), "POST", "/jobs/web/one/state", json={"state": "restart"})
        await receive_more(owners)


# The audit log


async def test_audit_log_names_the_token(home):
    file = home.folder / "audit.log"
    secret = home.token("ci", "--right", "manage", "--session", "web")
    async with served(f"[endpoint:a]\nbind = 127.0.0.1:0\n[auth]\naudit = {file}") as kernel:
        header = {"Authorization": f"Bearer {secret}"}
        async with AsyncClient(base_url=url(kernel), headers=header) as client:
            await client.get("/jobs")
            await client.post("/jobs/web/one/state", json={"state": "start"})
            await client.delete("/jobs/db/store")
    assert secret not in file.read_text()
    assert [line.split(" ", 1)[1] for line in file.read_text().splitlines()] == [
        "token ci: POST /jobs/web/one/state: 202",
        "token ci: DELETE /jobs/db/store: 403",
    ]


async def test_logs_contain_no_secret(home, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [home.token("ci"), "gfr_" + "A" * 43]
    async with served() as kernel, AsyncClient(base_url=url(kernel)) as client:
        for secret in secrets:
            await client.delete("/jobs/db/store", headers={"Authorization": f"Bearer {secret}"})
    assert "token ci" in caplog.text
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("gaffer")]
    assert not any(secret in line for line in ours for secret in secrets)


# HTTPS, certificates, the network


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    ca = trustme.CA()
    ca.folder = tmp_path_factory.mktemp("ca")
    ca.cert_pem.write_to_path(ca.folder / "ca.pem")
    server = ca.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(ca.folder / "server.pem")
    return ca


def secure(ca, *lines, bind="127.0.0.1:0"):
    keys = (f"bind = {bind}", f"certfile = {ca.folder}/server.pem", *lines)
    return "\n".join(("[endpoint:secure]", *keys))


def secure_client(kernel, ca, certificate=None, http2=False, **headers):
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    where = url(kernel).replace("0.0.0.0", "127.0.0.1")
    return AsyncClient(base_url=where, verify=context, http2=http2, headers=headers, timeout=30)


@pytest.mark.parametrize("http2", [False, True])
async def test_token_over_https(home, ca, http2):
    header = {"Authorization": f"Bearer {home.token('ci')}"}
    async with (
        served(secure(ca)) as kernel,
        secure_client(kernel, ca, http2=http2, **header) as client,
    ):
        answer = await granted(client, "GET", "/jobs")
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        async with following(client) as feed:
            home.done("revoke", "ci")
            assert await seconds_until_the_end(feed) < 2
        await refused(client, 401)


async def test_certificate_identifies_caller(home, ca):
    home.done("certificate", "ops", "--subject", "ops@example.org", "--session", "web")
    mine, foreign = ca.issue_cert("ops@example.org"), ca.issue_cert("eve@example.org")
    async with served(secure(ca, f"client_ca = {ca.folder}/ca.pem")) as kernel:
        async with secure_client(kernel, ca, mine) as client:
            assert (await granted(client, "GET", "/jobs")).json()["jobs"] == ["web.one", "web.two"]
            reason = await refused(client, 403, "DELETE", "/jobs/web/one")
            assert reason.startswith("certificate ops has no permission to manage")
            # A token takes precedence over a certificate.
            wrong = {"Authorization": "Bearer x"}
            await refused(client, 401, headers=wrong)
            async with following(client) as feed:
                home.done("revoke", "ops")
                assert await seconds_until_the_end(feed) < 2
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        home.done("certificate", "ops", "--subject", "ops@example.org")
        async with secure_client(kernel, ca, mine, **proxied) as client:
            await granted(client, "GET", "/jobs")
        # An unknown certificate counts as none.
        async with secure_client(kernel, ca, foreign, **proxied) as client:
            await refused(client, 401)


async def test_network_endpoint_needs_tls_and_token(home, ca):
    header = {"Authorization": f"Bearer {home.token('ci')}"}
    async with served(secure(ca, bind="0.0.0.0:0")) as kernel:
        assert url(kernel).startswith("https://0.0.0.0:")
        async with secure_client(kernel, ca, **header) as client:
            await granted(client, "GET", "/jobs")


async def test_network_endpoint_without_plugin_is_refused(home, ca):
    with pytest.RaisesGroup(GafferError, allow_unwrapped=True, flatten_subgroups=True) as raised:
        async with served(secure(ca, bind="0.0.0.0:0"), plugins=[http_plugin]):
            pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert str(error).endswith("install gaffer-auth, or no longer disable it")


async def test_network_endpoint_without_tls_is_refused(home):
    with pytest.RaisesGroup(GafferError, allow_unwrapped=True, flatten_subgroups=True) as raised:
        async with served("[endpoint:a]\nbind = 0.0.0.0:0"):
            pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert "it needs a certfile and a keyfile, and gaffer-auth, " in str(error)
