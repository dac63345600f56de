"""Completion in real shells, with a live gafferd."""

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from threading import Thread

import pytest
import trio
from gaffer_kernel import JobConfig

from .conftest import COMMANDS
from .terminal_program import TerminalProgram

SHELLS = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; "),
}
LINES = [
    ("gafferctl numpr", "gafferctl numprocesses "),
    ("gafferctl watch --hea", "gafferctl watch --heartbeat "),
    ("gafferctl status ni", "gafferctl status night.nap "),
    ("gafferctl watch spawn_", "gafferctl watch spawn_error "),
    ("gafferctl watch proc.night.nap.ex", "gafferctl watch proc.night.nap.exit "),
    ("gafferctl plugins close st", "gafferctl plugins close stats "),
    ("gafferctl sessions stop ni", "gafferctl sessions stop night "),
]


def needs(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")


@pytest.fixture
def nap(kernel):
    return kernel.manager.load(JobConfig(name="nap", cmd="sleep 1000", start=False), "night")


@pytest.fixture
def shell_environ(environ, url):
    path = f"{COMMANDS}:{environ['PATH']}"
    shown = {"PS1": "$ ", "TERM": "xterm", "INPUTRC": "/dev/null"}
    return {**environ, **shown, "PATH": path, "GAFFER_ENDPOINT": url}


@pytest.fixture
def interactive(shell_environ, tmp_path):
    """Start a shell with completion: `shell = await interactive("bash")`."""
    started = []

    async def start(name, **variables):
        needs(name)
        argv, before = SHELLS[name]
        environ = {**shell_environ, **variables}
        started.append(TerminalProgram(argv, env=environ, cwd=tmp_path, width=200))
        started[-1].type(f'{before}eval "$(gafferctl completion {name})"; echo rea""dy\r')
        await started[-1].until("ready\r\n")
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.mark.parametrize("name", SHELLS)
async def test_tab_completes_verbs_options_and_names(nap, interactive, name):
    shell = await interactive(name)
    for typed, completed in LINES:
        shell.type(f"{typed}\t")
        await shell.until(completed.removeprefix(typed))
        # Ctrl-U deletes the line.
        shell.type("\x15")
    shell.type("gafferctl status ni\t")
    await shell.until("ght.nap ")
    shell.type("\r")
    await shell.until("stopped\r\n")


async def test_fish_completes_verbs_options_and_names(nap, shell_environ, tmp_path):
    needs("fish")
    code = "gafferctl completion fish | source\n" + "".join(
        f"complete -C '{typed}'; " for typed, _ in LINES
    )
    argv = ["fish", "--no-config", "-c", code]
    settings = {"env": shell_environ, "cwd": tmp_path, "capture_output": True, "text": True}
    done = await trio.to_thread.run_sync(lambda: subprocess.run(argv, timeout=60, **settings))
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert words == [completed.split()[-1] for _, completed in LINES]
    assert done.stderr == ""


@pytest.fixture
def complete(command, environ):
    """Request a completion as bash does: `done = complete("gafferctl status ")`."""

    def ask(line, program="gafferctl"):
        words = line.split(" ")
        variable = f"_{program.upper()}_COMPLETE"
        asked = {variable: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return command(program, env={**environ, **asked})

    return ask


async def test_completion_uses_connect_on_the_command_line(nap, complete, url):
    def ask():
        return complete(f"gafferctl --connect {url} status ").stdout

    assert await trio.to_thread.run_sync(ask) == "plain,night.nap\n"


@pytest.mark.parametrize(
    "line",
    [
        "gafferctl status ",
        "gafferctl --connect ftp://x status ",
        "gafferctl --token-file nosuch status ",
        "gafferctl --keyfile nosuch status ",
    ],
)
def test_completion_without_gafferd_prints_nothing(complete, line):
    done = complete(line)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_completion_gives_up_on_an_endless_answer(complete, environ):
    with socket.create_server(("127.0.0.1", 0)) as server:
        environ["GAFFER_ENDPOINT"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        Thread(target=_send_forever, args=[server], daemon=True).start()
        # The rest of the answer never arrives.
        done = complete("gafferctl status ")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def _send_forever(server):
    with suppress(OSError), server.accept()[0] as connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)


# Types of the Procfile


@pytest.fixture
def types(procfile):
    procfile(web="serve", worker="work", my__type="sleep")


CHANGES = {f"plain,worker{operator}" for operator in "=+-"}


@pytest.mark.parametrize("before", ["", "web=3 ", "web = 3 ", ". "])
def test_scale_completes_the_types_of_the_procfile(types, complete, before):
    done = complete(f"gaffer scale {before}wo", "gaffer")
    assert set(done.stdout.splitlines()) == CHANGES
    assert len(complete(f"gaffer scale {before}", "gaffer").stdout.splitlines()) == 9


def test_completion_uses_procfile_options(types, complete, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Procfile").write_text("clock: tick\n")
    for options in ("-d other", "-f other/Procfile"):
        assert complete(f"gaffer {options} start ", "gaffer").stdout == "plain,clock\n"


@pytest.mark.parametrize("verb", ["start", "export"])
def test_verbs_with_types_complete_types(types, complete, verb):
    assert complete(f"gaffer {verb} w", "gaffer").stdout == "plain,web\nplain,worker\n"


async def test_scale_completes_jobs_of_a_named_application(nap, types, complete, environ, url):
    environ["GAFFER_ENDPOINT"] = url
    done = await trio.to_thread.run_sync(complete, "gaffer scale night n", "gaffer")
    assert set(done.stdout.splitlines()) == {f"plain,nap{operator}" for operator in "=+-"}


@pytest.mark.parametrize("text", [None, "nonsense", "\0"])
def test_completion_without_readable_procfile_prints_nothing(complete, tmp_path, text):
    if text is not None:
        (tmp_path / "Procfile").write_text(text)
    for verb in ("scale", "start"):
        done = complete(f"gaffer {verb} ", "gaffer")
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


async def test_completion_appends_no_space_to_a_type(types, interactive):
    shell = await interactive("bash")
    shell.type('eval "$(gaffer completion bash)"; echo do""ne\r')
    await shell.until("done\r\n")
    shell.type("gaffer scale wor\t")
    await shell.until("ker")
    shell.type("=3 we\t")
    await shell.until("=3 we")
    await shell.until("b")
