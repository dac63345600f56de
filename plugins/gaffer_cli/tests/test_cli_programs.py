"""Common features of both commands: help, version, options, errors and exit statuses."""

import json
import re
import subprocess

import click
import pytest
from gaffer_kernel import JobConfig

from gaffer_cli.invocation import Invocation
from gaffer_cli.programs import make_gaffer, make_gafferctl
from gaffer_cli.verbs import GROUPS

from .conftest import COMMANDS

PROGRAMS = ["gaffer", "gafferctl"]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("flag", ["-h", "--help", "help"])
def test_help_lists_verbs_and_options(command, program, flag):
    done = command(program, flag)
    assert done.returncode == 0
    assert "--connect, --endpoint URL" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("make", [make_gaffer, make_gafferctl])
def test_each_verb_is_in_one_group(make):
    program = make()
    grouped = [name for names in GROUPS[program.name].values() for name in names.split()]
    assert sorted(grouped) == sorted(program.own)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_has_groups_of_verbs_first_and_connection_options_last(command, program):
    output = command(program, "--help").stdout
    headings = re.findall(r"^(?:  )?(\w[\w ,]*):$", output, re.MULTILINE)
    assert headings[: len(GROUPS[program])] == list(GROUPS[program])
    assert headings[-3:] == ["Options", "Examples", "Connection options"]
    own, last = output.split("\nConnection options:\n")
    assert "--json" in own
    for option in ("--connect", "--token-file", "--cacert", "--lookup", "--node"):
        assert f"\n  {option}" in f"\n{last}"
        assert f"\n  {option}" not in own


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["help", "ps"], ["ps", "--help"]])
@pytest.mark.parametrize(
    ("variables", "is_colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_help_has_colours_if_wanted(command, environ, arguments, variables, is_colored):
    plain = command("gaffer", *arguments).stdout
    output = command("gaffer", *arguments, env={**environ, **variables}).stdout
    assert ("\x1b[1mUsage: \x1b[0m" in output) == is_colored
    assert ("\x1b[36m" in output) == is_colored
    assert click.unstyle(output) == plain


def test_closed_standard_output_is_no_traceback(environ, tmp_path):
    argv = ["/bin/sh", "-c", f"exec {COMMANDS}/gaffer ps --connect unix:/nosuch >&-"]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 4
    assert done.stderr.count(b"\n") == 1


def test_help_has_colours_on_a_terminal(begin):
    shown = begin("--help", terminal=(60, 100))
    assert shown.end() == 0
    assert "\x1b[36mlogs      \x1b[0m  Show the output" in shown.text


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_verb_prints_the_help_on_standard_error(command, program):
    done = command(program)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == command(program, "--help").stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_option_prints_the_version(command, program):
    assert command(program, "--version").stdout.startswith(f"{program} 0.")


def test_gafferctl_has_a_short_version_option(command):
    assert command("gafferctl", "-v").stdout == command("gafferctl", "--version").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "web"], "gafferctl: no such command 'stats', did you mean status?"),
        (["export"], "gafferctl: no such command 'export', did you mean gaffer export?"),
        (["pids"], "gafferctl pids: missing argument 'NAME'"),
        (["status", "web", "--jsn"], "gafferctl status: no such option '--jsn'"),
        (["pids", "web", "more"], "gafferctl pids: got unexpected extra argument (more)"),
        (["--keyfile", "k", "status", "web"], "gafferctl: --keyfile without --certfile"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(command, arguments, message):
    done = command("gafferctl", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_unreachable_gafferd_is_one_line_and_status_4(command):
    done = command("gafferctl", "status", "web")
    assert done.returncode == 4
    assert done.stderr.startswith("gafferctl: http://127.0.0.1:1: cannot connect: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("endpoint", ["localhost", "ftp://localhost", "http://", "unix:"])
def test_invalid_endpoint_is_one_line(command, endpoint):
    done = command("gafferctl", "--connect", endpoint, "status", "web")
    assert done.returncode == 2
    assert done.stderr.startswith(f"gafferctl: '{endpoint}' is not an address: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("token", None, "token: no such file or directory"),
        ("token", "", "token is empty: it must hold a token"),
    ],
)
def test_unreadable_token_is_one_line(command, tmp_path, file, text, message):
    if text is not None:
        (tmp_path / file).write_text(text)
    done = command("gafferctl", "status", "web", "--token-file", file)
    assert (done.returncode, done.stderr) == (1, f"gafferctl: {message}\n")


def test_error_line_is_escaped_for_the_terminal(command):
    done = command("gaffer", "start", "-f", "no\x1b[2Jsuch\u202e")
    assert done.stderr.startswith("gaffer: nosuch\\u202e: no such Procfile; ")


def test_warning_is_escaped_for_the_terminal(capsys):
    with click.Context(click.Command("gaffer"), info_name="gaffer"):
        Invocation().warn("no\x1b[2Jsuch")
    assert capsys.readouterr().err == "gaffer: nosuch\n"


async def test_json_output_is_ascii(kernel, ask):
    kernel.manager.load(JobConfig(name="web", cmd="caf\xe9\x9b2J", start=False))
    done = await ask("gafferctl", "get_process", "web", "--json")
    assert "caf\\u00e9\\u009b2J" in done.stdout
    assert json.loads(done.stdout)["cmd"] == "caf\xe9\x9b2J"


async def test_unencodable_characters_are_escaped(kernel, ask, environ):
    kernel.manager.load(JobConfig(name="web", cmd="./nosuch-\u2192"), "shop")
    environ["PYTHONIOENCODING"] = "latin-1"
    done = await ask("gaffer", "ps", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no such program: ./nosuch-\\u2192 " in done.stdout


async def test_options_may_precede_or_follow_the_verb(kernel, ask, url):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False))
    before = await ask("gafferctl", "--connect", url, "--json", "status", "web")
    after = await ask("gafferctl", "status", "web", "--json", "--endpoint", url)
    assert json.loads(before.stdout)["stopped"]
    assert json.loads(after.stdout)["stopped"]


async def test_last_option_wins(kernel, ask, url):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False))
    done = await ask("gafferctl", "--connect", "unix:/nosuch", "status", "web", "--connect", url)
    assert done.stdout == "stopped\n"


async def test_unknown_job_is_one_line(ask, kernel):
    done = await ask("gafferctl", "status", "nosuch")
    assert done.returncode == 1
    assert done.stderr.startswith("gafferctl: ")
    assert "nosuch" in done.stderr
    assert done.stderr.count("\n") == 1
