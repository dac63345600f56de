"""Common features of both commands: help, version, options, errors and exit statuses."""

import json

import click
import pytest
from gaffer_kernel import JobConfig

from gaffer_cli.invocation import Invocation

PROGRAMS = ["gaffer", "gafferctl"]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("flag", ["-h", "--help", "help"])
def test_help_lists_verbs_and_options(command, program, flag):
    done = command(program, flag)
    assert done.returncode == 0
    assert "\nCommands:\n" in done.stdout
    assert "--connect, --endpoint URL" in done.stdout
    assert done.stderr == ""


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
