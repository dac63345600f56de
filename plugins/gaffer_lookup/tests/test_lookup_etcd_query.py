"""Queries of an etcd without a lookupd, in Python and with gafferctl."""

import json
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import trio
from gaffer_client import ArgumentError, Lookup, LookupJob, Node, NoLookupdError, Source
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from gaffer_lookup.etcd.query import EtcdLookup

from .cluster_members import open_follower, open_node, running_jobs
from .etcd_cluster import needs_etcd, running

GAFFERCTL = Path(sys.executable).with_name("gafferctl")


def ctl(*args, **env):
    return subprocess.run(
        [GAFFERCTL, *args], env=env, capture_output=True, text=True, timeout=60
    )  # fmt: skip


@needs_etcd
async def test_queries_find_registered_nodes(tmp_path):
    with running(tmp_path) as etcd:
        [etcd_address] = etcd.addresses
        async with (
            open_follower(etcd_address) as follower,
            open_node(etcd_address, name="web1") as kernel,
        ):
            kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2), "prod")
            await until(lambda: follower.jobs() == running_jobs(kernel) == {"prod.web": {1, 2}})
            node = Node(*(next(iter(follower.mirror.store.nodes())).info.values()))
            source = Source("web1", [1, 2], node)

            def ask():
                lookup = EtcdLookup([etcd_address])
                job = LookupJob("prod.web", [source])
                assert lookup.nodes().value == [node]
                assert lookup.jobs().value == lookup.find_session("prod").value == [job]
                assert lookup.find_job("web", "prod").value == [source]
                assert lookup.find_job("web").value == lookup.find_session("default").value == []
                [session] = lookup.sessions().value
                assert (session.sessionid, session.jobs) == ("prod", {"prod.web": [source]})
                assert lookup.sessions("web1").value == [session]
                assert lookup.sessions("web2").value == []
                found = ctl("--lookup", etcd_address, "find", "prod.web", "--json")
                assert json.loads(found.stdout)[0]["sources"][0]["pids"] == [1, 2], found
                status = ctl("--lookup", etcd_address, "pids", "prod.web", "--json")
                assert json.loads(status.stdout)["nodes"]["web1"], status

            await trio.to_thread.run_sync(ask)


def test_unreachable_etcd_is_reported_in_one_line(tmp_path):
    with pytest.raises(NoLookupdError, match="connection refused"):
        EtcdLookup(["etcd://127.0.0.1:1"]).nodes()
    found = ctl("--lookup", "etcd://127.0.0.1:1", "nodes")
    assert found.returncode != 0
    message = "no lookupd answers: etcd://127.0.0.1:1: cannot connect: connection refused"
    assert found.stderr == f"gafferctl: {message}\n"


def test_password_of_the_user_comes_from_a_file(tmp_path, monkeypatch):
    address = ["etcd://gaffer@localhost"]
    with pytest.raises(ArgumentError, match="user and password go together"):
        EtcdLookup(address)
    monkeypatch.setenv("GAFFER_ETCD_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(ArgumentError, match="none: No such file"):
        EtcdLookup(address)
    monkeypatch.setenv("GAFFER_ETCD_PASSWORD_FILE", str(tmp_path / "word"))
    (tmp_path / "word").write_text("\n")
    with pytest.raises(ArgumentError, match="word: is empty"):
        EtcdLookup(address)
    (tmp_path / "word").write_text("secret\n")
    assert EtcdLookup(address).find_session


def test_etcd_lookup_is_constructed_like_lookup():
    with (
        EtcdLookup("etcd://127.0.0.1:1") as lookup,
        pytest.raises(NoLookupdError, match=r"127\.0\.0\.1:1"),
    ):
        lookup.nodes()
    lookup.close()
    with pytest.raises(ArgumentError, match="give the address of an etcd"):
        EtcdLookup([])


@pytest.mark.parametrize("verb", ["nodes", "sessions", "jobs", "find_job", "find_session", "close"])
def test_etcd_lookup_has_the_methods_of_lookup(verb):
    own, theirs = signature(getattr(EtcdLookup, verb)), signature(getattr(Lookup, verb))
    assert own == theirs


def test_user_name_may_be_percent_encoded(monkeypatch, tmp_path):
    (tmp_path / "word").write_text("secret\n")
    monkeypatch.setenv("GAFFER_ETCD_PASSWORD_FILE", str(tmp_path / "word"))
    assert EtcdLookup("etcd://me%40example%2Forg@localhost")._settings.user == "me@example/org"
