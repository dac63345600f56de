"""Test that docs/http-api.md shows a curl command for every path and method of the API."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_sites.plugin import plugin as sites_plugin
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_webhooks.plugin import plugin as webhooks_plugin

from gaffer_kernel import Kernel

PAGE = Path(__file__).parent.parent / "docs" / "http-api.md"
HOST = "127.0.0.1:5000"


def commands(words):
    """Yield the words of each command of a line."""
    command = []
    for word in [*words, ";"]:
        if re.fullmatch(r"[();|&]+", word):
            yield command
            command = []
        else:
            command.append(word)


def requests(line):
    """Yield method and path of each request in a line of the shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    words.whitespace_split = True
    for command in commands(words):
        words = command[command.index("curl") :] if "curl" in command else []
        if not words:
            continue
        [url] = [word for word in words if word.startswith(HOST)]
        has_body = {"-d", "--data-binary"} & set(words)
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if has_body else "GET"
        yield method, urlsplit(f"http://{url}").path


def test_page_shows_every_path_and_method():
    routes = Api(Kernel(plugins=[http_plugin, stats_plugin, sites_plugin, webhooks_plugin])).url_map
    adapter = routes.bind(HOST)
    lines = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)
    shown = set()
    for method, path in (each for line in lines for each in requests(line)):
        if adapter.test(path, method):
            rule, _ = adapter.match(path, method, return_rule=True)
            shown.add((method, rule.rule))
    known = {
        (method, rule.rule)
        for rule in routes.iter_rules()
        if not rule.websocket
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert known - shown == set()


def test_page_names_every_websocket():
    page = PAGE.read_text()
    for rule in Api(Kernel(plugins=[http_plugin])).url_map.iter_rules():
        assert not rule.websocket or f"`{rule.rule}`" in page
