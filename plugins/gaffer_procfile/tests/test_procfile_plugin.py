"""Tests of Procfiles in gafferd: from its configuration, an export, or the API."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import trio
from gaffer_client import AsyncServer
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, ConfigError, Plugins, hookimpl, open_kernel

from gaffer_procfile import Application, ExportedFile, Exporter, get_exporters
from gaffer_procfile.plugin import plugin as procfile_plugin

MARK = 'echo "$PORT $A" > out.$PORT.new; mv out.$PORT.new out.$PORT; exec sleep 600\n'
PROCFILE = f"web: {MARK}worker: {MARK}"
HARMLESS = """
# Odd spacing, quotes, &&, variables and pipes as in real Procfiles, with harmless commands.
release : true && echo "migrated 100%" > release
web:\tcd . && exec env RACK_ENV=test sh -c 'echo "$RACK_ENV ${PORT:-3000}" > web; exec sleep 600'
log: echo a 'b  c' | tr a-z A-Z > log; sleep 600
my-worker: [ -n "$A" ] && echo $A > worker || echo none > worker; sleep 600
clock_1: echo '#' $((1+1)) > clock # a comment of the shell
"""


def read(ini, folder):
    """Read a configuration and configure the plugin."""
    (folder / "gaffer.ini").write_text(ini)
    config = Config.read(folder / "gaffer.ini")
    config.check_owned(procfile_plugin.gaffer_config_sections())
    procfile_plugin.gaffer_configure(config)
    return config


async def lines(folder, *names):
    """Wait until files have content, and return it."""
    with trio.fail_after(20):
        while not all((folder / name).exists() and (folder / name).read_text() for name in names):
            await trio.sleep(0.01)
    return [(folder / name).read_text().strip() for name in names]


async def test_types_leave_the_ports_of_gafferd_to_it(application, tmp_path, caplog):
    application(PROCFILE)
    (tmp_path / "gaffer.ini").write_text("[gaffer]\nprocfile = shop/Procfile\n")
    config = Config.read(tmp_path / "gaffer.ini")
    plugins = Plugins()
    # The order of registration does not matter.
    for plugin in (procfile_plugin, http_plugin):
        plugins.add(plugin)
    plugins.check()
    plugins.configure(config)
    assert [job.port for _, job in config.jobs()] == [5100, 5200]
    assert caplog.messages == []


def test_port_of_gafferd_in_the_variables_is_logged(application, tmp_path, caplog):
    application(PROCFILE, env="PORT=5000")
    (tmp_path / "gaffer.ini").write_text("[gaffer]\nprocfile = shop/Procfile\n")
    config = Config.read(tmp_path / "gaffer.ini")
    http_plugin.gaffer_configure(config)
    procfile_plugin.gaffer_configure(config)
    assert [job.port for _, job in config.jobs()] == [5000, 5100]
    assert caplog.messages == [
        "shop/Procfile: web.1 gets PORT 5000, where gafferd listens: set another"
    ]


def test_port_conflict_is_logged(application, tmp_path, caplog):
    application(PROCFILE)
    ini = "[gaffer]\nprocfile = shop/Procfile\nconcurrency = web="
    read(f"{ini}100\n", tmp_path)
    assert caplog.messages == []
    read(f"{ini}102\n", tmp_path)
    assert caplog.messages == [
        "shop/Procfile: web.101 and worker.1 both get PORT 5100: web has 102 processes,"
        " and 100 ports to itself"
    ]


def test_procfile_key_adds_jobs(application, tmp_path):
    root = application(PROCFILE, env="A=1\n").root
    (tmp_path / "more.env").write_text("B=2\n")
    config = read(
        "[gaffer]\nprocfile = shop/Procfile\nenv_files = more.env\nconcurrency = web=2\n", tmp_path
    )
    (session, web), (_, worker) = config.jobs()
    assert (session, web.name, web.numprocesses, worker.numprocesses) == ("shop", "web", 2, 1)
    assert (web.cwd, web.env["A"], web.env["B"]) == (str(root), "1", "2")


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("procfile = none", "none: cannot be read: No such file or directory"),
        (
            "procfile = shop/Procfile\nconcurrency = web",
            "gaffer.ini:3: [gaffer] concurrency: must be",
        ),
        ("procfile = shop/Procfile\nconcurrency = x=1", "shop/Procfile: concurrency: no type 'x'"),
        ("procfile = shop/Procfile\nenv_files = none", "none: cannot be read"),
        ("procfile = shop/bad", "shop/bad:2: a line must be"),
        (
            "concurrency = web=1",
            "gaffer.ini:2: [gaffer] concurrency: has no effect without procfile",
        ),
        ("procfile =", "gaffer.ini:2: [gaffer] procfile: is empty: give the path of a file"),
    ],
)
def test_errors_name_file_and_line(application, tmp_path, ini, message):
    root = application(PROCFILE).root
    (root / "bad").write_text("web: a\nb\n")
    with pytest.raises(ConfigError) as raised:
        read(f"[gaffer]\n{ini}\n", tmp_path)
    assert message in str(raised.value)


async def test_each_process_has_its_port(application, tmp_path):
    app = application(PROCFILE, env="A=x\n")
    (tmp_path / "gaffer.ini").write_text(
        "[gaffer]\nprocfile = shop/Procfile\nconcurrency = web=2\n"
    )
    config = Config.read(tmp_path / "gaffer.ini")
    async with open_kernel(config, plugins=[procfile_plugin]) as kernel:
        found = await lines(app.root, "out.5000", "out.5001", "out.5100")
        assert found == ["5000 x", "5001 x", "5100 x"]
        assert kernel.manager.sessions() == ["shop"]


async def test_each_process_of_a_type_knows_its_name(application):
    line = "echo $PS $GAFFER_SESSION.$GAFFER_JOB.$GAFFER_NUMBER > $PS.new; mv $PS.new $PS"
    app = application(f"web: {line}; exec sleep 600\n", concurrency={"web": 2})
    async with open_kernel(plugins=[procfile_plugin]) as kernel:
        for job in app.jobs():
            kernel.manager.load(job, app.name)
        found = await lines(app.root, "web.1", "web.2")
        assert found == ["web.1 shop.web.1", "web.2 shop.web.2"]


async def test_commands_of_real_procfiles_run(application):
    app = application(HARMLESS, env="A=from env\n", concurrency={"release": 1})
    async with open_kernel(plugins=[procfile_plugin]) as kernel:
        for job in app.jobs():
            kernel.manager.load(job, app.name)
        names = ("release", "web", "log", "worker", "clock")
        assert await lines(app.root, *names) == [
            "migrated 100%",
            "test 5000",
            "A B  C",
            "from env",
            "# 2",
        ]


async def test_job_from_api_has_its_ports(application):
    app = application(PROCFILE, env="A=y\n", concurrency={"worker": 2})
    exporters = get_exporters([("procfile", procfile_plugin.gaffer_exporters())])
    [file] = exporters["json"].export(app.only("worker"))
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    async with open_kernel(config, plugins=[http_plugin, procfile_plugin]) as kernel:
        async with AsyncServer(kernel.services["http"].addresses[0]) as server:
            job = await server.add_process(**json.loads(file.text), wait=10)
            assert str(job.name) == "shop.worker"
        assert await lines(app.root, "out.5200", "out.5201") == ["5200 y", "5201 y"]


def test_exported_ini_runs_in_gafferd(application, tmp_path):
    app = application(PROCFILE, env="A=it's 50%\n", concurrency={"web": 2})
    exporters = get_exporters([("procfile", procfile_plugin.gaffer_exporters())])
    [file] = exporters["ini"].export(app)
    (tmp_path / file.name).write_text(file.text)
    others = {point.name for point in entry_points(group="gaffer")} - {"procfile", "signals"}
    disabled = [f"--disable={name}" for name in others]
    command = [Path(sys.executable).with_name("gafferd"), "-c", file.name, *disabled]
    environ = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environ) as daemon:
        try:
            paths = [app.root / f"out.{port}" for port in (5100, 5101, 5200)]
            deadline = time.monotonic() + 20
            while not all(path.exists() for path in paths):
                assert time.monotonic() < deadline
                assert daemon.poll() is None
                time.sleep(0.01)
            assert [path.read_text() for path in paths] == [
                "5100 it's 50%\n",
                "5101 it's 50%\n",
                "5200 it's 50%\n",
            ]
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=20) == 0
        finally:
            daemon.kill()


async def test_other_plugin_adds_format():
    class Runit:
        name = "runit"

        @hookimpl(optionalhook=True)
        def gaffer_exporters(self):
            return [Exporter("runit", "folders", lambda app: [ExportedFile("run", app.name)])]

    async with open_kernel(plugins=[procfile_plugin, Runit()]) as kernel:
        found = get_exporters(kernel.plugins.call("gaffer_exporters"))
    assert sorted(found) == [
        "compose",
        "ini",
        "json",
        "kubernetes",
        "runit",
        "supervisor",
        "systemd",
    ]
    assert all(each.summary for each in found.values())


def test_example_of_old_documentation(application):
    app = application("dummy: python -u dummy_basic.py\ndummy1: python -u dummy_basic.py\n")
    assert [job.cmd for job in app.jobs()] == ["python -u dummy_basic.py"] * 2
    assert isinstance(app, Application)
