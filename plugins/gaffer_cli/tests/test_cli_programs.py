"""What both commands have in common: help, versions, options, errors and statuses."""

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
def test_without_a_verb_the_help_is_shown_as_it_is_written(command, program):
    done = command(program)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == command(program, "--help").stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_told(command, program):
    assert command(program, "--version").stdout.startswith(f"{program} 0.")


def test_gafferctl_has_its_documented_short_option_for_the_version(command):
    assert command("gafferctl", "-v").stdout == command("gafferctl", "--version").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stats", "web"], "gafferctl: no such command 'stats', did you mean status?"),
        (["logs"], "gafferctl: no such command 'logs', did you mean gaffer logs?"),
        (["pids"], "gafferctl pids: missing argument 'NAME'"),
        (["status", "web", "--jsn"], "gafferctl status: no such option '--jsn'"),
        (["status", "web", "more"], "gafferctl status: got unexpected extra argument (more)"),
        (["--keyfile", "k", "status", "web"], "gafferctl: --keyfile without --certfile"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(command, arguments, said):
    done = command("gafferctl", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_gafferd_that_does_not_answer_is_one_line_and_status_4(command):
    done = command("gafferctl", "status", "web")
    assert done.returncode == 4
    assert done.stderr.startswith("gafferctl: http://127.0.0.1:1: cannot connect: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("endpoint", ["localhost", "ftp://localhost", "http://", "unix:"])
def test_an_endpoint_that_is_none_is_one_line(command, endpoint):
    done = command("gafferctl", "--connect", endpoint, "status", "web")
    assert done.returncode == 2
    assert done.stderr.startswith(f"gafferctl: '{endpoint}' is not an address: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("token", None, "token: no such file or directory"),
        ("token", "", "token is empty: it must hold a token"),
    ],
)
def test_a_token_that_cannot_be_read_is_one_line(command, tmp_path, file, text, said):
    if text is not None:
        (tmp_path / file).write_text(text)
    done = command("gafferctl", "status", "web", "--token-file", file)
    assert (done.returncode, done.stderr) == (1, f"gafferctl: {said}\n")


def test_an_error_line_cannot_steer_the_terminal(command):
    done = command("gaffer", "start", "-f", "no\x1b[2Jsuch\u202e")
    assert done.stderr.startswith("gaffer: nosuch\\u202e: no such Procfile; ")


def test_a_complaint_cannot_steer_the_terminal(capsys):
    with click.Context(click.Command("gaffer"), info_name="gaffer"):
        Invocation().complain("no\x1b[2Jsuch")
    assert capsys.readouterr().err == "gaffer: nosuch\n"


async def test_json_cannot_steer_the_terminal_whatever_programs_are_called(kernel, ask):
    kernel.manager.load(JobConfig(name="web", cmd="caf\xe9\x9b2J", start=False))
    done = await ask("gafferctl", "get_process", "web", "--json")
    assert "caf\\u00e9\\u009b2J" in done.stdout
    assert json.loads(done.stdout)["cmd"] == "caf\xe9\x9b2J"


async def test_what_the_terminal_cannot_show_is_escaped(kernel, ask, environ):
    kernel.manager.load(JobConfig(name="web", cmd="./nosuch-\u2192"), "shop")
    environ["PYTHONIOENCODING"] = "latin-1"
    done = await ask("gaffer", "ps", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert "`./nosuch-\\u2192`" in done.stdout


async def test_options_may_stand_before_the_verb_and_after_it(kernel, ask, url):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False))
    before = await ask("gafferctl", "--connect", url, "--json", "status", "web")
    after = await ask("gafferctl", "status", "web", "--json", "--endpoint", url)
    assert json.loads(before.stdout)["stopped"]
    assert json.loads(after.stdout)["stopped"]


async def test_what_is_said_last_counts(kernel, ask, url):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False))
    done = await ask("gafferctl", "--connect", "unix:/nosuch", "status", "web", "--connect", url)
    assert done.stdout == "stopped\n"


async def test_a_name_that_gafferd_does_not_know_is_one_line(ask, kernel):
    done = await ask("gafferctl", "status", "nosuch")
    assert done.returncode == 1
    assert done.stderr.startswith("gafferctl: ")
    assert "nosuch" in done.stderr
    assert done.stderr.count("\n") == 1
