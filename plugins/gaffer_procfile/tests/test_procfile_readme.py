"""Tests of the README: its configuration and programs run, its table is complete."""

import re
import subprocess
import sys
import types
from pathlib import Path

from gaffer_kernel import Config, open_kernel

import gaffer_procfile
from gaffer_procfile.plugin import plugin as procfile_plugin

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def test_configuration_of_readme(application, tmp_path):
    [procfile], [ini] = blocks("text"), blocks("ini")
    root = application(procfile).root
    (root / "production.env").write_text("A=1\n")
    (tmp_path / "gaffer.ini").write_text(ini)
    config = Config.read(tmp_path / "gaffer.ini")
    procfile_plugin.gaffer_configure(config)
    jobs = {job.name: job for _, job in config.jobs()}
    assert (jobs["web"].numprocesses, jobs["web"].port) == (2, 5000)
    assert (jobs["worker"].numprocesses, jobs["worker"].port) == (1, 5100)


def test_program_of_readme_runs(application):
    root = application("web: sleep 100\nworker: sleep 100\n").root
    program, _ = blocks("python")
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "['shop'] ['shop.web', 'shop.worker']"
    assert re.fullmatch(r"shop\.ini \d+", second)


async def test_format_of_readme_exports(application):
    _, source = blocks("python")
    plugin = types.ModuleType("runit")
    exec(source, vars(plugin))
    app = application("web: serve\n")
    async with open_kernel(plugins=[procfile_plugin, plugin]) as kernel:
        formats = gaffer_procfile.get_exporters(kernel.plugins.call("gaffer_exporters"))
    assert formats["runit"].export(app) == [("run-web", "exec serve\n")]


def test_table_lists_all_formats():
    table = README[README.index("## Export") :]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [
        each.name for each in procfile_plugin.gaffer_exporters()
    ]
