"""The examples of docs/cluster.md and of the README."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gaffer_kernel import Config
from gaffer_testing.gafferd import Home
from gaffer_testing.ports import find_free_ports

from gaffer_lookup.lookupd.options import make_parser
from gaffer_lookup.node.settings import KEYS, OPTIONS

HERE = Path(__file__).parent
DEADLINE = 60.0
"""Seconds for a few commands, which all start Python, on a busy machine."""

README = (HERE.parent / "README.md").read_text()
CLUSTER = (HERE.parents[2] / "docs" / "cluster.md").read_text()
[NETWORK] = re.findall(r"## Over the network.*?(?=\n## )", CLUSTER, re.DOTALL)
[SECTION] = re.findall(r"## Three.*?(?=\n## )", CLUSTER, re.DOTALL)
SESSION = "".join(re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL))
COMMAND = re.compile(r"^\$ ((?:.*\n)(?:> .*\n)*)((?:(?!\$ ).*\n)*)", re.M)


def matches(shown, text):
    pattern = ".*".join(re.escape(each) for each in shown.strip().split("..."))
    return re.fullmatch(pattern, text.strip(), re.DOTALL) is not None


@pytest.fixture
def shell(tmp_path):
    """A shell in its own folder, where gafferd loads only the plugins that it needs."""
    home = Home(tmp_path, "http", "lookup", "auth")
    (tmp_path / "bin").mkdir()
    gafferd = Path(sys.executable).with_name("gafferd")
    others = " ".join(home.command())
    wrapper = tmp_path / "bin" / "gafferd"
    wrapper.write_text(f'#!/bin/sh\nexec {gafferd} {others} "$@"\n')
    wrapper.chmod(0o755)
    path = f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(command):
        with open(tmp_path / "noise", "a") as noise:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=home.environ(PATH=path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE
                if command.startswith(("curl ", "gaffer ", "gafferctl "))
                else noise,
                stderr=noise,
                text=True,
                timeout=DEADLINE,
            )
        return done.stdout

    def wait_for(command, shown):
        deadline = time.monotonic() + DEADLINE
        while not matches(shown, answer := run(command)):
            noise = (tmp_path / "noise").read_text()
            assert time.monotonic() < deadline, f"{command}: {answer}\n{noise}"

    run.wait_for = wait_for
    yield run
    home.clean_up()


def test_cluster_walkthrough_works_as_shown(shell):
    session = SESSION
    # All three ports at once: the loop has their last digit in a variable.
    base = find_free_ports(10)
    for number, port in enumerate(("5010", "5011")):
        session = session.replace(f":{port}", f":{base + 8 + number}")
    session = session.replace("500$n", f"{base // 10}$n").replace(":500", f":{base // 10}")
    for command, shown in COMMAND.findall(session):
        if shown:
            shell.wait_for(continued(command), shown)
        else:
            shell(continued(command))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
@pytest.mark.parametrize("way", ["certificates", "tokens"])
def test_network_setup_works_as_shown(shell, tmp_path, way):
    base = find_free_ports(10)
    text = re.sub(r"(lookup|node1|\$name)\.example\.org", "localhost", NETWORK)
    text = text.replace(":5010", f":{base}").replace("0.0.0.0:", "127.0.0.1:")
    text = text.replace(":5443", f":{base + 1}")
    text = text.replace("/etc/gaffer/", "").replace("[lookup]", "[lookup]\nname = node1")
    text = text.replace("gaffer_lookupd ", f"gaffer_lookupd --bind 127.0.0.1:{base} ")
    [create] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    [ini] = re.findall(r"```ini\n(.*?)```", text, re.DOTALL)
    consoles = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    register, use, queries = consoles[:3]
    if way == "tokens":
        start = register.splitlines()[-1]
        register, use, queries = consoles[3:]
        register += start + "\n"
        own = "certfile = node1.pem\nkeyfile = node1.key\ncacert"
        assert own in ini
        ini = ini.replace(own, "token_file = node1.token\ncacert")
    shell(create)
    # As strict as Python 3.13.
    strict = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "lookup.pem", "node1.pem"]
    subprocess.run(strict, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    for session in (register, use):
        shell("\n".join(command for command, _ in COMMAND.findall(session)))
    (tmp_path / "node1.ini").write_text(ini.replace("python3 -m http.server 8000", "sleep 1000"))
    shell("gafferd -c node1.ini --daemon")
    for command, shown in COMMAND.findall(queries):
        shell.wait_for(command, shown)


def continued(command):
    return command.replace("\n> ", "\n")


def test_readme_has_every_option_of_lookupd():
    for action in make_parser()._actions:
        for option in action.option_strings:
            assert f"`{option}" in README, option


def test_readme_has_every_key_and_option_of_the_plugin():
    for key in KEYS:
        assert f"`{key}`" in README, key
    for name in OPTIONS.values():
        assert f"`--{name.replace('_', '-')}`" in README, name


@pytest.mark.parametrize("text", re.findall(r"```ini\n(.*?)```", README + CLUSTER, re.DOTALL))
def test_shown_configuration_is_valid(text):
    config = Config.from_string(text)
    config.check_owned(("lookup", "endpoint:", "gaffer.http_hosts"))
    assert {key for key, _ in config.section("lookup").items()} <= set(KEYS)
    assert config.jobs()
