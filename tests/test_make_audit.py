"""Test that `make audit` checks the versions in constraints.txt, and that CI does not run it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")


@pytest.mark.skipif(MAKE is None, reason="needs make")
@pytest.mark.parametrize("status", [0, 1])
def test_audit_runs_pip_audit_on_the_constraints(tmp_path, status):
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$*" >>"{tmp_path}/calls"\nexit {status}\n')
    uv.chmod(0o755)
    done = subprocess.run(
        [MAKE, "-C", ROOT, "-o", "venv", "audit", f"BIN={tmp_path}"],
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode == 0) == (status == 0)
    words = (tmp_path / "calls").read_text().split()
    assert words[:3] == ["tool", "run", "-q"]
    assert words[3].startswith("pip-audit==")
    assert words[words.index("--requirement") + 1] == "constraints.txt"


def test_audit_is_not_part_of_ci():
    assert "audit" not in (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert not any(line.startswith("check: audit") for line in makefile.splitlines())
