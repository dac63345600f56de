"""`gafferctl open`, as a subprocess."""

import json
import re

import pytest
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_sites.plugin import plugin as sites_plugin


@pytest.fixture(autouse=True)
def browser(environ, tmp_path, monkeypatch):
    """A browser that only records the URL."""
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "browser"
    script.write_text('#!/bin/sh\necho "$1" >opened.new && mv opened.new opened\n')
    script.chmod(0o755)
    environ["BROWSER"] = f"{script} %s"
    return tmp_path / "opened"


@pytest.fixture
async def kernel(tmp_path):
    """A kernel with a site, on a free port."""
    site = tmp_path / "plugins" / "ui" / "_site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("<p>hello</p>")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o022)
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    async with open_kernel(config, plugins=[http_plugin, sites_plugin]) as kernel:
        kernel.plugins.add_folder(tmp_path / "plugins")
        yield kernel


async def test_open_prints_and_opens_the_url(kernel, ask, url, browser):
    done = await ask("gafferctl", "open", "ui")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{url}/_plugin/ui/#key=[\w-]{{43}}\n", done.stdout)
    assert browser.read_text() == done.stdout


async def test_open_without_site_opens_the_list_of_sites(kernel, ask, url, browser):
    done = await ask("gafferctl", "open", "--print", "--json")
    shown = json.loads(done.stdout)
    assert shown["url"].startswith(f"{url}/page-key#key=")
    assert shown["expires_in"] == 30
    assert not browser.exists()


async def test_open_replaces_localhost_by_the_address(kernel, ask, url):
    local = url.replace("127.0.0.1", "localhost")
    done = await ask("gafferctl", "--connect", local, "open", "--print")
    assert done.stdout.startswith(f"{url}/page-key#key=")


async def test_open_sends_no_token(kernel, ask, environ):
    environ["GAFFER_TOKEN"] = "gfr_secret"
    assert (await ask("gafferctl", "open", "--print")).returncode == 0


async def test_open_revoke_renews_the_key(kernel, ask, tmp_path):
    assert (await ask("gafferctl", "open", "--print")).returncode == 0
    key = (tmp_path / ".gaffer" / "page.key").read_text()
    done = await ask("gafferctl", "open", "--revoke")
    assert (done.returncode, done.stdout) == (0, "all browsers are signed out\n")
    assert (tmp_path / ".gaffer" / "page.key").read_text() != key


async def test_unknown_site_is_one_line(kernel, ask, browser):
    done = await ask("gafferctl", "open", "nosuch")
    assert (done.returncode, done.stderr) == (1, "gafferctl: no site 'nosuch': there are ui\n")
    assert not browser.exists()


async def test_browser_that_does_not_start_is_one_line(kernel, ask, environ):
    environ["BROWSER"] = "/nonexistent %s"
    environ["PATH"] = "/nonexistent"
    done = await ask("gafferctl", "open")
    assert done.stdout.count("#key=") == 1
    assert done.stderr.startswith("gafferctl: no browser could be started: open this URL within")


def test_wrong_usage_of_open_is_one_line(command):
    done = command("gafferctl", "open", "ui", "--revoke")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--revoke opens no page" in done.stderr
