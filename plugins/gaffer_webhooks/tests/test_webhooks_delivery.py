"""Events posted to real receivers: which arrive, in which order, with which errors."""

import ssl
import subprocess
import sys

import pytest
import trustme
from gaffer_kernel import Config, Kernel, PluginError, Plugins, open_kernel
from gaffer_testing.waiting import until
from standardwebhooks import Webhook

from gaffer_webhooks import WebHooks
from gaffer_webhooks.plugin import plugin as webhooks_plugin

from .conftest import SECRET, Receiver, publish, start_job

FAILS_TO_OPEN = """
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    kernel.events.publish("tick", name="test")
    while kernel.services["webhooks"].list()[0].waiting < 2:
        await trio.sleep(0.005)
    raise ValueError("oh")
    yield
"""


async def test_matching_event_is_posted(posting, receiver):
    async with receiver.up(), posting(f"spawn = {receiver.url}") as kernel:
        await start_job(kernel)
        await until(lambda: receiver.got)
    [message] = receiver.got
    assert (message.method, message.target) == ("POST", "/hook")
    assert message.headers["content-type"] == "application/json"
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (message.event["event"], message.event["name"]) == ("spawn", "nap")
    assert "webhook-signature" not in message.headers


@pytest.mark.parametrize(
    "event", ["create", "start", "spawn", "stop", "stop_pid", "exit", "delete"]
)
async def test_every_event_of_a_job_is_posted(posting, receiver, event):
    async with receiver.up(), posting(f"{event} = {receiver.url}") as kernel:
        job = await start_job(kernel)
        kernel.manager.unload("nap")
        await job.gone.wait()
        await until(lambda: receiver.got)
    assert receiver.events() == [event]


async def test_pattern_matches_name_or_dotted_prefix_or_everything(posting):
    exact, prefix, everything = Receiver(), Receiver(), Receiver()
    lines = (
        f"proc.nap.spawn = {exact.url}",
        f"proc.nap = {prefix.url}",
        f". = {everything.url}",
        f"spaw = {exact.url}",
        f"proc.na = {exact.url}",
    )
    async with exact.up(), prefix.up(), everything.up(), posting("\n".join(lines)) as kernel:
        await start_job(kernel)
        await until(lambda: "proc.nap.ready" in everything.events())
        await until(lambda: "proc.nap.ready" in prefix.events())
        await until(lambda: exact.got)
        assert exact.events() == ["proc.nap.spawn"]
        own = ["proc.nap.create", "proc.nap.start", "proc.nap.spawn", "proc.nap.ready"]
        assert prefix.events() == own
        posted = everything.events()
        # Each event under both of its names, and not a third time.
        assert [each for each in posted if each in own] == own
        for plain in ("create", "start", "spawn", "ready"):
            assert posted.count(plain) == 1


async def test_url_with_several_patterns_gets_event_once(posting, receiver):
    other = Receiver()
    lines = f"tick = {receiver.url}\n  {other.url}\n. = {receiver.url}"
    async with receiver.up(), other.up(), posting(lines) as kernel:
        publish(kernel, 2)
        await until(lambda: len(other.got) == 2)
        await until(lambda: receiver.events().count("tick") == 2)
        publish(kernel, 1, "last")
        await until(lambda: "last" in receiver.events())
    assert receiver.events().count("tick") == 2


async def test_standardwebhooks_accepts_signature(posting, receiver):
    async with receiver.up(), posting(f"tick = {receiver.url} {SECRET}") as kernel:
        publish(kernel, 1, text="ü ☃")
        await until(lambda: receiver.got)
    [message] = receiver.got
    assert Webhook(SECRET).verify(message.body, message.headers) == message.event
    assert message.event["text"] == "ü ☃"
    with pytest.raises(Exception, match="signature"):
        Webhook("whsec_" + "A" * 32).verify(message.body, message.headers)


async def test_two_secrets_for_one_url_sign_twice(posting, receiver):
    other = "whsec_" + "B" * 32
    lines = f"tick = {receiver.url} {SECRET}\n. = {receiver.url} {other}"
    async with receiver.up(), posting(lines) as kernel:
        publish(kernel, 1)
        await until(lambda: "tick" in receiver.events())
    message = next(each for each in receiver.got if each.event["event"] == "tick")
    for secret in (SECRET, other):
        assert Webhook(secret).verify(message.body, message.headers)


