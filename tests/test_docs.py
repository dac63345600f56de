"""What the pages show is true: their Python runs, their sessions answer so, their links lead on.

A block of Python is, by its content, a program (it calls `trio.run`), a module of tests, a plugin
(its first line names its file), or a part: all parts of a page run one after the other in a block
of `open_kernel`. What stands under "prints" is what it prints. A console session is run when
`<!-- run -->` stands above it; `...` in an answer stands for anything.
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

from gaffer_kernel.config import Config
from tests.waiting import wait_until

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
"""Seconds for one program of a page on a very busy machine."""

PYTHON = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\nprints\n\n```text\n(?P<prints>.*?)^```\n)?", re.M | re.S
)
SESSION = re.compile(r"^<!-- run -->\n```console\n(.*?)^```\n", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
INI = re.compile(r"^```ini\n(.*?)^```\n", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
PLUGIN = re.compile(r"# ~/\.gaffer/plugins/(\w+)/__init__\.py\n")

SUITE = "(Conformance)"
"""A class that has the tests of gaffer-testing."""

STORY = """
import trio
from gaffer_kernel import *

async def main():
    async with open_kernel() as kernel:
{}
trio.run(main)
"""


class Block(NamedTuple):
    """A block of Python, and what it prints; None when the page does not say."""

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


def blocks(path):
    found = PYTHON.finditer(path.read_text())
    return [Block(path.stem, n, m["code"], m["prints"]) for n, m in enumerate(found, 1)]


def of_kind(kind, pages=PAGES):
    return [block for path in pages for block in blocks(path) if block.kind == kind]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, **options)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("block", of_kind("program", PAGES[1:]), ids=str)
def test_a_program_runs_and_prints_what_the_page_says(block, tmp_path):
    printed = run(sys.executable, "-W", "error", "-c", block.code, cwd=tmp_path)

    assert block.prints in (None, printed)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_parts_of_a_page_run_one_after_the_other(path, tmp_path):
    parts = [block for block in blocks(path) if block.kind == "part"]
    program = STORY.format("".join(textwrap.indent(f"{part.code}\n", " " * 8) for part in parts))
    if not parts:
        return

    printed = run(sys.executable, "-W", "error", "-c", program, cwd=tmp_path)

    for part in parts:
        expected = part.prints if part.prints is not None else ""
        assert printed.startswith(expected), part
        printed = printed.removeprefix(expected)
    assert not printed


@pytest.mark.parametrize("block", of_kind("tests", TESTED), ids=str)
def test_tests_of_a_page_pass(block, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    (tmp_path / "test_page.py").write_text(block.code)
    number = len(re.findall(r"def test_\w+", block.code))
    number += block.code.count(SUITE) * sum(name.startswith("test_") for name in vars(Conformance))

    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    summary = run(*command, cwd=tmp_path, env=environ)

    assert f"{number} passed" in summary


def test_the_kernel_is_embedded_in_ten_lines_and_without_http(tmp_path):
    [block] = of_kind("program", [README])
    absent = "import sys; sys.modules.update(gaffer_http=None, quart=None, hypercorn=None)"

    printed = run(sys.executable, "-W", "error", "-c", f"{absent}\n{block.code}", cwd=tmp_path)

    assert printed.startswith("nap spawn 1\nnap spawn 2\n")
    assert len([line for line in block.code.splitlines() if line]) <= 10


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_configuration_shown_is_accepted(path):
    for text in INI.findall(path.read_text()):
        config = Config.from_string(text)
        config.check_owned()
        assert config.jobs()


# gafferd


@pytest.fixture
def gafferd(tmp_path):
    """A function that starts gafferd with nobody's plugins but ours; ended after the test."""
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
    """A function that runs one line as a person would, with curl led to a socket of ours."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "curl"
    wrapper.write_text(f'#!/bin/sh\nexec {curl} -s --unix-socket {tmp_path}/api "$@"\n')
    wrapper.chmod(0o755)
    environ = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return lambda line: run("/bin/sh", "-c", line, cwd=tmp_path, env=environ)


def answers(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_session_gets_the_answers_the_page_shows(path, gafferd, shell, tmp_path):
    sessions = SESSION.findall(path.read_text())
    if not sessions:
        return
    process = gafferd("-c", "gaffer.ini", "--bind", f"unix:{tmp_path}/api", cwd=ROOT / "examples")
    wait_until(lambda: answers(tmp_path / "api"), process)
    wait_until(lambda: shell("curl 127.0.0.1:5000/pids") == '{"pids":[1,2]}', process)
    for line, expected in (each for text in sessions for each in COMMAND.findall(text)):
        pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*")
        answer = shell(line).strip()
        assert re.fullmatch(pattern, answer, re.S), f"{line}\n{answer}"


def test_the_plugin_of_the_readme_does_what_it_says(gafferd, tmp_path):
    [block] = of_kind("plugin")
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

    complaint = (tmp_path / "out").read_text().splitlines()[0]
    assert complaint.startswith("oops: no such program")
    lines = [line for line in block.code.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 8


# Pages among each other


def anchors(path):
    """The names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("path", ALL_PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    for target, anchor in LINK.findall(path.read_text()):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def test_the_readme_names_what_is_there():
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
