"""Tests of the README: its commands, configuration and program run."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trustme
from gaffer_kernel import Config

from gaffer_auth.settings import KEYS, read_settings

README = (Path(__file__).parent.parent / "README.md").read_text()
BIN = Path(sys.executable).parent
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
LISTENING = re.compile(r"https://0\.0\.0\.0:(\d+)")
AUDIT = re.compile(r"token me: POST /jobs/web/nap/state: 202")
DEADLINE = 30


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def check(home, session, change=lambda line: line):
    """Run the commands of a console session, and compare their output."""
    environ = {**home.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for line, expected in COMMAND.findall(session):
        done = subprocess.run(
            ["/bin/sh", "-c", change(line)],
            cwd=home.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
        )
        pattern = re.escape(MOMENT.sub("NOW", expected).strip()).replace(r"\.\.\.", ".*")
        printed = MOMENT.sub("NOW", done.stdout).strip()
        assert re.fullmatch(pattern, printed), f"{line}\n{printed}"


def wait_for(pattern, file, process):
    """Wait for a match in a growing file, and return it."""
    deadline = time.monotonic() + DEADLINE
    while not (found := pattern.search(file.read_text())):
        assert process.poll() is None, file.read_text()
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.01)
    return found


def test_token_commands_of_readme(home):
    check(home, blocks("console")[0])


@pytest.fixture
def pems(home):
    """The certificates that the README assumes."""
    ca, clients = trustme.CA(), trustme.CA()
    server = ca.issue_cert("gaffer.example.org")
    ca.cert_pem.write_to_path(home.folder / "ca.pem")
    clients.cert_pem.write_to_path(home.folder / "clients.pem")
    server.private_key_pem.write_to_path(home.folder / "key.pem")
    for number, part in enumerate(server.cert_chain_pems):
        part.write_to_path(home.folder / "cert.pem", append=number > 0)
    ops = clients.issue_cert("ops@example.org")
    ops.private_key_and_cert_chain_pem.write_to_path(home.folder / "ops.pem")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_network_configuration_of_readme(home, pems):
    [ini] = blocks("ini")
    for there, here in [
        ("/etc/gaffer", home.folder),
        ("/var/log", home.folder),
        (":5000", ":0"),
        (":5443", ":0"),
    ]:
        assert there in ini
        ini = ini.replace(there, str(here))
    (home.folder / "gaffer.ini").write_text(ini)
    log = home.folder / "log"
    command = [BIN / "gafferd", "-c", "gaffer.ini", "--log-level", "info", "--error-log", log]
    with subprocess.Popen(command, cwd=home.folder, env=home.environ) as process:
        try:
            log.touch()
            port = wait_for(LISTENING, log, process)[1]

            def change(line):
                way = f"curl -sS --resolve gaffer.example.org:{port}:127.0.0.1"
                return line.replace("curl", way).replace(":5443", f":{port}")

            _, network, certificates = blocks("console")
            check(home, network, change)
            check(home, certificates, change)
            wait_for(AUDIT, home.folder / "gaffer-audit.log", process)
        finally:
            process.terminate()
        assert process.wait(DEADLINE) == 0
    assert "no tokens or certificates yet: gaffer-auth token NAME" in log.read_text()
    assert (home.folder / "me.header").stat().st_mode & 0o777 == 0o600


def test_table_lists_all_keys(home):
    assert tuple(re.findall(r"^\| `(file|audit)` \|", README, re.MULTILINE)) == KEYS
    [ini] = blocks("ini")
    assert str(read_settings(Config.from_string(ini)).audit) == "/var/log/gaffer-audit.log"


def test_program_of_readme_runs(home, capfd, monkeypatch):
    monkeypatch.chdir(home.folder)
    exec(blocks("python")[0], {"__name__": "readme"})
    assert capfd.readouterr().out.startswith("('http://127.0.0.1:")
