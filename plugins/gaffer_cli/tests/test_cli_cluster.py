"""One command and many gafferds: two in this program, and a lookupd that knows them."""

import json
import sys
from functools import partial

import click
import pytest
import trio
from gaffer_client import ArgumentError, AsyncLookup, node_token
from gaffer_http import HttpHandler
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, hookimpl, open_kernel
from gaffer_lookup.lookupd.plugin import Lookupd
from gaffer_lookup.plugin import plugin as lookup_plugin
from gaffer_lookup.registry import Node
from gaffer_testing import Callers
from quart import Blueprint

from gaffer_cli.cluster.node_invocation import NodeInvocation
from gaffer_cli.cluster.nodes import NodeAddress, check_loopback, check_node
from gaffer_cli.cluster.scatter import scatter
from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.token_safety import check_token_transport

SLEEP = "sleep 1000"
NOBODY = "http://127.0.0.1:9"
HELP = "help sends no request to gafferd: leave out --lookup and --node"


def kernel(ini, *plugins):
    config = Config.from_string(ini)
    config.options["bind"] = "127.0.0.1:0"
    return open_kernel(config, plugins=plugins)


def api(kernel):
    return kernel.services["http"].addresses[0]


class Nodes:
    """A lookupd and the nodes that register there."""

    def __init__(self, lookupd, nursery):
        self.lookupd = lookupd
        self.url = api(lookupd)
        self._nursery = nursery

    async def add(self, name, *jobs):
        """Start a gafferd with running jobs; return it when lookupd knows them."""
        ini = f"[lookup]\naddress = {self.url}\nname = {name}\n"
        node = await self._nursery.start(self._run_node, ini)
        for job in jobs:
            session, _, last = job.rpartition(".")
            node.manager.load(JobConfig(name=last, cmd=SLEEP), session or "default")
            await node.manager.get(job).settled()
        with trio.fail_after(20):
            while not await self._knows(name, len(jobs)):
                await trio.sleep(0.01)
        return node

    async def _run_node(self, ini, task_status):
        async with kernel(ini, http_plugin, lookup_plugin, Callers()) as node:
            task_status.started(node)
            await trio.sleep_forever()

    async def _knows(self, name, count):
        async with AsyncLookup(self.url) as lookup:
            nodes, jobs = (await lookup.nodes()).value, (await lookup.jobs()).value
        sources = [source for job in jobs for source in job.sources if source.name == name]
        return any(each.name == name for each in nodes) and count == sum(
            bool(source.pids) for source in sources
        )


@pytest.fixture
async def nodes():
    async with (
        kernel("", Callers(), Lookupd(), HttpHandler(routes=False)) as lookupd,
        trio.open_nursery() as nursery,
    ):
        yield Nodes(lookupd, nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
def ask(command):
    async def run(program, *arguments):
        return await trio.to_thread.run_sync(lambda: command(program, *arguments))

    return run


class Faltering:
    """A lookupd that answers the first request of `find`, but not the second."""

    name = "faltering"

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self):
        routes = Blueprint("faltering", __name__)

        @routes.get("/findJob")
        async def find_job():
            return {"sources": []}

        @routes.get("/findSession")
        async def find_session():
            return {"ok": False, "error": "tired", "errno": 503, "reason": "is tired"}, 503

        return routes


async def test_find_reports_each_failed_lookupd_once(nodes, ask):
    await nodes.add("one", "shop.chat")
    async with kernel("", Callers(), Faltering(), HttpHandler(routes=False)) as faltering:
        lookup = [f"--lookup={url}" for url in (NOBODY, api(faltering), nodes.url)]
        done = await ask("gafferctl", *lookup, "find", "shop")
        assert (done.returncode, done.stdout.split()[4]) == (0, "shop.chat")
        assert done.stderr.count(NOBODY) == 1
        assert "is tired" in done.stderr
        assert len(done.stderr.splitlines()) == 2


async def test_lookup_verbs_show_nodes_jobs_and_sources(nodes, ask):
    await nodes.add("one", "web", "shop.chat")
    two = await nodes.add("two", "web")
    lookup = ("--lookup", nodes.url)
    done = await ask("gafferctl", *lookup, "nodes")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]][1] == ["two", api(two)]
    done = await ask("gafferctl", *lookup, "jobs")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["JOB", "NODE"],
        ["shop.chat", "one"],
        ["web", "one"],
        ["web", "two"],
    ]
    done = await ask("gafferctl", *lookup, "find", "shop", "--json")
    [found] = json.loads(done.stdout)
    assert (found["name"], found["sources"][0]["name"]) == ("shop.chat", "one")
    done = await ask("gafferctl", *lookup, "find", "nosuch")
    assert (done.returncode, done.stderr) == (3, "gafferctl: no node has nosuch\n")


