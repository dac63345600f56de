"""The examples of the README: endpoints, programs, paths and commands."""

import re
import shlex
import types
from pathlib import Path

import trustme
from gaffer_kernel import Config, Kernel

from gaffer_http.app import Api
from gaffer_http.channel.commands import command_table
from gaffer_http.listen.endpoints import read_endpoints
from gaffer_http.plugin import plugin as http_plugin

README = Path(__file__).parent.parent / "README.md"


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(), re.DOTALL)


def test_endpoints_of_the_readme_are_valid(tmp_path):
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "pem"
    )
    [ini] = blocks("ini")
    local, secure = read_endpoints(
        Config.from_string(re.sub("/etc/gaffer/.*pem", str(tmp_path / "pem"), ini))
    )
    assert [str(address) for address in local.addresses] == [
        "127.0.0.1:5000",
        "unix:/run/gaffer.sock",
    ]
    assert (secure.backlog, secure.tls is None) == (256, False)


def test_table_of_the_readme_has_every_path():
    text = README.read_text()
    table = text[text.index("| path |") : text.index("    curl 127.0.0.1:5000/jobs/default -d")]
    found = {}
    for rule in Api(Kernel(plugins=[http_plugin])).url_map.iter_rules():
        path = re.sub(r"<any\((\w+).*>", r"\1", rule.rule).replace("<digits:", "<")
        methods = {"WS"} if rule.websocket else rule.methods - {"HEAD", "OPTIONS"}
        found.setdefault(path, set()).update(methods)
    for path, methods in found.items():
        [line] = [each for each in table.splitlines() if f"`{path}`" in each]
        assert set(re.findall("[A-Z]+", line.split("|")[2])) == methods, path


async def test_commands_of_the_readme_run(api):
    commands = re.findall(
        r"^    curl (.*127.0.0.1:5000/jobs/.*)$", README.read_text(), re.MULTILINE
    )
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command)
        [url] = [word for word in words if word.startswith("127.0.0.1")]
        body = words[words.index("-d") + 1].encode() if "-d" in words else None
        method = "DELETE" if "DELETE" in words else "POST"
        form = {"content_type": "application/x-www-form-urlencoded"} if body else {}
        answer = await api.ask(method, url.removeprefix("127.0.0.1:5000"), body, **form)
        assert answer.status in (200, 201, 202), command


def test_table_of_the_readme_has_every_command_of_the_channel():
    text = README.read_text()
    table = text[text.index("| command | arguments |") : text.index("Arguments stand in")]
    shown = {}
    for line in table.strip().splitlines()[2:]:
        _, names, arguments, *_ = line.split("|")
        for name in re.findall(r"`(\w+)`", names):
            shown[name] = re.findall(r"`\[?(\w+)\]?`", arguments)
    taken = {
        name: [each for each in command.takes.__struct_fields__ if each != "sessionid"]
        for name, command in command_table(None).items()
    }
    assert shown == {**taken, "jobs": ["sessionid"]}


async def test_routes_of_the_readme_work(running_api):
    _, source = blocks("python")
    plugin = types.ModuleType("hello")
    exec(source, vars(plugin))
    async with running_api(plugin) as api:
        assert (await api.ask("GET", "/hello")).json == {"jobs": 0}


def test_program_of_the_readme_runs(capfd):
    exec(blocks("python")[0], {"__name__": "readme"})
    assert capfd.readouterr().out.startswith("('http://127.0.0.1:")
