"""Environment files with real processes and the command gafferd."""

import pwd
import re
from pathlib import Path

import pytest
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_testing.gafferd import Home

from gaffer_env.plugin import plugin as env_plugin

README = (Path(__file__).parent.parent / "README.md").read_text()


async def read_until(job, end):
    """Return what the process of a job writes, up to some bytes."""
    await job.settled()
    [process] = job.processes
    data = b""
    async with process.subscribe(tail=True) as output:
        while end not in data:
            data += (await output.__anext__()).data
    return data


async def test_example_of_the_readme(tmp_path):
    [ini] = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    [text] = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    [expected] = re.findall(r"the process writes `(.*)`", README)
    (tmp_path / "gaffer.ini").write_text(ini)
    (tmp_path / "web.env").write_text(text)
    config = Config.read(tmp_path / "gaffer.ini")
    async with open_kernel(config, plugins=[env_plugin]) as kernel:
        job = kernel.manager.get("web")
        assert (await read_until(job, b"\n")).decode() == f"{expected}\n"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, "env")


def test_check_knows_the_variables_of_files(home):
    home.write("gaffer.ini", "[process:web]\ncmd = echo $A\nenv_file = a.env\n")
    home.write("a.env", "A=1\n")
    done = home.run("--check", "gaffer.ini")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_warns_of_a_missing_file(home):
    home.write("gaffer.ini", "[process:web]\ncmd = true\nenv_file = a.env\n")
    done = home.run("--check", "gaffer.ini")
    assert done.returncode == 0
    assert done.stderr == (
        f"gafferd: warning: gaffer.ini:1: [process:web] cannot start: env_file {home / 'a.env'}:"
        f" no such file: create it, or write ?{home / 'a.env'}\n"
    )


def test_wrong_key_is_an_error_of_check(home):
    home.write("gaffer.ini", "[process:web]\ncmd = true\nuser_env = maybe\n")
    done = home.run("--check", "gaffer.ini")
    assert done.returncode == 1
    assert "gaffer.ini:3: [process:web] user_env: must be true or false, not 'maybe'" in done.stderr


@pytest.mark.root
@pytest.mark.parametrize(
    ("options", "os_env", "home"),
    [
        ({}, None, pwd.getpwnam("nobody").pw_dir),
        ({"user_env": False}, None, None),
        ({"user_env": False}, True, "/of-gafferd"),
    ],
)
async def test_user_env_false_leaves_out_the_variables_of_the_user(
    monkeypatch, options, os_env, home
):
    monkeypatch.setenv("HOME", "/of-gafferd")
    command = "env; echo END; exec sleep 600"
    fields = {"shell": True, "uid": "nobody", "cwd": "/", "os_env": os_env}
    config = JobConfig(name="web", cmd=command, options=options, **fields)
    async with open_kernel(plugins=[env_plugin]) as kernel:
        job = kernel.manager.load(config)
        lines = (await read_until(job, b"END\n")).decode().splitlines()
    found = [line.partition("=")[2] for line in lines if line.startswith("HOME=")]
    assert found == ([] if home is None else [home])