async def test_verb_runs_on_all_nodes_with_the_job(nodes, ask):
    await nodes.add("one", "web")
    await nodes.add("two", "web")
    await nodes.add("three")
    done = await ask("gafferctl", "--lookup", nodes.url, "status", "web")
    assert (done.returncode, done.stdout) == (0, "one: active\ntwo: active\n")
    done = await ask("gafferctl", "--lookup", nodes.url, "pids", "web", "--json")
    assert json.loads(done.stdout) == {"nodes": {"one": [1], "two": [1]}, "errors": {}}
    done = await ask("gafferctl", "--lookup", nodes.url, "status", "nosuch")
    assert (done.returncode, done.stderr) == (1, "gafferctl: one, three, two: no job 'nosuch'\n")


async def test_scale_runs_on_all_nodes_or_one(nodes, ask):
    one = await nodes.add("one", "shop.web")
    two = await nodes.add("two", "shop.web")
    done = await ask("gaffer", "--lookup", nodes.url, "scale", "shop", "web=2")
    message = "Scaling web processes... done, now running 2"
    assert sorted(done.stdout.splitlines()) == [f"one: {message}", f"two: {message}"]
    await ask("gaffer", "--lookup", nodes.url, "--node", "two", "scale", "shop", "web=1")
    wanted = [each.manager.get("shop.web").numprocesses for each in (one, two)]
    assert wanted == [2, 1]
    done = await ask("gaffer", "--lookup", nodes.url, "ps", "shop")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line[:1].isalpha()] == ["one:", "two:"]
    active = [line.split()[0] for line in lines if " active " in line]
    assert active[:2] == ["web.1", "web.2"]
    assert len(active) == 3


async def test_unreachable_node_is_reported_and_the_others_shown(nodes, ask):
    await nodes.add("one", "web")
    nodes.lookupd.services["lookupd"].connect("test").identify("gone", NOBODY, "0.1")
    done = await ask("gafferctl", "--lookup", nodes.url, "status", "web")
    assert done.stdout == "one: active\n"
    assert done.stderr == f"gafferctl: gone: {NOBODY}: cannot connect: connection refused\n"
    assert done.returncode == 1


def test_token_is_not_sent_to_a_lookupd_over_http(command, tmp_path):
    (tmp_path / "token").write_text("manage")
    for url in ("http://lookup.example:5010", "http://127.0.0.1:5010", "http://localhost:5010"):
        done = command("gafferctl", "--token-file", "token", "--lookup", url, "nodes")
        message = (
            f"gafferctl: {url}: a token is sent over https or a unix socket only: use one of them,"
            " or ask without a token\n"
        )
        assert (done.returncode, done.stderr) == (2, message)


def test_token_is_not_sent_to_a_remote_gafferd_over_http(command, tmp_path):
    (tmp_path / "token").write_text("manage")
    url = "http://web1.example:5000"
    done = command("gafferctl", "--token-file", "token", "--connect", url, "status")
    message = f"gafferctl: {url} is not https://: others could read the token; use https\n"
    assert (done.returncode, done.stderr) == (1, message)


async def test_lookup_variable_accepts_commas(nodes, ask, environ):
    await nodes.add("one", "web")
    environ["GAFFER_LOOKUP"] = f"{NOBODY},{nodes.url}"
    done = await ask("gafferctl", "--node", "one", "status", "web")
    assert done.stdout == "one: active\n"
    assert done.stderr == f"gafferctl: {NOBODY}: cannot connect: connection refused\n"


async def test_node_name_is_escaped_for_the_terminal(nodes, ask):
    await nodes.add("one", "web")
    # As from a lookupd that does not validate names.
    evil = Node("\x1b]0;mine\x07evil\r\x1b[2K", NOBODY, "0.1", "test")
    nodes.lookupd.services["lookupd"].store.add_node(evil)
    done = await ask("gafferctl", "--lookup", nodes.url, "status", "web")
    assert done.stdout == "one: active\n"
    assert done.stderr == f"gafferctl: evil\\x0d: {NOBODY}: cannot connect: connection refused\n"


async def test_unreachable_lookupd_is_reported_and_the_others_used(nodes, ask):
    await nodes.add("one", "web")
    done = await ask("gafferctl", "--lookup", NOBODY, "--lookup", nodes.url, "status", "web")
    assert (done.returncode, done.stdout) == (0, "one: active\n")
    assert NOBODY in done.stderr
    done = await ask("gafferctl", "--lookup", NOBODY, "status", "web")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


