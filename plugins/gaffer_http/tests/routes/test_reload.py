"""`/reload`: apply the configuration file, or show what that would change."""

import pytest
from gaffer_kernel import Config
from gaffer_kernel.kernel import open_kernel

from gaffer_http.plugin import plugin as http_plugin

BEFORE = "[process:web]\ncmd = sleep 100\n[process:old]\ncmd = sleep 100\n"
AFTER = "[process:web]\ncmd = sleep 200\n[process:shop:new]\ncmd = sleep 100\n"
JOBS = [
    {"name": "old", "change": "gone", "keys": []},
    {"name": "web", "change": "replaced", "keys": ["cmd"]},
    {"name": "shop.new", "change": "new", "keys": []},
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gaffer.ini"
    path.write_text(BEFORE)
    return path


@pytest.fixture
async def api(file, make_api):
    config = Config.read(file)
    config.options["bind"] = "127.0.0.1:0"
    async with open_kernel(config, plugins=[http_plugin]) as kernel:
        yield make_api(kernel)


async def test_dry_run_shows_what_reload_then_does(api, file):
    file.write_text(AFTER)
    answer = await api.ask("POST", "/reload?dry_run=true")
    assert (answer.status, answer.json) == (200, {"ok": True, "jobs": JOBS})
    assert api.kernel.manager.get("web").config.cmd == "sleep 100"
    answer = await api.ask("POST", "/reload?wait=10")
    assert (answer.status, answer.json) == (200, {"ok": True, "jobs": JOBS, "settled": True})
    assert [str(job.name) for job in api.kernel.manager.jobs()] == ["web", "shop.new"]


async def test_dry_run_of_another_file(api, tmp_path):
    other = tmp_path / "other.ini"
    other.write_text(AFTER)
    answer = await api.ask("POST", f"/reload?dry_run=true&file={other}")
    assert answer.json == {"ok": True, "jobs": JOBS}


async def test_wrong_file_is_400_and_names_file_and_line(api, file):
    file.write_text("[process:web]\ncmd = sleep 100\nstart = maybe\n")
    for path in ("/reload", "/reload?dry_run=true"):
        answer = await api.ask("POST", path)
        assert (answer.status, answer.slug) == (400, "invalid_config")
        assert answer.json["reason"].startswith(f"{file}:3: [process:web] start: ")
    assert len(api.kernel.manager.jobs()) == 2


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("file=/etc/gaffer.ini", "file"),
        ("dry_run=true&file=gaffer.ini", "file"),
        ("dry_run=maybe", "dry_run"),
        ("dryrun=true", "dryrun"),
        ("wait=long", "wait"),
    ],
)
async def test_wrong_parameter_is_named(api, query, name):
    answer = await api.ask("POST", f"/reload?{query}")
    assert answer.status == 400
    assert answer.json["reason"].startswith(f"{name}: ")


async def test_change_that_is_taken_back_is_not_settled(api, file):
    file.write_text("[process:web]\ncmd = false\nready_after = 5s\n")
    answer = await api.ask("POST", "/reload?wait=10")
    assert answer.json["settled"] is False
    assert answer.json["reason"].startswith("web: instance 1 exited with status 1")
