"""Test the examples of README and docs: Python code, console sessions, configurations and links.

A block of Python is, by its content, a program (it calls `trio.run`), a module of tests, a plugin
(its first line names its file), or a part: all parts of a page run one after the other in a block
of `open_kernel`. The block below "prints" is the expected output. A console session is executed if
`<!-- run -->` is above it; `...` in its output matches any text.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from gaffer_testing import Conformance
from gaffer_testing.waiting import wait_until

from gaffer_kernel.config import Config

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / "docs" / f"{name}.md" for name in ("overview", "embedding", "http-api", "migration")),
]
TESTED = [*PAGES, ROOT / "plugins" / "gaffer_testing" / "README.md"]
ALL_PAGES = sorted(
    path for glob in ("*.md", "docs/*.md", "plugins/*/*.md") for path in ROOT.glob(glob)
)
DEADLINE = 60.0
"""Seconds for one program of a page, on a very busy machine."""

PYTHON = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\nprints\n\n```text\n(?P<prints>.*?)^```\n)?", re.M | re.S
)
SESSION = re.compile(r"^<!-- run -->\n```console\n(.*?)^```\n", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
INI = re.compile(r"^```ini\n(.*?)^```\n", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
PLUGIN = re.compile(r"# ~/\.gaffer/plugins/(\w+)/__init__\.py\n")

SUITE = "(Conformance)"
"""Marks a class that inherits the tests of gaffer-testing."""

PROGRAM = """
import trio
from gaffer_kernel import *

async def main():
    async with open_kernel() as kernel:
{}
trio.run(main)
"""


class Block(NamedTuple):
    """A block of Python, and its expected output; None if the page shows none."""

    page: str
    number: int
    code: str
    prints: str | None

    @property
    def kind(self):
        if PLUGIN.match(self.code):
            return "plugin"
        if "def test_" in self.code or SUITE in self.code:
            return "tests"
        return "program" if "trio.run" in self.code else "part"

    def __str__(self):
        return f"{self.page}-{self.number}"


def read_blocks(path):
    found = PYTHON.finditer(path.read_text())
    return [Block(path.stem, n, m["code"], m["prints"]) for n, m in enumerate(found, 1)]


def get_blocks(kind, pages=PAGES):
    return [block for path in pages for block in read_blocks(path) if block.kind == kind]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, **options)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("block", get_blocks("program", PAGES[1:]), ids=str)
def test_program_prints_the_shown_output(block, tmp_path):
    printed = run(sys.executable, "-W", "error", "-c", block.code, cwd=tmp_path)

    assert block.prints in (None, printed)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_parts_of_a_page_print_the_shown_output(path, tmp_path):
    parts = [block for block in read_blocks(path) if block.kind == "part"]
    program = PROGRAM.format("".join(textwrap.indent(f"{part.code}\n", " " * 8) for part in parts))
    if not parts:
        return

    printed = run(sys.executable, "-W", "error", "-c", program, cwd=tmp_path)

    for part in parts:
        expected = part.prints if part.prints is not None else ""
        assert printed.startswith(expected), part
        printed = printed.removeprefix(expected)
    assert not printed


@pytest.mark.parametrize("block", get_blocks("tests", TESTED), ids=str)
def test_tests_of_a_page_pass(block, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    (tmp_path / "test_page.py").write_text(block.code)
    number = len(re.findall(r"def test_\w+", block.code))
    number += block.code.count(SUITE) * sum(name.startswith("test_") for name in vars(Conformance))

    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    summary = run(*command, cwd=tmp_path, env=environ)

    assert f"{number} passed" in summary


def test_embedding_example_has_ten_lines_and_needs_no_http(tmp_path):
    [block] = get_blocks("program", [README])
    absent = "import sys; sys.modules.update(gaffer_http=None, quart=None, hypercorn=None)"

    printed = run(sys.executable, "-W", "error", "-c", f"{absent}\n{block.code}", cwd=tmp_path)

    assert printed.startswith("nap spawn 1\nnap spawn 2\n")
    assert len([line for line in block.code.splitlines() if line]) <= 10


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_shown_configuration_is_accepted(path):
    for text in INI.findall(path.read_text()):
        config = Config.from_string(text)
        config.check_owned()
        assert config.jobs()


# gafferd


@pytest.fixture
def gafferd(tmp_path):
    """A function that starts gafferd with an empty HOME; it is stopped after the test."""
    started = []
    executable = Path(sys.executable).with_name("gafferd")
    environ = {**os.environ, "HOME": str(tmp_path)}

    def start(*arguments, cwd=tmp_path, **options):
        command = (executable, *arguments)
        process = subprocess.Popen(command, cwd=cwd, env=environ, text=True, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        assert process.wait(DEADLINE) == 0


@pytest.fixture
def shell(tmp_path):
    """A function that runs one line in a shell, with curl redirected to the socket of gafferd."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "curl"
    wrapper.write_text(f'#!/bin/sh\nexec {curl} -s --unix-socket {tmp_path}/api "$@"\n')
    wrapper.chmod(0o755)
    environ = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return lambda line: run("/bin/sh", "-c", line, cwd=tmp_path, env=environ)


