"""`gaffer export`: the Procfile in other formats."""

import json
import subprocess

import pytest
from gaffer_kernel import Config, JobConfig, hookimpl
from gaffer_kernel.plugins import Plugins
from gaffer_procfile import ExportedFile, Exporter

from gaffer_cli import plugin_commands
from gaffer_cli.programs import make_gaffer, run

from .conftest import COMMANDS

FORMATS = ["compose", "ini", "json", "kubernetes", "supervisor", "systemd"]


@pytest.fixture(autouse=True)
def application(tmp_path):
    """An application called shop, with variables."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "Procfile").write_text("web: serve --port $PORT\nworker: work | tee 'a b'\n")
    (shop / ".env").write_text("KEY=50%\n")
    return shop


def export(command, *arguments):
    done = command("gaffer", "-d", "shop", "export", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_export_default_is_ini_for_gafferd(command, application):
    config = Config.from_string(export(command, "-c", "web=2"))
    [(session, web), (_, worker)] = config.jobs()
    assert (session, web.name, web.numprocesses, web.cwd) == ("shop", "web", 2, str(application))
    assert (worker.cmd, worker.env["KEY"]) == ("work | tee 'a b'", "50%")


def test_export_is_utf_8_in_any_encoding(environ, application, tmp_path):
    (application / "Procfile").write_text("web: echo \u2192\n")
    argv = [COMMANDS / "gaffer", "-d", "shop", "export"]
    environ = {**environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        argv, cwd=tmp_path, env=environ, capture_output=True, check=True, timeout=60
    )
    assert "echo \u2192" in done.stdout.decode()


def test_gafferd_includes_an_export(command, tmp_path):
    export(command, "--out", "shop.ini")
    (tmp_path / "gaffer.ini").write_text("[gaffer]\ninclude = shop.ini\n")
    done = command("gafferd", "-c", "gaffer.ini", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "shop.web" in done.stdout


def test_json_export_of_one_type_is_a_job(command):
    jobs = json.loads(export(command, "--format", "json"))["jobs"]
    assert [job["name"] for job in jobs] == ["shop.web", "shop.worker"]
    one = json.loads(export(command, "--format", "json", "worker"))
    assert one == jobs[1]
    assert JobConfig.from_dict({**one, "name": "worker"}).env["KEY"] == "50%"


def test_ini_export_of_one_type(command):
    assert [job.name for _, job in Config.from_string(export(command, "worker")).jobs()] == [
        "worker"
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_written_to_a_folder(command, tmp_path, name):
    output = export(command, "--format", name, "--out", "new/folder/")
    paths = [line.removeprefix("wrote ") for line in output.splitlines()]
    assert paths
    assert all((tmp_path / path).read_text() for path in paths)


def test_format_with_several_files_needs_a_folder(command, tmp_path):
    done = command("gaffer", "-d", "shop", "export", "--format", "systemd")
    assert (done.returncode, done.stdout) == (2, "")
    assert "shop.target" in done.stderr
    assert "name a folder with --out" in done.stderr
    export(command, "--format", "systemd", "--out", "units")
    assert sorted(path.name for path in (tmp_path / "units").iterdir()) == [
        "shop-web.1.service",
        "shop-worker.1.service",
        "shop.target",
    ]


def test_one_file_is_written_into_an_existing_folder(command, tmp_path):
    assert export(command, "--out", ".") == "wrote shop.ini\n"
    assert (tmp_path / "shop.ini").is_file()


def test_export_to_dash_is_standard_output(command):
    assert export(command, "--out", "-") == export(command)


def test_export_accepts_format_and_file_as_words(command, tmp_path):
    assert export(command, "json") == export(command, "--format", "json")
    assert export(command, "json", "web") == export(command, "--format", "json", "web")
    export(command, "ini", "old.ini")
    assert (tmp_path / "old.ini").read_text() == export(command)


def test_export_replaces_files_only_with_force(command, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious\n")
    done = command("gaffer", "-d", "shop", "export", "--out", "precious")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("gaffer: precious exists with other content: --force replaces it\n")
    assert precious.read_text() == "precious\n"
    export(command, "--out", "precious", "--force")
    assert precious.read_text() == export(command)


def test_export_writes_no_file_if_one_exists(command, tmp_path):
    units = tmp_path / "units"
    units.mkdir()
    (units / "shop-worker.1.service").write_text("mine\n")
    done = command("gaffer", "-d", "shop", "export", "--format", "systemd", "--out", "units")
    assert done.returncode == 1
    assert len(list(units.iterdir())) == 1


def test_export_overwrites_equal_and_empty_files(command, tmp_path):
    (tmp_path / "empty").touch()
    export(command, "--out", "empty")
    export(command, "--out", "empty")


def test_json_option_before_or_after_the_verb_exports_json(command):
    wanted = export(command, "--format", "json")
    assert export(command, "--json") == wanted
    assert export(command, "--json", "--format", "json") == wanted
    assert command("gaffer", "--json", "-d", "shop", "export").stdout == wanted


def test_port_conflicts_are_warned_about_and_exported(command):
    done = command("gaffer", "-d", "shop", "export", "-c", "web=101")
    assert done.returncode == 0
    assert done.stderr == (
        "gaffer: warning: web.101 and worker.1 both get PORT 5100: web has 101 processes,"
        " and 100 ports to itself\n"
    )
    assert "numprocesses = 101" in done.stdout


def test_export_with_json_prints_the_files(command):
    assert json.loads(export(command, "--json", "--out", "x.ini")) == {"files": ["x.ini"]}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["wen"], 1, "gaffer: shop/Procfile: type: no type 'wen' here, there are web, worker\n"),
        (["--format", "yml"], 2, f"gaffer: no format 'yml', there are {', '.join(FORMATS)}\n"),
        (
            ["--json", "--format", "ini"],
            2,
            "gaffer: export: --json prints JSON, and ini is",
        ),
        (["systemd", "--json"], 2, "gaffer: export: --json prints JSON, and systemd is"),
        (["web", "worker"], 2, "gaffer: export: one TYPE at most, not web worker\n"),
        (["--out", "no/folder"], 1, "gaffer: no/folder: no such file or directory\n"),
        (["-c", "wen=1"], 1, "gaffer: shop/Procfile: concurrency: no type 'wen' here"),
        (["-e", "KEY=a\nb"], 1, "gaffer: KEY: an ini file cannot hold a line break, json can\n"),
    ],
)
def test_export_error_is_one_line(command, arguments, status, message):
    done = command("gaffer", "-d", "shop", "export", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


class Runit:
    """A plugin with a format."""

    name = "runit"

    @hookimpl(optionalhook=True)
    def gaffer_exporters(self):
        def files(app):
            return [ExportedFile("run", "".join(each.command + "\n" for each in app.types()))]

        return [Exporter("runit", "run files", files)]


def test_plugin_adds_a_format(monkeypatch, capsys, application):
    def discover(self, disabled=()):
        from gaffer_procfile.plugin import plugin as procfile_plugin

        self.add(procfile_plugin, "procfile")
        self.add(Runit())

    plugin_commands._all.cache_clear()
    monkeypatch.setattr(Plugins, "discover", discover)
    for arguments in (["--format", "runit"], ["runit"]):
        assert run(make_gaffer(), ["-d", str(application), "export", *arguments]) == 0
        assert capsys.readouterr().out == "serve --port $PORT\nwork | tee 'a b'\n"
    plugin_commands._all.cache_clear()
