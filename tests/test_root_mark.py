"""The tests that need root: ordinary users skip them, and see how to run them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
AS_ORDINARY_USER = """
import os, sys, pytest
os.geteuid = lambda: 1000
sys.exit(pytest.main(["-rs", "-p", "no:cacheprovider"]))
"""
TESTS = """
import pytest

@pytest.mark.root
@pytest.mark.parametrize("number", range(3))
def test_one(number):
    assert False

@pytest.mark.root
async def test_other():
    assert False

def test_ordinary():
    pass
"""


def test_ordinary_user_skips_root_tests_with_one_line(tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = root\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-c", AS_ORDINARY_USER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    [line] = re.findall("^SKIPPED.*$", done.stdout, re.MULTILINE)
    assert re.fullmatch(
        r'SKIPPED \[4\] conftest\.py:\d+: needs root: sudo make test ARGS="-m root"', line
    )
    assert "1 passed, 4 skipped" in done.stdout
    assert done.returncode == 0