async def test_retries_have_same_message_id(posting, receiver, fast):
    receiver.answers = [500, 503, 301, 404]
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 2)
        await until(lambda: len(receiver.got) == 6)
    first, second = receiver.got[0].id, receiver.got[5].id
    assert [message.id for message in receiver.got] == [first] * 5 + [second]
    assert first != second


async def test_redirect_is_not_followed(posting, receiver, fast):
    elsewhere = Receiver()
    receiver.answers = [307, 308]
    receiver.headers = [("location", elsewhere.url)]
    async with elsewhere.up(), receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 1)
        await until(lambda: len(receiver.got) == 3)
    assert elsewhere.got == []


async def test_long_response_body_is_neither_read_nor_logged(posting, receiver, fast, caplog):
    receiver.answers = [500, 200]
    receiver.body = b"do not log " * 1_000_000
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 2)
        await until(lambda: len(receiver.got) == 3)
    assert "answered 500" in caplog.text
    assert "do not log" not in caplog.text


async def test_log_contains_no_path_query_or_secret(posting, receiver, fast, caplog):
    receiver.answers = [500] * 3
    lines = f"tries = 3\ntick = {receiver.url}/T0KEN?key=S3CRET {SECRET}"
    async with receiver.up(), posting(lines) as kernel:
        publish(kernel, 1)
        await until(lambda: kernel.services["webhooks"].list()[0].dead)
    assert f"http://127.0.0.1:{receiver.port}" in caplog.text
    for secret in ("T0KEN", "S3CRET", SECRET):
        assert secret not in caplog.text


async def test_recovered_receiver_gets_all_events_in_order(posting, receiver, fast):
    async with posting(f"tries = 1000\ntick = {receiver.url}") as kernel:
        numbers = publish(kernel, 50)
        await until(lambda: kernel.services["webhooks"].list()[0].failing)
        numbers += publish(kernel, 50)
        async with receiver.up():
            await until(lambda: len(receiver.got) == 100)
    assert receiver.numbers() == numbers


async def test_recovered_receiver_gets_events_of_earlier_runs_in_order(
    posting, receiver, monkeypatch
):
    monkeypatch.setattr("gaffer_webhooks.service.CLOSE_TIMEOUT", 0.1)
    lines = f"tick = {receiver.url}"
    async with posting(lines) as kernel:
        publish(kernel, 30, run=1)
    async with posting(lines) as kernel:
        publish(kernel, 30, run=2)
    async with receiver.up(), posting(lines):
        await until(lambda: len(receiver.got) == 60)
    assert [message.event["run"] for message in receiver.got] == [1] * 30 + [2] * 30
    assert receiver.numbers() == sorted(receiver.numbers()[:30]) + sorted(receiver.numbers()[30:])
    assert len({message.id for message in receiver.got}) == 60


async def test_events_during_shutdown_are_posted(posting, receiver):
    async with receiver.up():
        async with posting(f"stop_pid = {receiver.url}\nexit = {receiver.url}") as kernel:
            await start_job(kernel)
        assert receiver.events() == ["stop_pid", "exit"]


async def test_message_pending_at_close_is_sent_at_next_start(posting, receiver, monkeypatch):
    monkeypatch.setattr("gaffer_webhooks.service.CLOSE_TIMEOUT", 0.1)
    lines = f"tick = {receiver.url}\nexit = {receiver.url}"
    receiver.hangs = True
    async with receiver.up():
        async with posting(lines) as kernel:
            await start_job(kernel)
            publish(kernel, 1)
            await until(lambda: receiver.got)
        receiver.hangs = False
        assert receiver.events() == ["tick"]
        async with posting(lines):
            await until(lambda: len(receiver.got) == 3)
    assert receiver.events() == ["tick", "tick", "exit"]
    assert receiver.got[0].id == receiver.got[1].id


