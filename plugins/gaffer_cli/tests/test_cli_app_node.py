"""The verbs of gaffer for applications in gafferd."""

import json
import re
from unittest.mock import Mock

import pytest
from gaffer_client import NamedStatus, NotFoundError, Server
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_procfile.plugin import plugin as procfile_plugin
from gaffer_testing.waiting import until

from gaffer_cli.processes import read_jobs

PROCFILE = "web: sleep 1000\nmy-type: sleep 1000\n"


@pytest.fixture
def shop(tmp_path):
    """A folder with an application."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Procfile").write_text(PROCFILE)
    return folder


@pytest.fixture
def gaffer(ask, shop):
    """Run gaffer in that folder: `done = await gaffer("load")`."""

    async def run(*arguments, **settings):
        return await ask("gaffer", *arguments, **{"cwd": shop, **settings})

    return run


@pytest.fixture
def jobs(kernel):
    """The jobs of an application by name: `jobs("shop")["web"]`."""
    return lambda app="shop": {job.name.name: job for job in kernel.manager.jobs(app)}


@pytest.mark.parametrize("name", [(), (".",), ("shop",)])
async def test_load_starts_the_application_of_this_folder(gaffer, jobs, shop, url, name):
    done = await gaffer("load", *name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"'shop' has been loaded in {url}\nweb.1 http://127.0.0.1:5000\n"
    assert list(jobs()) == ["web", "my-type"]
    for job in jobs().values():
        assert len(job.pids()) == 1
        assert job.config.redirect_output == ("out", "out")
        assert job.config.cwd == str(shop)


async def test_load_applies_name_concurrency_and_variables(gaffer, jobs, shop):
    (shop / ".env").write_text("A=1\nB=1\n")
    done = await gaffer("load", "-c", "web=2,my-type=0", "-e", "B=2", "other")
    assert done.returncode == 0
    web = jobs("other")["web"]
    assert (len(web.pids()), jobs("other")["my-type"].pids()) == (2, [])
    assert (web.config.env["A"], web.config.env["B"]) == ("1", "2")


async def test_load_and_ps_show_the_urls_of_processes(gaffer, shop):
    (shop / "Procfile").write_text("web: sleep 9\napi: sleep 9 # $PORT\nwork: sleep 9\n")
    done = await gaffer("load", "-c", "web=2")
    assert done.stdout.splitlines()[1:] == [
        "web.1 http://127.0.0.1:5000",
        "web.2 http://127.0.0.1:5001",
        "api.1 http://127.0.0.1:5100",
    ]
    output = (await gaffer("ps")).stdout
    assert re.search(r"^web\.2 .* http://127\.0\.0\.1:5001  -$", output, re.M)
    assert re.search(r"^work\.1 .* 5200  +-$", output, re.M)
    done = await gaffer("load", "--nostart", "--json", "other")
    assert json.loads(done.stdout)["urls"] == {}
    done = await gaffer("load", "--json", "third")
    assert json.loads(done.stdout)["urls"] == {
        "web.1": "http://127.0.0.1:5000",
        "api.1": "http://127.0.0.1:5100",
    }


async def test_load_leaves_the_ports_of_gafferd_to_it(gaffer, jobs, url):
    port = int(url.rpartition(":")[2])
    done = await gaffer("load", "-p", str(port - 100))
    assert (done.returncode, done.stderr) == (0, "")
    ports = [job.config.port for job in jobs().values()]
    assert ports == [port - 100, port + 100]
    done = await gaffer("load", "-p", str(port), "other")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"gaffer: web.1: PORT {port} is in use: gafferd listens there: give another port with -p\n"
    )
    assert (await gaffer("apps")).stdout == "shop\n"


async def test_load_takes_the_first_port_like_start(gaffer, environ, jobs, shop):
    environ["PORT"] = "5300"
    await gaffer("load")
    await gaffer("load", "-p", "5400", "option")
    (shop / ".env").write_text("PORT=5500\n")
    await gaffer("load", "file")
    apps = ("shop", "option", "file")
    assert [jobs(app)["web"].config.port for app in apps] == [5300, 5400, 5500]


async def test_load_of_a_file_takes_no_port(gaffer, shop):
    (shop / "jobs.json").write_text("{}")
    done = await gaffer("load", "-p", "5300", "jobs.json")
    assert done.returncode == 2
    assert "--port is for a Procfile" in done.stderr


async def test_load_takes_directory_and_nostart(gaffer, jobs, tmp_path):
    done = await gaffer("-d", "shop", "load", "--nostart", cwd=tmp_path)
    assert done.returncode == 0
    assert [job.active for job in jobs().values()] == [False, False]


async def test_load_reports_existing_jobs_and_loads_the_others(kernel, gaffer, jobs, url):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000"), "shop")
    done = await gaffer("load")
    assert done.returncode == 1
    assert done.stderr == (
        "gaffer: job 'shop.web' already exists, and is not a type: gaffer unload shop first, or"
        " load it under another name, gaffer load NAME\n"
    )
    assert done.stdout == f"1 of 2 jobs of 'shop' have been loaded in {url}\n"
    assert list(jobs()) == ["web", "my-type"]
    done = await gaffer("load", "--json")
    shown = json.loads(done.stdout)
    assert (shown["ok"], shown["loaded"]) == (False, [])
    assert set(shown["errors"]) == {"shop.web"}


async def test_load_of_another_folder_of_the_same_name_is_an_error(gaffer, jobs, shop, tmp_path):
    other = tmp_path / "other" / "shop"
    other.mkdir(parents=True)
    (other / "Procfile").write_text("web: sleep 2000\n")
    await gaffer("load")
    done = await gaffer("load", cwd=other)
    assert done.returncode == 1
    assert f"is of the Procfile in {shop}: gaffer unload shop first" in done.stderr
    assert list(jobs()) == ["web", "my-type"]
    assert jobs()["web"].config.cmd == "sleep 1000"


async def test_load_again_without_changes_replaces_nothing(gaffer, jobs, url):
    await gaffer("load")
    pids = [job.pids() for job in jobs().values()]
    done = await gaffer("load")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"'shop' has not changed, in {url}"
    assert [job.pids() for job in jobs().values()] == pids


async def test_load_of_a_changed_procfile_applies_the_difference(gaffer, jobs, shop, url):
    await gaffer("load")
    await gaffer("scale", "my-type=2")
    kept = jobs()["my-type"].pids()
    (shop / "Procfile").write_text("web: sleep 2000\nmy-type: sleep 1000\nnew: sleep 1000\n")
    done = await gaffer("load")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        "shop.web: changed: cmd",
        "shop.new: loaded",
        f"'shop' has been updated in {url}: 1 loaded, 1 changed",
    ]
    assert jobs()["my-type"].pids() == kept
    assert (jobs()["web"].config.cmd, len(jobs()["new"].pids())) == ("sleep 2000", 1)

    (shop / "Procfile").write_text("web: sleep 2000\nmy-type: sleep 1000\n")
    (shop / ".env").write_text("A=1\n")
    done = await gaffer("load", "-c", "web=2", "--json")
    shown = json.loads(done.stdout)
    assert shown["ok"]
    assert [shown[kind] for kind in ("loaded", "changed", "scaled", "unloaded")] == [
        [],
        ["shop.web", "shop.my-type"],
        [],
        ["shop.new"],
    ]
    assert list(jobs()) == ["web", "my-type"]
    assert [len(job.pids()) for job in jobs().values()] == [2, 2]

    done = await gaffer("load", "-c", "my-type=1")
    assert done.stdout.splitlines()[:2] == [
        "shop.my-type: scaled from 2 to 1",
        f"'shop' has been updated in {url}: 1 scaled",
    ]


async def test_load_of_a_changed_procfile_leaves_other_jobs_and_stopped_ones(
    kernel, gaffer, jobs, shop
):
    await gaffer("load")
    kernel.manager.load(JobConfig(name="extra", cmd="sleep 1000", start=False), "shop")
    jobs()["web"].stop()
    (shop / "Procfile").write_text("web: sleep 2000\n")
    done = await gaffer("load")
    assert done.stdout.splitlines()[:3] == [
        "shop.my-type: unloaded: no longer in the Procfile",
        "shop.web: changed: cmd",
        "shop.web: stopped; gafferctl start shop.web starts it",
    ]
    assert list(jobs()) == ["web", "extra"]
    assert (jobs()["web"].active, jobs()["web"].config.cmd) == (False, "sleep 2000")


async def test_load_of_a_changed_type_that_crashes_says_so(gaffer, shop):
    await gaffer("load")
    (shop / "Procfile").write_text("web: exit 3\nmy-type: sleep 1000\n")
    done = await gaffer("load")
    assert done.returncode == 1
    assert "shop.web: exited with status 3" in done.stderr


async def test_load_of_changed_jobs_in_json_applies_the_difference(gaffer, jobs, url):
    one, two = {"name": "a.one", "cmd": "sleep 9"}, {"name": "a.two", "cmd": "sleep 9"}
    await gaffer("load", "-", input=json.dumps({"jobs": [one, two]}))
    pids = jobs("a")["one"].pids()
    two["env"] = {"A": "1"}
    done = await gaffer("load", "-", input=json.dumps({"jobs": [one, two]}))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "a.two: changed: env",
        f"'-' has been updated in {url}: 1 changed",
    ]
    assert jobs("a")["one"].pids() == pids
    done = await gaffer("load", "-", input=json.dumps({**one, "cmdd": "x"}))
    assert (done.returncode, done.stdout) == (1, f"0 of 1 jobs of '-' have been loaded in {url}\n")
    assert "cmdd: is not a field of a job" in done.stderr


@pytest.mark.parametrize("way", ["file", "pipe"])
async def test_load_accepts_jobs_in_json(gaffer, jobs, shop, way):
    text = json.dumps(
        {
            "jobs": [
                {"name": "a.one", "cmd": "sleep 9", "start": False},
                {"name": "two", "cmd": "sleep 9"},
            ]
        }
    )
    (shop / "jobs.json").write_text(text)
    if way == "file":
        done = await gaffer("load", "jobs.json")
    else:
        done = await gaffer("load", "-", "--app", "b", input=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert not jobs("a")["one"].active
    assert len(jobs("default" if way == "file" else "b")["two"].pids()) == 1


async def test_load_nostart_applies_to_jobs_in_json(gaffer, jobs):
    done = await gaffer(
        "load", "--nostart", "-", input='{"name": "x.a", "cmd": "b", "start": true}'
    )
    assert done.returncode == 0
    assert not jobs("x")["a"].active


async def test_load_without_procfile_is_one_line(gaffer, tmp_path):
    done = await gaffer("load", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("gaffer: Procfile: no such Procfile; ")


async def test_unload_removes_only_that_application(kernel, gaffer, jobs):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000"), "other")
    await gaffer("load")
    done = await gaffer("unload")
    assert (done.returncode, done.stdout, done.stderr) == (0, "'shop' unloaded\n", "")
    assert kernel.manager.sessions() == ["other"]


@pytest.mark.parametrize("verb", [("unload",), ("ps",), ("restart",), ("scale", "web=1")])
async def test_verbs_report_an_application_that_is_not_loaded(gaffer, url, verb):
    done = await gaffer(*verb)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gaffer: 'shop' is not loaded in {url}; gaffer apps lists what is\n"


async def test_restart_replaces_all_processes(gaffer, jobs):
    await gaffer("load")
    done = await gaffer("restart")
    assert done.stdout == "'shop' restarted\n"
    assert [job.pids() for job in jobs().values()] == [[3], [4]]


async def test_apps_lists_the_applications(kernel, gaffer):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False), "other")
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False), "shop")
    assert (await gaffer("apps")).stdout == "other\nshop\n"
    assert json.loads((await gaffer("apps", "--json")).stdout) == ["other", "shop"]


@pytest.mark.parametrize("app", [(), (".",), ("shop",)])
async def test_scale_sets_increases_and_decreases(gaffer, jobs, app):
    await gaffer("load")
    done = await gaffer("scale", *app, "web=3", "my-type+2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Scaling web processes... done, now running 3\n"
        "Scaling my-type processes... done, now running 3\n"
    )
    assert [len(job.pids()) for job in jobs().values()] == [3, 3]
    done = await gaffer("scale", *app, "my-type-1")
    assert done.stdout == "Scaling my-type processes... done, now running 2\n"
    done = await gaffer("scale", *app, "web=0", "--json")
    assert json.loads(done.stdout) == {"ok": True, "numprocesses": {"web": 0}, "errors": {}}


async def test_port_conflicts_are_warned_about(gaffer, jobs):
    warning = (
        "gaffer: warning: web.101 and my-type.1 both get PORT 5100: web has 101 processes,"
        " and 100 ports to itself\n"
    )
    done = await gaffer("load", "--nostart", "-c", "web=101")
    assert (done.returncode, done.stderr) == (0, warning)
    await gaffer("scale", "web=100")
    done = await gaffer("scale", "web+1")
    assert (done.returncode, done.stderr) == (0, warning)
    assert (await gaffer("scale", "my-type=300")).stderr == warning
    assert (await gaffer("scale", "web=100")).stderr == ""


async def test_scale_accepts_an_application_named_like_a_change(gaffer, jobs):
    await gaffer("load", "app-1")
    done = await gaffer("scale", "app-1", "web=2")
    assert done.stdout == "Scaling web processes... done, now running 2\n"
    assert len(jobs("app-1")["web"].pids()) == 2


async def test_scale_of_a_stopped_application_does_not_report_running(gaffer):
    await gaffer("load", "--nostart")
    done = await gaffer("scale", "web=2")
    assert done.stdout == "Scaling web processes... done, 2 when it is started\n"


async def test_scale_reports_unknown_types_and_scales_the_others(gaffer, jobs):
    await gaffer("load")
    done = await gaffer("scale", "wep=2", "web=2")
    assert done.returncode == 1
    assert done.stderr == "gaffer: no job 'shop.wep': did you mean shop.web?\n"
    assert done.stdout == "Scaling web processes... done, now running 2\n"
    assert len(jobs()["web"].pids()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["web"], "gaffer scale: nothing to change: 'web' is not TYPE=N, TYPE+N or TYPE-N"),
        (["shop", "web=two"], "gaffer scale: 'web=two' is not TYPE=N, TYPE+N or TYPE-N"),
        (["web=2", "shop"], "gaffer scale: 'shop' is not TYPE=N, TYPE+N or TYPE-N"),
        ([], "gaffer scale: missing argument"),
    ],
)
async def test_scale_with_invalid_words_changes_nothing(gaffer, jobs, words, message):
    await gaffer("load")
    done = await gaffer("scale", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert [len(job.pids()) for job in jobs().values()] == [1, 1]


async def test_ps_shows_stopped_jobs_and_one_off_processes(gaffer, jobs):
    await gaffer("load")
    jobs()["my-type"].stop()
    jobs()["web"].commit()
    await jobs()["web"].settled()
    await jobs()["my-type"].settled()
    output = (await gaffer("ps", "shop")).stdout
    assert re.search(r"^my-type +stopped ", output, re.M)
    assert re.search(r"^web\.once-3 +active ", output, re.M)


async def test_ps_prints_json(gaffer):
    await gaffer("load", "--nostart")
    [web, _] = json.loads((await gaffer("ps", "--json")).stdout)
    assert (web["name"], web["cmd"], web["condition"]) == ("web", "sleep 1000", "stopped")
    assert (web["numprocesses"], web["processes"]) == (1, [])
    await gaffer("load", "other")
    [web, _] = json.loads((await gaffer("ps", "other", "--json")).stdout)
    [process] = web["processes"]
    assert (process["name"], process["pid"]) == ("web.1", 1)


class TestWithoutStats:
    """A gafferd without gaffer-stats."""

    @pytest.fixture
    async def kernel(self):
        config = Config()
        config.options["bind"] = "127.0.0.1:0"
        async with open_kernel(config, plugins=[http_plugin, procfile_plugin]) as kernel:
            yield kernel

    async def test_ps_shows_processes_without_stats(self, gaffer):
        await gaffer("load", "-c", "my-type=0")
        output = (await gaffer("ps")).stdout
        assert re.search(r"^web\.1 +active .* 0 +- +- +http", output, re.M)


async def test_release_type_is_loaded_but_not_started(gaffer, ask, jobs, shop):
    (shop / "Procfile").write_text("web: sleep 1000\nrelease: touch done\n")
    done = await gaffer("load")
    assert done.returncode == 0
    assert not jobs()["release"].active
    assert not (shop / "done").exists()
    await ask("gafferctl", "commit", "shop.release")
    await until((shop / "done").exists)


async def test_command_line_is_escaped_for_the_terminal(kernel, gaffer, ask):
    cmd = "sleep 1000 \x1b[2J\x9b2J"
    kernel.manager.load(JobConfig(name="web", cmd=cmd, start=False), "shop")
    output = (await ask("gafferctl", "get_process", "shop.web")).stdout
    assert "sleep 1000" in output
    assert output.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["nosuch.json", "a b", "../shop"])
async def test_load_of_a_missing_file_is_wrong_usage(gaffer, jobs, name):
    done = await gaffer("load", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"gaffer: {name!r} is neither a file nor the name of an application"
    )
    assert done.stderr.count("\n") == 1


async def test_ps_sorts_processes_by_slot(gaffer):
    await gaffer("load", "-c", "web=2,my-type=0")
    for change in ("web-1", "web+1"):
        await gaffer("scale", change)
    assert re.findall(r"web\.\d", (await gaffer("ps")).stdout) == ["web.1", "web.2"]


def test_ps_omits_a_process_that_exits_during_the_request():
    status = NamedStatus(
        name="shop.web", job="web", session="shop", active=True, running=1, numprocesses=1, pids=[7]
    )
    server = Mock(Server, url="http://127.0.0.1:5000")
    server.stats.return_value = []
    server.job.return_value.info.return_value = Mock(job="web", config={"cmd": "x", "args": []})
    server.process.return_value.info.side_effect = NotFoundError(404, "not_found", "no process '7'")
    [job] = read_jobs(server, [status])
    assert [(row.name, row.state, row.pid) for row in job.rows] == [
        ("shop.web.1", "starting", None)
    ]
