"""`gafferctl plugins`, as a subprocess."""

import json

import pytest


async def test_plugins_shows_all(kernel, ask):
    done = await ask("gafferctl", "plugins")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["NAME", "VERSION", "STATE", "FROM", "DESCRIPTION"]
    assert {tuple(line.split()[::2][:2]) for line in lines} == {
        (info.name, info.state) for info in kernel.plugins.info()
    }
    assert (await ask("gafferctl", "plugins", "list")).stdout == done.stdout


async def test_plugins_shows_all_as_json(kernel, ask):
    done = await ask("gafferctl", "plugins", "--json")
    shown = {plugin["name"]: plugin["state"] for plugin in json.loads(done.stdout)}
    assert shown == {info.name: info.state for info in kernel.plugins.info()}


async def test_plugins_closes_opens_and_reloads_one(kernel, ask):
    for verb, state in (("close", "closed"), ("open", "open"), ("reload", "open")):
        done = await ask("gafferctl", "plugins", verb, "stats")
        assert (done.returncode, done.stdout) == (0, f"stats: {state}\n")
        assert ("stats" in kernel.services) == (state == "open")


async def test_plugins_rescans_folders(kernel, ask):
    done = await ask("gafferctl", "plugins", "rescan", "--json")
    assert [plugin["name"] for plugin in json.loads(done.stdout)] == [
        info.name for info in kernel.plugins.info()
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("close", "http"), "gafferctl: cannot close http: this API needs it"),
        (("open", "nosuch"), "gafferctl: no plugin 'nosuch'"),
    ],
)
async def test_plugins_error_is_one_line(kernel, ask, arguments, message):
    done = await ask("gafferctl", "plugins", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("open",), "open takes the name of a plugin"),
        (("list", "stats"), "list takes no name of a plugin"),
        (("opne", "stats"), "invalid value for '"),
    ],
)
def test_wrong_usage_of_plugins_is_one_line(command, arguments, message):
    done = command("gafferctl", "plugins", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"gafferctl plugins: {message}")
