"""Test that systemd accepts the unit files in the docs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
UNIT = re.compile(r"^```systemd\n(.*?)^```\n", re.M | re.S)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(
    ("page", "program"), [("gafferd.md", "gafferd"), ("cluster.md", "gaffer_lookupd")]
)
def test_systemd_accepts_the_unit(tmp_path, page, program):
    [unit] = UNIT.findall((DOCS / page).read_text())
    assert f"ExecStart=/opt/gaffer/bin/{program} " in unit
    path = tmp_path / f"{program}.service"
    path.write_text(unit.replace("/opt/gaffer/bin", str(Path(sys.executable).parent)))
    argv = ["systemd-analyze", "verify", "--man=no", path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
