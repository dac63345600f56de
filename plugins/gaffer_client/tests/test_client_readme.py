"""Tests of the README: its programs run, its tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

import trio

import gaffer_client

README = (Path(__file__).parent.parent / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def run(program, url):
    program = program.replace("http://127.0.0.1:5000", url).replace("Server()", f"Server({url!r})")
    command = [sys.executable, "-W", "error", "-c", program]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


async def test_programs_of_readme_run(kernel, url):
    blocking, events, channel = PROGRAMS
    first, *processes = await run(blocking, url)
    assert re.fullmatch(r"4 \[1, 2(, \d)*\]", first)
    assert len(processes) >= 2
    printed = await run(events, url)
    assert re.fullmatch(r"\d+ proc\.web\.spawn 1", printed[-1])
    assert await run(channel, url) == [
        "Output(label='out', data=b'hello\\n', lost=0)",
        "{'numprocesses': 2}",
    ]


def test_table_lists_all_errors():
    table = README[README.index("## Errors") : README.index("## Events")]
    for name in gaffer_client.__all__:
        found = getattr(gaffer_client, name)
        if isinstance(found, type) and issubclass(found, Exception) and name != "ClientError":
            assert f"`{name}`" in table, name


def test_table_lists_all_methods():
    table = README[README.index("| `Server` |") : README.index("`session`, `job`")]
    for line, kind in zip(
        table.splitlines(),
        (
            gaffer_client.Server,
            gaffer_client.Session,
            gaffer_client.Job,
            gaffer_client.Process,
        ),
        strict=False,
    ):
        names = {name for name in vars(kind) if not name.startswith("_")} - {"url"}
        assert names == set(re.findall(r"`(\w+)(?:\([^`]*\))?`", line)) - {"name", "Server"}, kind


def test_import_loads_one_module_of_the_package():
    command = [sys.executable, "-X", "importtime", "-c", "import gaffer_client"]
    done = subprocess.run(command, capture_output=True, text=True)
    names = [line.rpartition("|")[2] for line in done.stderr.splitlines()]
    package = [name for name in names if name.strip().startswith("gaffer_client")]
    assert package == [" gaffer_client"]
