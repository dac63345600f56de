"""`gafferctl plan` and `reload-config`."""

import json

import pytest
from gaffer_client.models import JobChange

from gaffer_cli.ctl.plan import describe_changes


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ([], ["no jobs unchanged"]),
        ([JobChange(name="web", change="unchanged")], ["1 job unchanged"]),
        (
            [
                JobChange(name="web", change="replaced", keys=["cmd", "env"]),
                JobChange(name="db", change="unchanged"),
                JobChange(name="shop.new", change="new"),
            ],
            [
                "NAME      CHANGE    KEYS",
                "web       replaced  cmd, env",
                "shop.new  new",
                "1 job unchanged",
            ],
        ),
    ],
)
def test_changes_are_described(changes, lines):
    assert [line.rstrip() for line in describe_changes(changes)] == lines


async def test_plan_of_another_file_changes_nothing(kernel, ask, tmp_path):
    (tmp_path / "new.ini").write_text("[process:web]\ncmd = sleep 1000\n")
    done = await ask("gafferctl", "plan", str(tmp_path / "new.ini"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    jobs = [{"name": "web", "change": "new", "keys": []}]
    assert json.loads(done.stdout) == {"ok": True, "jobs": jobs}
    assert kernel.manager.jobs() == []


async def test_wrong_file_is_one_line_with_its_place(kernel, ask, tmp_path):
    (tmp_path / "new.ini").write_text("[process:web]\ncmd = x\nstart = maybe\n")
    done = await ask("gafferctl", "plan", str(tmp_path / "new.ini"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"gafferctl: {tmp_path}/new.ini:3: [process:web] start: ")
    assert done.stderr.count("\n") == 1


async def test_reload_config_without_changes(kernel, ask):
    done = await ask("gafferctl", "reload-config")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no jobs unchanged\n", "")
