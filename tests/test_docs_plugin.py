"""Test docs/writing-a-plugin.md: write all its files, run all its commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "writing-a-plugin.md").read_text()
DEADLINE = 100.0
"""Seconds for one command, on a very busy machine."""

BLOCK = re.compile(r"(<!-- run -->\n)?^```(\w+)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"(?:#|;|<!--) ([\w.-]+(?:/[\w.-]+)*\.\w+)(?: -->)?\n")
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)


@pytest.fixture
def environ(tmp_path):
    """The environment variables of a venv with gaffer and its tools."""
    venv = tmp_path / "venv"
    command = [find_uv_bin(), "venv", "-q", "--python", sys.executable, venv]
    subprocess.run(command, check=True, timeout=DEADLINE)
    command = [find_uv_bin(), "build", "-q", "--wheel", "-b", ROOT / "constraints.txt"]
    command += ["--out-dir", tmp_path / "published", ROOT]
    subprocess.run(command, check=True, timeout=DEADLINE)
    [packages] = venv.glob("lib/python*/site-packages")
    ours = Path(pytest.__file__).parent.parent
    (packages / "gaffer.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n")
    for name, module in (("gafferd", "gafferd:main"), ("pytest", "pytest:main")):
        write_script(venv / "bin" / name, venv / "bin" / "python", module)
    (venv / "bin" / "uv").symlink_to(find_uv_bin())
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "GAFFER"))
    }
    return {
        **inherited,
        "HOME": str(tmp_path),
        "COLUMNS": "200",
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "UV_BUILD_CONSTRAINT": str(ROOT / "constraints.txt"),
        "UV_CONSTRAINT": str(ROOT / "constraints.txt"),
        "UV_FIND_LINKS": str(tmp_path / "published"),
        "VIRTUAL_ENV": str(venv),
    }


def write_script(path, python, entry):
    module, _, function = entry.partition(":")
    path.write_text(
        f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    path.chmod(0o755)


def test_commands_of_the_page_print_the_shown_output(tmp_path, environ):
    folder = tmp_path / "empty"
    folder.mkdir()
    for path in (tmp_path, folder):
        path.chmod(0o755)
    for run, _, text in BLOCK.findall(PAGE):
        if run:
            for line, expected in COMMAND.findall(text):
                check(line, expected, folder, environ)
        elif name := FILE.match(text):
            write(folder / name[1], text.removeprefix(name[0]) if name[1][-2:] == "md" else text)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def check(line, expected, folder, environ):
    done = subprocess.run(
        ["/bin/sh", "-c", f"umask 022; {line}"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    output = " ".join(done.stdout.split())
    pattern = re.escape(" ".join(expected.split())).replace(r"\.\.\.", ".*")
    assert re.fullmatch(pattern, output), f"{line}\n{done.stdout}"


def test_every_block_is_a_file_or_is_run():
    for run, kind, text in BLOCK.findall(PAGE):
        assert run if kind == "console" else FILE.match(text), text