async def test_failing_urls_delay_neither_other_urls_nor_jobs(posting, receiver):
    dead, hanging = Receiver(), Receiver()
    hanging.hangs = True
    lines = f"tick = {dead.url} {hanging.url} {receiver.url}"
    async with receiver.up(), hanging.up(), posting(lines) as kernel:
        numbers = publish(kernel, 100)
        await until(lambda: len(receiver.got) == 100)
        job = await start_job(kernel)
        assert job.active
        waiting = [hook.waiting for hook in kernel.services["webhooks"].list()]
        assert waiting == [100, 100, 0]
    assert receiver.numbers() == numbers


async def test_receiver_without_response_times_out(posting, receiver, fast, monkeypatch):
    monkeypatch.setattr("gaffer_webhooks.sender.TOTAL_TIMEOUT", 0.1)
    receiver.hangs = True
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 1)
        await until(lambda: len(receiver.got) == 3)
        [hook] = kernel.services["webhooks"].list()
        assert hook.failing == "no answer within 0.1 seconds"


async def test_410_removes_hooks_of_url(posting, receiver, state, caplog):
    other = Receiver()
    receiver.answers = [410]
    async with receiver.up(), other.up(), posting(f"tick = {receiver.url}") as kernel:
        webhooks = kernel.services["webhooks"]
        await webhooks.register("tock", receiver.url)
        await webhooks.register("tick", other.url)
        publish(kernel, 5)
        await until(lambda: [hook.url for hook in webhooks.list()] == [other.url])
        await until(lambda: len(other.got) == 5)
        await until(lambda: len(list(state.glob("*.queue"))) == 1)
    assert len(receiver.got) == 1
    assert "410" in caplog.text
    async with posting() as kernel:
        assert [hook.url for hook in kernel.services["webhooks"].list()] == [other.url]


async def test_connection_is_reused(posting, receiver):
    receiver.answers = [200] * 3
    receiver.body = b"thank you"
    async with posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 5)
        async with receiver.up():
            await until(lambda: len(receiver.got) == 5)
    assert receiver.connections == 1


async def test_https_verifies_certificate_for_host_of_url(posting, monkeypatch, tmp_path, fast):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    receiver = Receiver(context)
    good = f"https://localhost:{receiver.port}/good"
    wrong = f"https://127.0.0.1:{receiver.port}/wrong"
    # One try: cancelled during a handshake, httpcore2 leaves a socket to the garbage collector.
    async with receiver.up(), posting(f"tries = 1\ntick = {good} {wrong}") as kernel:
        publish(kernel, 1)
        await until(lambda: receiver.got)
        await until(lambda: kernel.services["webhooks"].list()[1].failing)
        assert "certificate" in kernel.services["webhooks"].list()[1].failing.lower()
    [message] = receiver.got
    assert message.target == "/good"
    assert message.headers["host"] == f"localhost:{receiver.port}"


async def test_reload_replaces_hooks_of_configuration(receiver, tmp_path):
    other = Receiver()
    file = tmp_path / "gaffer.ini"
    head = f"[webhooks]\nstate = {tmp_path / 'state'}\n"
    file.write_text(f"{head}tick = {receiver.url}\n")
    running = open_kernel(Config.read(file), plugins=[webhooks_plugin])
    async with receiver.up(), other.up(), running as kernel:
        await kernel.services["webhooks"].register("tock", receiver.url)
        publish(kernel, 1)
        await until(lambda: receiver.got)
        job = "[process:nap]\ncmd = sleep 60\n"
        file.write_text(f"{head}tick = {other.url}\ncreate = {other.url}\n{job}")
        await kernel.reload()
        publish(kernel, 1)
        publish(kernel, 1, "tock")
        await until(lambda: len(other.got) == 2)
        await until(lambda: len(receiver.got) == 2)
    assert receiver.events() == ["tick", "tock"]
    # Events of the reload itself go to the new hooks.
    assert other.events() == ["create", "tick"]


