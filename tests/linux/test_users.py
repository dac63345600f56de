"""Spawning a real process as another user."""

import os
import signal

import pytest

pytestmark = pytest.mark.root


async def test_a_process_has_the_groups_of_its_user_and_not_ours(run):
    printed = await run("sh -c 'id -u; id -g; id -G; echo $$HOME $$USER'", uid="nobody")
    uid, gid, groups, home = printed.splitlines()
    assert (uid, gid, groups) == ("65534", "65534", "65534")
    assert home.endswith(" nobody")


@pytest.mark.parametrize("uid", ["daemon", 1, "1"])
async def test_a_user_is_a_name_or_a_number(run, uid):
    assert await run("sh -c 'id -u; id -g'", uid=uid) == "1\n1\n"


async def test_gid_overrides_the_group_of_the_user(run):
    assert await run("sh -c 'id -u; id -g; id -G'", uid="nobody", gid="daemon") == ("65534\n1\n1\n")


async def test_gid_alone_changes_the_group_and_drops_ours(run):
    os.setgroups([4, 20])
    try:
        assert await run("sh -c 'id -u; id -g; id -G'", gid="nogroup") == "0\n65534\n65534\n"
    finally:
        os.setgroups([0])


async def test_a_uid_without_an_entry_needs_a_gid(run, recorder):
    assert await run("sh -c 'id -u; id -g; id -G'", uid=54321, gid=54322) == (
        "54321\n54322\n54322\n"
    )
    pid = run.load("id", uid=54321).commit()
    failed = await recorder.wait_for("spawn_error", pid=pid)
    assert (failed.data["error"], "gid" in failed.data["reason"]) == ("bad_user", True)


async def test_a_process_of_another_user_can_be_signalled_and_stopped(run):
    process = await run.begin("sleep 60", uid="nobody")
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM


async def test_a_stop_command_runs_as_the_user_of_the_process(run, caplog):
    process = await run.begin("sleep 60", uid="nobody", stop_command="sh -c 'id -u; exit 3'")
    process.stop()
    await run.end(process)
    assert any(text.endswith("exit status 3: '65534'") for text in caplog.messages)


async def test_a_process_has_the_supplementary_groups_of_its_user(run, monkeypatch):
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 4, 20])
    assert await run("id -G", uid="nobody") == "65534 4 20\n"
    assert await run("id -G", uid="nobody", gid="daemon") == "1 4 20\n"


@pytest.mark.parametrize(
    ("settings", "slug"),
    [({"uid": "no-such-user"}, "bad_user"), ({"uid": "nobody", "gid": "no-such"}, "bad_group")],
)
async def test_an_unknown_user_is_a_spawn_error_and_other_jobs_run(run, recorder, settings, slug):
    pid = run.load("id", **settings).commit()
    failed = await recorder.wait_for("spawn_error", pid=pid)
    assert failed.data["error"] == slug
    assert "no-such" in failed.data["reason"]
    assert await run("echo fine") == "fine\n"
