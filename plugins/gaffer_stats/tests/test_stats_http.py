"""The paths, requested with a real client; and the README, which agrees with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Kernel

from gaffer_stats.plugin import plugin as stats_plugin

README = (Path(__file__).parent.parent / "README.md").read_text()
FIGURES = {"cpu", "mem", "mem_info1", "mem_info2", "ctime", "nice", "username", "cmdline"}
KEYS = {"pid", "os_pid", "name", "children"} | FIGURES
TOTALS = {"mem", "max_mem", "min_mem", "cpu", "max_cpu", "min_cpu"}


async def test_stats_of_all_jobs(ask):
    status, jobs = await ask("/stats")
    assert status == 200
    assert [(job["name"], len(job["stats"])) for job in jobs] == [
        ("nap", 2),
        ("idle", 0),
        ("shop.web", 1),
    ]


@pytest.mark.parametrize("path", ["/stats/nap", "/jobs/default/nap/stats"])
async def test_stats_of_job(ask, kernel, path):
    status, job = await ask(path)
    assert status == 200
    assert set(job) == {"name", "stats"} | TOTALS
    assert job["name"] == "nap"
    assert {each["pid"] for each in job["stats"]} == set(kernel.manager.get("nap").pids())
    for each in job["stats"]:
        assert set(each) == KEYS
        assert each["os_pid"] == kernel.manager.process(each["pid"]).os_pid
        assert each["cmdline"] == "sleep 60"
        assert each["children"] == []
    assert all(isinstance(job[total], float) for total in TOTALS)


@pytest.mark.parametrize("path", ["/stats/shop:web", "/stats/shop.web", "/jobs/shop/web/stats"])
async def test_stats_of_job_of_another_session(ask, path):
    status, job = await ask(path)
    assert (status, job["name"], len(job["stats"])) == (200, "shop.web", 1)


async def test_job_without_processes_has_zero_totals(ask):
    _, job = await ask("/stats/idle")
    assert {job[total] for total in TOTALS} == {0}


async def test_stats_of_process(ask, kernel):
    [pid] = kernel.manager.get("shop.web").pids()
    for path in (f"/pids/{pid}/stats", f"/{pid}/stats"):
        status, answer = await ask(path)
        assert (status, set(answer)) == (200, {"stats"})
        assert set(answer["stats"]) == KEYS
        assert answer["stats"]["pid"] == pid
    status, bare = await ask(f"/stats/shop.web/{pid}")
    assert (status, set(bare), bare["name"]) == (200, KEYS, "shop.web")


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/stats/none", 404, "not_found"),
        ("/stats/7", 400, "invalid_name"),
        ("/jobs/shop/nap/stats", 404, "not_found"),
        ("/stats/idle/1", 404, "not_found"),
        ("/stats/nap/x", 400, "bad_value"),
        ("/pids/999/stats", 404, "not_found"),
        ("/pids/x/stats", 404, "not_found"),
        (f"/pids/{'9' * 5000}/stats", 404, "not_found"),
        ("/none/stats", 404, "not_found"),
    ],
)
async def test_unknown_or_invalid_subject_is_rejected(ask, path, status, error):
    answered, body = await ask(path)
    assert (answered, body["error"]) == (status, error)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("feed=sse", "feed: must be one of longpoll, continuous, eventsource, not 'sse'"),
        ("feed=", "feed: must be one of longpoll, continuous, eventsource, not ''"),
        ("fed=longpoll", "fed: is not a parameter of this request, did you mean 'feed'?"),
        ("feed=longpoll&interval=3", "interval: is not a parameter of this request"),
        (
            "feed=continuous&heartbeat=soon",
            "heartbeat: must be true, false or seconds, at least 0.1, not 'soon'",
        ),
        ("hartbeat=5", "hartbeat: is not a parameter of this request, did you mean 'heartbeat'?"),
    ],
)
@pytest.mark.parametrize("path", ["/stats", "/stats/nap", "/stats/nap/1", "/1/stats"])
async def test_invalid_parameters_are_rejected(ask, path, parameters, reason):
    status, body = await ask(f"{path}?{parameters}")
    assert (status, body["error"], body["reason"]) == (400, "bad_value", reason)


async def test_concurrent_requests_share_passes(ask):
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask, "/stats")


async def test_paths_are_404_while_plugin_is_closed(ask, kernel):
    await kernel.plugins.close("stats")
    status, body = await ask("/stats")
    assert (status, body["reason"]) == (404, "there is nothing at /stats")


def test_readme_lists_every_path():
    plain = {rule.rule for rule in Api(Kernel(plugins=[http_plugin])).url_map.iter_rules()}
    rules = Api(Kernel(plugins=[http_plugin, stats_plugin])).url_map.iter_rules()
    shown = {path for path in re.findall(r"`(/[^`]*)`", README) if "stats" in path}
    assert shown == {rule.rule for rule in rules} - plain


def test_readme_lists_every_key():
    assert {*re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)} == KEYS
    for total in TOTALS:
        assert f"`{total}`" in README


def test_program_of_readme_runs(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "cmdline='sleep 60'" in done.stdout