async def test_failed_reload_keeps_messages_of_hook_it_would_have_removed(receiver, tmp_path, fast):
    tmp_path.chmod(0o755)
    bad = tmp_path / "plugins" / "bad"
    bad.mkdir(0o755, parents=True)
    bad.parent.chmod(0o755)
    file = tmp_path / "gaffer.ini"
    file.write_text(f"[webhooks]\nstate = {tmp_path / 'state'}\ntick = {receiver.url}\n")
    plugins = Plugins()
    plugins.add(webhooks_plugin)
    plugins.add_folder(bad.parent)
    async with open_kernel(Config.read(file), plugins=plugins) as kernel:
        webhooks = kernel.services["webhooks"]
        publish(kernel, 1)
        await until(lambda: webhooks.list()[0].failing)
        (bad / "__init__.py").write_text(FAILS_TO_OPEN)
        file.write_text(f"[webhooks]\nstate = {tmp_path / 'state'}\n")
        with pytest.raises(PluginError, match="plugin bad: did not start: ValueError: oh"):
            await kernel.reload()
        async with receiver.up():
            await until(lambda: len(receiver.got) == 2)
    assert receiver.events() == ["tick", "tick"]


async def test_reload_drops_messages_of_removed_url(receiver, tmp_path, fast):
    file = tmp_path / "gaffer.ini"
    file.write_text(f"[webhooks]\nstate = {tmp_path / 'state'}\ntick = {receiver.url}\n")
    async with open_kernel(Config.read(file), plugins=[webhooks_plugin]) as kernel:
        publish(kernel, 1)
        await until(lambda: kernel.services["webhooks"].list()[0].failing)
        file.write_text(f"[webhooks]\nstate = {tmp_path / 'state'}\n")
        await kernel.reload()
        # No further event and no call of the service is necessary.
        await until(lambda: not list((tmp_path / "state").glob("*.queue")))
        assert kernel.services["webhooks"].list() == []


async def test_program_hooks_are_posted_and_fixed(receiver, state):
    config = Config.from_string(f"[webhooks]\nstate = {state}\n")
    plugin = WebHooks(hooks=[("tick", receiver.url), ("tock", receiver.url, SECRET)])
    async with receiver.up(), open_kernel(config, plugins=[plugin]) as kernel:
        publish(kernel, 1)
        publish(kernel, 1, "tock")
        await until(lambda: len(receiver.got) == 2)
        assert all(hook.fixed for hook in kernel.services["webhooks"].list())
    assert ["webhook-signature" in message.headers for message in receiver.got] == [False, True]


async def test_value_without_json_form_is_sent_as_str(posting, receiver):
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 1, strange=Kernel)
        await until(lambda: receiver.got)
    assert receiver.got[0].event["strange"] == str(Kernel)


async def test_unencodable_value_is_replaced_by_type_name(posting, receiver, caplog):
    ring = {}
    ring["ring"] = ring
    async with receiver.up(), posting(f". = {receiver.url}") as kernel:
        publish(kernel, 1, "text", strange="\ud800", good=1)
        publish(kernel, 1, "ring", strange=ring, good=2)
        publish(kernel, 1, "\ud800")
        await until(lambda: "<str>" in receiver.events())
    posted = {message.event["event"]: message.event for message in receiver.got}
    assert (posted["text"]["strange"], posted["text"]["good"]) == ("<str>", 1)
    assert (posted["ring"]["strange"], posted["ring"]["good"]) == ("<dict>", 2)
    assert "event 'text' is posted without all of its fields" in caplog.text


def test_plugin_does_not_import_quart_or_gaffer_http(tmp_path):
    code = """
import sys, trio, gaffer_webhooks.plugin
from gaffer_kernel import Config, open_kernel
async def main():
    config = Config.from_string("[webhooks]\\nstate = state\\n")
    async with open_kernel(config, plugins=[gaffer_webhooks.plugin.plugin]) as kernel:
        assert kernel.services["webhooks"].list() == []
trio.run(main)
assert not {"quart", "gaffer_http"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)


async def test_plugin_without_hooks_creates_no_state_folder(posting, state):
    async with posting() as kernel:
        publish(kernel, 1)
        assert kernel.services["webhooks"].list() == []
    assert not state.exists()


async def test_second_kernel_with_same_state_folder_fails(posting, receiver, caplog):
    async with posting(f"tick = {receiver.url}"):
        with pytest.raises(BaseExceptionGroup) as caught:
            async with posting(f"tick = {receiver.url}"):
                pass
        assert caught.group_contains(Exception, match="is used by another gafferd")
        # A kernel without hooks does not need the folder.
        async with posting() as kernel:
            assert kernel.services["webhooks"].list() == []
    assert "is used by another gafferd" in caplog.text
