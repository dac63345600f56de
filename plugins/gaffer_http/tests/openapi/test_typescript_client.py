"""A client that openapi-typescript makes from `/openapi.json` compiles and can call the API."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import trio

CALLS = Path(__file__).with_name("calls.ts")

PACKAGES = {"openapi-typescript": "7.4.4", "openapi-fetch": "0.13.4", "typescript": "5.6.3"}

INSTALL_TIMEOUT = 60
"""Seconds for npm, which takes its packages from its cache if they are there."""

COMPILE = [
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2022,dom",
    "--skipLibCheck",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the packages, or a skipped test where npm cannot install them."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("typescript")
    package = {"private": True, "type": "module", "dependencies": PACKAGES}
    (folder / "package.json").write_text(json.dumps(package))
    options = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    options += ["--fetch-retries=0", "--loglevel=error"]
    try:
        subprocess.run(
            ["npm", "install", *options],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=INSTALL_TIMEOUT,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("npm cannot install openapi-typescript, perhaps without a network")
    shutil.copy(CALLS, folder)
    return folder


async def run(project, *command):
    """Run a command of the project; its output is the reason if it fails."""
    done = await trio.run_process(
        command, cwd=project, capture_stdout=True, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


async def test_generated_typescript_client_calls_the_api(running_api, project):
    programs = project / "node_modules" / ".bin"
    async with running_api() as api:
        (project / "openapi.json").write_bytes((await api.ask("GET", "/openapi.json")).body)
        generate = [programs / "openapi-typescript", "openapi.json", "-o", "api.d.ts"]
        await run(project, *generate, "--default-non-nullable", "false")
        await run(project, programs / "tsc", *COMPILE, "calls.ts")
        await run(project, "node", "calls.js", api.urls[0])
