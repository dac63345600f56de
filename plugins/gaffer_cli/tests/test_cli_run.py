"""`gaffer run`: one command with the variables of the application."""

import signal
import subprocess
import sys

import pytest

from .conftest import COMMANDS


def test_run_sets_the_variables_of_the_application(command, tmp_path):
    (tmp_path / ".env").write_text("PORT=80\nA=file\n")
    assert command("gaffer", "run", "echo $PORT $A").stdout == "80 file\n"
    assert command("gaffer", "run", "-e", "A=option", "echo $PORT $A").stdout == "80 option\n"


TYPES = "web: echo web $PORT $PS\nworker: echo worker $A $PORT\nrelease: echo done\n"


def test_run_of_a_type_runs_its_command(command, environ, tmp_path):
    (tmp_path / "Procfile").write_text(TYPES)
    (tmp_path / ".env").write_text("A=file\nPORT=17000\n")
    assert command("gaffer", "run", "web").stdout == "web 17000 web.1\n"
    assert command("gaffer", "run", "worker").stdout == "worker file 17100\n"
    assert command("gaffer", "run", "-e", "A=option", "worker").stdout == "worker option 17100\n"
    assert command("gaffer", "run", "release").stdout == "done\n"
    # Several words are a command, and so is a word that is no type.
    assert command("gaffer", "run", "echo", "web").stdout == "web\n"
    assert command("gaffer", "run", "pwd").stdout == f"{tmp_path}\n"
    done = command("gaffer", "run", "-c", "2", "release")
    assert sorted(line.split()[1:] for line in done.stdout.splitlines() if "done" in line) == [
        ["release.1", "|", "done"],
        ["release.2", "|", "done"],
    ]


def test_run_of_a_command_warns_of_an_invalid_procfile(command, tmp_path):
    (tmp_path / "Procfile").write_text("what is this\n")
    done = command("gaffer", "run", "pwd")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\n")
    assert done.stderr.startswith("gaffer: warning: Procfile:1: ")


def test_no_env_ignores_the_env_file(command, tmp_path):
    (tmp_path / "Procfile").write_text(TYPES)
    (tmp_path / ".env").write_text("A=file\nPORT=17000\n")
    assert command("gaffer", "run", "--no-env", "echo A=$A").stdout == "A=\n"
    done = command("gaffer", "--no-env", "run", "-e", "A=option", "echo A=$A")
    assert done.stdout == "A=option\n"
    assert "17000" not in command("gaffer", "run", "--no-env", "web").stdout
    done = command("gaffer", "start", "--no-env", "-e", "PORT=18000", "worker")
    assert "worker 18100" in done.stdout


def test_procfile_variable_names_the_procfile(command, environ, tmp_path):
    (tmp_path / "Procfile").write_text("web: echo default\n")
    (tmp_path / "Procfile.dev").write_text("web: echo dev $PROCFILE\n")
    (tmp_path / "Procfile.test").write_text("web: echo test\n")
    (tmp_path / ".env").write_text("PROCFILE=Procfile.dev\n")
    assert command("gaffer", "run", "web").stdout == "dev Procfile.dev\n"
    assert "dev Procfile.dev" in command("gaffer", "start").stdout
    assert command("gaffer", "run", "--no-env", "web").stdout == "default\n"
    environ["PROCFILE"] = "Procfile.test"
    assert command("gaffer", "run", "web").stdout == "test\n"
    assert command("gaffer", "run", "-f", "Procfile", "web").stdout == "default\n"
    environ["PROCFILE"] = "absent"
    done = command("gaffer", "start")
    assert done.returncode == 1
    assert done.stderr.startswith("gaffer: absent: no such Procfile; ")


def test_run_default_port_is_5000(command, environ):
    assert command("gaffer", "run", "echo $PORT").stdout == "5000\n"
    environ["PORT"] = "3000"
    assert command("gaffer", "run", "echo $PORT").stdout == "3000\n"


