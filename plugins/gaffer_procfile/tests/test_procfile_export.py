"""Tests of the export formats: golden files, and parsers that read an export back.

The golden files are in the folder `golden`, one for each file that an exporter creates for `SHOP`.
Look at the difference before you replace one.
"""

import configparser
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from gaffer_kernel import Config, JobConfig
from gaffer_kernel.errors import PluginError

from gaffer_procfile import ExportedFile, Exporter, ExportError, get_exporters
from gaffer_procfile.application import GAFFERD_PORT
from gaffer_procfile.plugin import plugin as procfile_plugin

GOLDEN = Path(__file__).parent / "golden"

SHOP = r"""
# The quotes, percents and dollars of three programs.
web: exec serve --port $PORT --title "50% off; today" # now
worker: cd jobs && ./work 'it''s' \d+ ${QUEUE:-low} | grep -v "\\$"
beat_1: echo $$ $(date +%Y) %h ; sleep 1
"""
ENV = r"""
SECRET=pa$$word;100% #1
QUOTES="say \"hi\" it's \\o/"
lower=case
EMPTY=
PLAIN=a b
"""
NUMBERS = {"web": 2, "beat_1": 1}


def exporters():
    return get_exporters([("procfile", procfile_plugin.gaffer_exporters())])


@pytest.fixture
def shop(application):
    return application(SHOP, env=ENV, concurrency=NUMBERS)


def at(app, text):
    """Replace the folder in exported text by /srv/shop."""
    return text.replace(str(app.root), "/srv/shop")


@pytest.mark.parametrize("name", ["ini", "json", "systemd", "supervisor", "compose", "kubernetes"])
def test_files_equal_golden_files(shop, name):
    files = exporters()[name].export(shop)
    folder = GOLDEN / name
    assert {file.name: at(shop, file.text) for file in files} == {
        path.name: path.read_text() for path in folder.iterdir()
    }
    assert all(file.text.endswith("\n") for file in files)


@pytest.mark.parametrize("name", ["systemd", "supervisor"])
def test_release_is_exported_only_by_name(application, name):
    app = application("web: serve\nrelease: migrate\n")
    files = exporters()[name].export(app)
    assert "serve" in "".join(file.text for file in files)
    assert "migrate" not in "".join(file.text for file in files)
    assert "migrate" in "".join(file.text for file in exporters()[name].export(app.only("release")))


def test_ini_defines_the_same_jobs(application):
    app = application(SHOP, env="A=$x 50%\nB='\"'\n", concurrency=NUMBERS)
    [file] = exporters()["ini"].export(app)
    assert file.name == "shop.ini"
    config = Config.from_string(file.text)
    config.check_owned()
    apart = replace(app, reserved_ports=(GAFFERD_PORT,))
    assert config.jobs() == [("shop", job) for job in apart.jobs()]


def test_ini_exports_unsafe_variables_in_the_command(application):
    env = "lower=a'b\nBLANKS='  '\nPLAIN=x\n"
    app = application('a: printf "%s|" "$lower" "$BLANKS" "$PLAIN"', env=env)
    [file] = exporters()["ini"].export(app)
    [(_, job)] = Config.from_string(file.text).jobs()
    printed = subprocess.run(["/bin/sh", "-c", job.cmd], env=job.env, capture_output=True)
    assert printed.stdout == b"a'b|  |x|"


def test_json_defines_the_same_jobs(shop):
    [file] = exporters()["json"].export(shop)
    found = json.loads(file.text)["jobs"]
    assert [each["name"] for each in found] == ["shop.web", "shop.worker", "shop.beat_1"]
    jobs = [JobConfig.from_dict({**each, "name": each["name"][5:]}) for each in found]
    assert jobs == replace(shop, reserved_ports=(GAFFERD_PORT,)).jobs()


def test_json_of_single_type_is_one_job(shop):
    [file] = exporters()["json"].export(shop.only("worker"))
    assert json.loads(file.text)["name"] == "shop.worker"


def test_supervisor_commands_print_the_same(application):
    commands = [
        """echo "it's" 'a b' \\\\ $X; echo 50% # no""",
        """printf '%s|' " ; " "#x" '$X' ; echo ;echo "$QUOTES" $lower""",
    ]
    env = 'X=x ;y # z\nQUOTES="say \\"hi\\" it\'s 100%"\nlower=a\n'
    text = "".join(f"p{number}: {command}\n" for number, command in enumerate(commands))
    app = application(text, env=env)
    [file] = exporters()["supervisor"].export(app)
    # The parsing of supervisor.
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(file.text)
    for number, command in enumerate(commands):
        section = parser[f"program:shop-p{number}-1"]
        argv = shlex.split(section["command"] % {})
        given = dict(each.split("=", 1) for each in section["environment"].split(","))
        variables = {key: value[1:-1] % {} for key, value in given.items()}
        printed = subprocess.run(argv, env=variables, capture_output=True, text=True)
        expected = subprocess.run(
            ["/bin/sh", "-c", command], env={**app.env}, capture_output=True, text=True
        )
        assert printed.stdout == expected.stdout
        assert expected.stdout


def test_yaml_quotes_ambiguous_strings():
    from gaffer_procfile.export.yaml import dump

    texts = ["yes", "1", "1.0", "a: b", "a #b", "- a", "", "~", "null", "2026-01-01", "plain/a.b-c"]
    lines = dump({"texts": texts, "numbers": {"one": 1}, "none": {}, "empty": []}).splitlines()
    assert lines[0] == "texts:"
    written = [line.strip().removeprefix("- ") for line in lines[1 : len(texts) + 1]]
    assert written == [*(json.dumps(text) for text in texts[:-1]), "plain/a.b-c"]
    assert lines[-4:] == ["numbers:", "  one: 1", "none: {}", "empty: []"]


@pytest.mark.parametrize("name", ["ini", "supervisor"])
def test_inexpressible_variable_is_an_error(application, name):
    with pytest.raises(ExportError, match=r"A: .* line break"):
        exporters()[name].export(application("web: serve", env='A="one\ntwo"\n'))


def test_equal_names_in_kubernetes_are_an_error(application):
    with pytest.raises(ExportError, match="shop-my-web"):
        exporters()["kubernetes"].export(application("my-web: a\nmy_web: b\n"))


def test_formats_with_equal_names_are_refused():
    mine = Exporter("ini", "mine", lambda app: [ExportedFile("a", "")])
    with pytest.raises(
        PluginError, match="plugin other: the format ini exists already, from plugin procfile"
    ):
        get_exporters([("procfile", procfile_plugin.gaffer_exporters()), ("other", [mine])])
