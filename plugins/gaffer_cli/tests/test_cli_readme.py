"""The examples of the README work."""

import json
import re
from pathlib import Path

import pytest
from gaffer_kernel import JobConfig
from gaffer_kernel.jobs.config import Flapping

README = (Path(__file__).parent.parent / "README.md").read_text()
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def tally(tmp_path, environ):
    """Install the plugin of the page."""
    for name, text in FILES:
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    info = tmp_path / "site" / "gaffer_tally-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gaffer-tally\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gaffer]\ntally = gaffer_tally\n")
    environ["PYTHONPATH"] = str(tmp_path / "site")


async def test_readme_plugin_adds_its_verb(kernel, tally, ask):
    assert "crashes" in (await ask("gafferctl", "--help")).stdout
    rule = Flapping(attempts=3, window=60, retry_in=600)
    kernel.manager.load(JobConfig(name="bad", cmd="false", flapping=rule))
    kernel.manager.load(JobConfig(name="good", cmd="sleep 1000"))
    async with kernel.events.subscribe("flap", since=0) as flaps:
        await anext(flaps)
    done = await ask("gafferctl", "crashes", "3")
    assert (done.returncode, done.stdout) == (0, "bad: 3\n")
    done = await ask("gafferctl", "crashes", "--json")
    assert json.loads(done.stdout) == {"bad": 3}


def test_readme_lists_every_exit_status(command):
    table = dict(re.findall(r"^\| (\d)(?:, \d+)? \| (.*) \|$", README, re.MULTILINE))
    shown = command("gafferctl", "--help").stdout.split("Status:")[1]
    assert re.findall(r"\b(\d) ", shown) == sorted(table)