def test_run_quotes_several_words(command):
    done = command("gaffer", "run", "printf", "%s|", "$PORT", "a b", "c;d", "-c", "--help")
    assert done.stdout == "$PORT|a b|c;d|-c|--help|"


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("A=1 sh -c 'echo $A'", "1\n"),
        ("echo one; echo two", "one\ntwo\n"),
        ("if true; then echo yes; fi", "yes\n"),
        ("{ echo braces; }", "braces\n"),
        ("printf 'a;b%s' `echo x`$((1+1))", "a;bx2"),
        ("sh -c 'echo $0' name # comment", "name\n"),
        ("cd / && pwd", "/\n"),
        ("sh -c 'echo one\necho two'", "one\ntwo\n"),
    ],
)
def test_run_passes_one_word_to_the_shell(command, line, printed):
    done = command("gaffer", "run", line)
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["exit 7"], 7),
        (["sh", "-c", "exit 9"], 9),
        (["nosuch-program"], 127),
        (["echo 'a"], 2),
        (["! true"], 1),
    ],
)
def test_run_exits_with_the_status_of_the_command(command, words, status):
    assert command("gaffer", "run", *words).returncode == status


def test_run_dies_by_the_signal_of_the_command(command):
    assert command("gaffer", "run", "kill -9 $$").returncode == -signal.SIGKILL


def test_run_passes_standard_input(command):
    assert command("gaffer", "run", "tr", "a-z", "A-Z", input="hello").stdout == "HELLO"


def test_run_replaces_itself_with_the_command(environ, tmp_path):
    code = "import os; print(os.getpid(), flush=True); import time; time.sleep(60)"
    process = subprocess.Popen(
        [COMMANDS / "gaffer", "run", f"{sys.executable} -c '{code}'"],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM


def test_run_restores_sigpipe(environ, tmp_path):
    line = f"{COMMANDS}/gaffer run yes | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=environ, cwd=tmp_path, capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"y\n", b"")


def test_run_changes_to_the_folder_of_the_application(command, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / ".env").write_text("A=there\n")
    for arguments in (["-d", "app"], ["-f", "app/Procfile"]):
        done = command("gaffer", "run", *arguments, "pwd; echo $A")
        assert done.stdout == f"{tmp_path}/app\nthere\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "gaffer run: missing argument 'CMD...'; see gaffer run --help"),
        (["-d", "nosuch", "true"], 1, "gaffer: "),
        (["-e", "nosuch", "true"], 1, "gaffer: nosuch: cannot be read"),
        (["-c", "0", "true"], 2, "gaffer: -c: run at least one copy"),
        (["-c", "x", "true"], 2, "gaffer: concurrency: must be settings like web=2"),
    ],
)
def test_run_error_is_one_line(command, arguments, status, message):
    done = command("gaffer", "run", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


# Copies


def test_copies_get_their_own_names_and_ports(begin):
    shown = begin("run", "-c", "2", "echo $PORT; test -t 0; exit 0")
    assert shown.end() == 0
    assert [shown.texts(f"run.{number}")[1] for number in (1, 2)] == ["5000", "5001"]


def test_copies_can_be_given_names(begin):
    shown = begin("run", "-c", "web=2,job=1", "echo $PORT")
    assert shown.end() == 0
    ports = [shown.texts(name)[1] for name in ("web.1", "web.2", "job.1")]
    assert ports == ["5000", "5001", "5100"]


def test_copies_run_once_and_the_first_failure_is_the_status(begin, tmp_path):
    shown = begin("run", "-c", "3", "echo run >>runs; mkdir first 2>/dev/null || exit 6")
    assert shown.end() == 6
    assert (tmp_path / "runs").read_text() == "run\n" * 3


def test_ctrl_c_stops_all_copies(begin):
    shown = begin("run", "-c", "2", "echo ready; while :; do sleep 0.05; done")
    shown.wait_for(r".* run\.1  \| ready")
    shown.wait_for(r".* run\.2  \| ready")
    shown.signal(signal.SIGINT)
    assert shown.end() == 0
    shown.wait_all_gone()
