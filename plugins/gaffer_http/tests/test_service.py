"""The API as a plugin: it opens with the kernel, shows its addresses and closes in time."""

import logging
import socket
import ssl
import subprocess
import sys

import pytest
import trio
import trustme
from gaffer_kernel import ConfigError, GafferError, hookimpl

NOBODY = 65534

ASK_AS = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
client = socket.socket()
client.connect(("127.0.0.1", int(sys.argv[2])))
client.sendall(b"GET /jobs HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
while data := client.recv(65536):
    sys.stdout.write(data.decode())
"""


def get_port(url):
    return int(url.rpartition(":")[2])


async def test_service_has_the_address_it_listens_on(running_api, short_path, ask_once, caplog):
    caplog.set_level(logging.INFO)
    bind = f"127.0.0.1:0,[::1]:0,unix:{short_path}/s"
    async with running_api(bind=bind) as api:
        v4, v6, unix = api.urls
        assert v4.startswith("http://127.0.0.1:")
        assert v6.startswith("http://[::1]:")
        assert unix == f"http+unix:{short_path}/s"
        assert f"listening on {v4}, {v6}, {unix}" in caplog.messages
        for url in api.urls:
            assert (await ask_once(url, "GET", "/ping")).body == b"OK"
    assert not (short_path / "s").exists()
    with pytest.raises(OSError, match="all attempts"):
        await trio.open_tcp_stream("127.0.0.1", get_port(v4))


async def test_first_process_is_started_before_requests_are_served(running_api):
    spawned = []

    class Witness:
        @hookimpl
        def gaffer_http_routes(self, kernel):
            spawned.append(kernel.manager.pids())

        @hookimpl
        def gaffer_addhooks(self, pluginmanager):
            pass

    async with running_api(Witness(), ini="[process:web]\ncmd = sleep 100\n"):
        assert spawned == [[1]]


async def test_several_endpoints_are_served(running_api, short_path, ask_once):
    ini = f"[endpoint:a]\nbind=127.0.0.1:0\n[endpoint:b]\nbind=unix:{short_path}/s"
    async with running_api(ini=ini, bind=None) as api:
        assert len(api.urls) == 2
        for url in api.urls:
            assert (await ask_once(url, "GET", "/ping")).body == b"OK"


async def test_https_endpoint_is_served(running_api, short_path):
    ca = trustme.CA()
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(short_path / "pem")
    ini = f"[endpoint:a]\nbind = 127.0.0.1:0\ncertfile = {short_path}/pem\n"
    context = ssl.create_default_context()
    ca.configure_trust(context)
    async with running_api(ini=ini, bind=None) as api:
        [url] = api.urls
        assert url.startswith("https://127.0.0.1:")
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", get_port(url), ssl_context=context
        )
        # The certificate is for localhost.
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)
        tcp = await trio.open_tcp_stream("127.0.0.1", get_port(url))
        stream = trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)
        await stream.send_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
        await stream.aclose()


async def test_port_in_use_ends_the_start_with_one_line(running_api):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.RaisesGroup(
            GafferError, allow_unwrapped=True, flatten_subgroups=True
        ) as raised:
            async with running_api(bind=f"127.0.0.1:{port}"):
                pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert f"endpoint default: cannot listen on 127.0.0.1:{port}: process " in str(error)
    assert str(error).endswith(" listens there: stop it or bind another port")
    assert "\n" not in str(error)


@pytest.mark.parametrize("line", ["http_endpoints = x", "cors_origins = *", "http_hosts = a:1"])
async def test_invalid_configuration_ends_the_start(running_api, line):
    with pytest.RaisesGroup(ConfigError, allow_unwrapped=True, flatten_subgroups=True):
        async with running_api(ini=f"[gaffer]\n{line}", bind=None):
            pass


async def test_service_reopens_while_processes_run(running_api, ask_once):
    async with running_api() as api:
        job = {"name": "x", "cmd": "sleep 100"}
        assert (await api.ask("POST", "/jobs/default?wait=10", job)).status == 201
        await api.kernel.plugins.close("http")
        with pytest.raises(OSError, match="all attempts"):
            await api.ask("GET", "/ping")
        await api.kernel.plugins.open("http")
        [url] = api.kernel.services["http"].addresses
        assert (await ask_once(url, "GET", "/pids")).json == {"pids": [1]}


async def test_connected_clients_do_not_delay_shutdown_of_the_kernel(running_api):
    async with running_api() as api, trio.open_nursery() as nursery:
        urls = [api.urls[0]] * 4
        streams = [await trio.open_tcp_stream("127.0.0.1", get_port(url)) for url in urls]
        await streams[1].send_all(b"GET /jobs HTTP/1.1\r\nHost: loc")
        await streams[2].send_all(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await streams[3].send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        await streams[2].receive_some()
        nursery.start_soon(trio.sleep, 0)
        before = trio.current_time()
        api.kernel.stop()
    assert trio.current_time() - before < 2
    for stream in streams:
        await trio.aclose_forcefully(stream)


@pytest.mark.root
async def test_programs_of_other_users_get_403_with_a_reason(api):
    command = [sys.executable, "-c", ASK_AS, str(NOBODY), str(get_port(api.urls[0]))]
    done = await trio.run_process(command, capture_stdout=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"this API serves programs of user 0, not of user 65534" in body


def test_import_of_the_plugin_imports_no_heavy_module():
    script = (
        "import sys, argparse, gaffer_http.plugin, gaffer_kernel as g\n"
        "plugins = g.Plugins(); plugins.add(gaffer_http.plugin.plugin)\n"
        "config = g.Config(); config.options['bind'] = '127.0.0.1:0'\n"
        "plugins.call_strict('gaffer_add_options', parser=argparse.ArgumentParser())\n"
        "g.Kernel(config, plugins=plugins).configure()\n"
        "print(*{'quart', 'hypercorn', 'werkzeug', 'h2', 'flask'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