def is_listening(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_session_prints_the_shown_answers(path, gafferd, shell, tmp_path):
    sessions = SESSION.findall(path.read_text())
    if not sessions:
        return
    process = gafferd("-c", "gaffer.ini", "--bind", f"unix:{tmp_path}/api", cwd=ROOT / "examples")
    wait_until(lambda: is_listening(tmp_path / "api"), process)
    wait_until(lambda: shell("curl 127.0.0.1:5000/pids") == '{"pids":[1,2]}', process)
    for line, expected in (each for text in sessions for each in COMMAND.findall(text)):
        pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*")
        answer = shell(line).strip()
        assert re.fullmatch(pattern, answer, re.S), f"{line}\n{answer}"


def test_plugin_of_readme_sets_ports_and_reports_errors(gafferd, tmp_path):
    [block] = get_blocks("plugin")
    name = PLUGIN.match(block.code)[1]
    folder = tmp_path / ".gaffer" / "plugins" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(block.code)
    (tmp_path / "gaffer.ini").write_text(
        "[process:web]\ncmd = echo $PORT > $PORT; sleep 60\nshell = true\nnumprocesses = 2\n"
        "[process:oops]\ncmd = ./no-such-program\n"
    )

    with (tmp_path / "out").open("w+") as out:
        process = gafferd("-c", "gaffer.ini", "--disable", "http", stdout=out)
        wait_until(lambda: {"8001", "8002"} <= set(os.listdir(tmp_path)), process)
        wait_until(lambda: (tmp_path / "out").read_text(), process)

    reported = (tmp_path / "out").read_text().splitlines()[0]
    assert reported.startswith("oops: no such program")
    lines = [line for line in block.code.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 8


# Links and paths


def anchors(path):
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("path", ALL_PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_page_exist(path):
    for target, anchor in LINK.findall(path.read_text()):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def test_readme_names_all_folders_and_pages():
    readme = README.read_text()
    makefile = (ROOT / "Makefile").read_text()

    for folder in re.findall(r"`([\w./-]+/)`", readme):
        assert (ROOT / folder).is_dir(), folder
    for verb in re.findall(r"\bmake ([a-z]+)\b", readme):
        assert re.search(rf"^{verb}:", makefile, re.M) or f"and {verb}" in readme, verb
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme
    for plugin in ROOT.glob("plugins/*/pyproject.toml"):
        assert f"`plugins/{plugin.parent.name}/`" in readme


def test_contributing_names_existing_modules():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:gaffer_kernel|plugins)/[a-z_./]+)`", page)

    assert len(paths) > 20
    for path in paths:
        assert (ROOT / path).exists(), path
