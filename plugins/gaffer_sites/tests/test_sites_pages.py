"""The README and the docs about sites agree with the code, and so does the example site."""

import re
from pathlib import Path

import msgspec
import pytest
from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Kernel

from gaffer_sites.manifest import DEFAULT_POLICY, CspSources
from gaffer_sites.plugin import plugin as sites_plugin

ROOT = Path(__file__).parents[3]
README = (ROOT / "plugins" / "gaffer_sites" / "README.md").read_text()
EXAMPLE = ROOT / "examples" / "plugins" / "ui" / "_site"
TITLE = "## Sites\n"


@pytest.fixture
def example(plugin_folder):
    """Copy the example to a plugin folder, with the modes of a strict umask."""
    for path in EXAMPLE.rglob("*"):
        plugin_folder.write(f"ui/_site/{path.relative_to(EXAMPLE)}", path.read_bytes())


def test_readme_lists_every_path():
    plain = {rule.rule for rule in Api(Kernel(plugins=[http_plugin])).url_map.iter_rules()}
    rules = Api(Kernel(plugins=[http_plugin, sites_plugin])).url_map.iter_rules()
    assert {*re.findall(r"`(/_plugin[^`]*)`", README)} - {"/_plugin/<name>/"} == {
        rule.rule for rule in rules
    } - plain


def test_readme_has_policy_and_every_key():
    assert f"    {DEFAULT_POLICY}\n" in README
    keys = {field.encode_name for field in msgspec.structs.fields(CspSources)}
    rows = re.findall(r"^\| (`[a-z]+-src`.*?) \|", README, re.MULTILINE)
    assert {*re.findall(r"`([a-z-]+)`", " ".join(rows))} == keys


async def test_manifest_of_readme_is_valid(plugin_folder, api, caplog):
    [manifest] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    plugin_folder.write("ui/_site/index.html")
    plugin_folder.write("ui/_site/site.toml", manifest)
    policy = (await api.get("ui/")).headers["content-security-policy"]
    for line in manifest.splitlines()[1:]:
        key, sources = line.split(" = ")
        assert f"{key} 'self' {' '.join(msgspec.json.decode(sources))}" in policy
    assert caplog.text == ""


async def test_examples_of_http_api_page_agree_with_responses(example, api):
    page = (ROOT / "docs" / "http-api.md").read_text()
    section = page[page.index(TITLE) + len(TITLE) :].partition("\n## ")[0]
    asked = re.findall(r"^\$ curl (?:.* )?127\.0\.0\.1:5000(\S+)\n(.*)$", section, re.MULTILINE)
    assert len(asked) == 6
    for path, printed in asked:
        answer = await api.ask("GET", path)
        location = f"http://127.0.0.1:5000{answer.headers.get('location')}"
        shown = f"{answer.status} {location}" if answer.status == 308 else answer.body.decode()
        pattern = re.escape(printed).replace(r"\.\.\.", ".*")
        assert re.fullmatch(pattern, shown, re.DOTALL), path


async def test_example_site_complies_with_default_policy(example, api):
    page = (await api.get("ui/")).body.decode()
    for name in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert (await api.get(f"ui/{name}")).status == 200, name
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\s(?:style|on\w+)=|https?:", page) == []
    assert not (EXAMPLE / "site.toml").exists()


async def test_example_site_requests_existing_paths(example):
    script = (EXAMPLE / "app.js").read_text()
    routes = Api(Kernel(plugins=[http_plugin])).url_map.bind("localhost")
    paths = re.findall(r'["`](/[^"`?]*)', script)
    assert {"/jobs", "/watch"} <= set(paths)
    for path in paths:
        assert routes.test(re.sub(r"\$\{\w+\}", "x", path), "GET"), path
