"""The unit file of docs/gafferd.md is one that systemd takes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "gafferd.md"
UNIT = re.compile(r"^```systemd\n(.*?)^```\n", re.M | re.S)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_unit_is_taken_by_systemd(tmp_path):
    [unit] = UNIT.findall(PAGE.read_text())
    assert "ExecStart=/opt/gaffer/bin/gafferd " in unit
    path = tmp_path / "gafferd.service"
    path.write_text(unit.replace("/opt/gaffer/bin", str(Path(sys.executable).parent)))
    argv = ["systemd-analyze", "verify", "--man=no", path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
