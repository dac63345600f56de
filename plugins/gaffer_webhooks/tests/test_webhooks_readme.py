"""The README agrees with the code, and its examples run."""

import re
import subprocess
import sys
from pathlib import Path

from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, Kernel

from gaffer_webhooks.plugin import plugin as webhooks_plugin
from gaffer_webhooks.settings import KEYS, read_settings

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_readme_lists_every_path_and_method():
    rules = Api(Kernel(plugins=[http_plugin, webhooks_plugin])).url_map.iter_rules()
    known = {
        (rule.rule, method)
        for rule in rules
        if rule.rule.startswith("/webhooks")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", README, re.MULTILINE)
    assert {(path, method) for path, methods in rows for method in methods.split(", ")} == known


def test_readme_lists_every_key_and_its_default():
    shown = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", README, re.MULTILINE))
    assert set(shown) == set(KEYS)
    config = Config.from_string("[webhooks]\n" + "\n".join(f"{k} = {v}" for k, v in shown.items()))
    assert read_settings(config) == read_settings(Config())


def test_configuration_of_readme_is_accepted():
    [text] = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    hooks = read_settings(Config.from_string(text)).hooks
    assert [hook.pattern for hook in hooks] == ["proc.web.exit", "flap", "flap", "."]
    assert [hook.secret is not None for hook in hooks] == [True, False, False, False]


def test_program_of_readme_runs(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['flap', 'proc.nap']\n[] 0\n"