async def test_live_verb_requires_one_node(nodes, ask):
    await nodes.add("one", "web")
    done = await ask("gafferctl", "--lookup", nodes.url, "top")
    assert done.stdout.splitlines()[1].startswith("web")
    await nodes.add("two")
    done = await ask("gafferctl", "--lookup", nodes.url, "top")
    assert done.returncode == 1
    assert "choose with --node among one, two" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["--node", "one", "status", "web"], "give a lookupd: --lookup URL, or $GAFFER_LOOKUP", 2),
        (["nodes"], "give a lookupd: --lookup URL, or $GAFFER_LOOKUP", 2),
        (
            ["--lookup", NOBODY, "help"],
            "help sends no request to gafferd: leave out --lookup and --node",
            2,
        ),
        (
            ["--lookup", NOBODY, "--connect", NOBODY, "pids", "web"],
            "--connect is one gafferd, --lookup finds many: give one of them",
            2,
        ),
    ],
)
def test_contradictory_options_are_refused(command, arguments, message, status):
    done = command("gafferctl", *arguments)
    assert (done.returncode, done.stderr) == (status, f"gafferctl: {message}\n")


def test_scatter_propagates_system_exit(monkeypatch):
    monkeypatch.setattr(
        "gaffer_cli.cluster.scatter.find_nodes", lambda run: [NodeAddress("one", NOBODY)]
    )
    run = Invocation()
    run.set_option("lookup", (NOBODY,))
    ctx = click.Context(click.Command("exits"), obj=run)
    with ctx, pytest.raises(SystemExit):
        scatter(ctx, run, partial(sys.exit, 3))


def test_token_file_is_read_once_for_all_nodes(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    run = Invocation()
    run.set_option("token_file", str(file))
    assert run.settings()["token"] == "secret"
    file.unlink()
    origin = "https://web1.example:5443"
    found = NodeInvocation(run, NodeAddress("one", origin)).settings()
    assert (found["url"], found["token"]) == (origin, node_token("secret", origin))
    assert run.settings()["token"] == "secret"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://web1:5000", "a token is sent over https only"),
        ("http://127.0.0.1:5000", "a token is sent over https only"),
        ("unix:/run/evil", "is not an origin of a node"),
        ("https://web1:5000/path", "is not an origin of a node"),
        ("https://user@web1:5000", "is not an origin of a node"),
    ],
)
def test_node_with_an_unsafe_origin_is_refused(monkeypatch, url, message):
    monkeypatch.setenv("GAFFER_TOKEN", "secret")
    run = Invocation()
    run.set_option("lookup", ("unix:/run/lookupd",))
    with pytest.raises(CommandError, match=message):
        check_node(run, NodeAddress("one", url))
    with pytest.raises(ArgumentError, match=message):
        NodeInvocation(run, NodeAddress("one", url)).settings()


async def test_unknown_node_is_named(nodes, ask):
    await nodes.add("one", "web")
    done = await ask("gafferctl", "--lookup", nodes.url, "--node", "nosuch", "status", "web")
    assert done.returncode == 1
    assert done.stderr == "gafferctl: no node nosuch; the lookupds know one\n"


@pytest.mark.parametrize("url", ["https://web1:5000", "http://127.0.0.1:5000", "http://[::1]:1"])
def test_token_may_be_sent_over_https_and_loopback(url):
    check_token_transport(url, "secret")


@pytest.mark.parametrize("url", ["http://web1:5000", "http://10.0.0.1:5000"])
def test_token_may_not_be_sent_in_plain_text(url):
    check_token_transport(url, None)
    with pytest.raises(Exception, match="others could read the token"):
        check_token_transport(url, "secret")


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "http://localhost:1", "https://[::1]:1"])
def test_loopback_origin_from_a_remote_lookupd_is_refused(url):
    with pytest.raises(Exception, match="is only on its own machine"):
        check_loopback(NodeAddress("one", url), ["https://lookup.example:5010", "etcd://10.0.0.1"])


@pytest.mark.parametrize(
    "lookup", ["http://127.0.0.1:5010", "localhost:5010", "etcd://[::1]:2379/x", "unix:/run/lookup"]
)
def test_loopback_origin_from_a_local_lookupd_is_accepted(lookup):
    check_loopback(NodeAddress("one", "http://127.0.0.1:5000"), ["https://lookup.example", lookup])


def test_remote_origin_is_accepted_from_any_lookupd():
    check_loopback(NodeAddress("one", "https://web1:5000"), ["https://lookup.example:5010"])
