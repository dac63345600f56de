"""Sites that appear, change and disappear while the API runs; callers who may see them."""

import shutil

import pytest
from gaffer_kernel import Kernel, open_kernel
from gaffer_testing import Callers

from gaffer_sites.plugin import plugin as sites_plugin


async def test_site_of_plugin_is_served_without_its_code(plugin_folder, serving):
    plugin_folder.plugin("dummy")
    plugin_folder.write("dummy/_site/index.html", "hello dummy")
    async with serving() as api:
        assert (await api.get("dummy/")).body == b"hello dummy"
        assert await api.statuses("dummy/plugin/__init__.py", "dummy/__init__.py") == [404, 404]


async def test_plugin_without_site_is_404_until_it_has_one(plugin_folder, serving):
    plugin_folder.plugin("dummy")
    async with serving() as api:
        assert await api.statuses("dummy", "dummy/", "dummy/plugin/__init__.py") == [404] * 3
        assert await api.sites() == []
        plugin_folder.write("dummy/_site/index.html", "hello dummy")
        assert (await api.get("dummy/")).status == 200


async def test_site_is_served_as_it_appears_changes_and_disappears(plugin_folder, api):
    assert await api.statuses("ui", "ui/") == [404, 404]
    assert await api.sites() == []
    plugin_folder.write("ui/_site/index.html", "one")
    assert (await api.get("ui/")).body == b"one"
    assert await api.sites() == ["ui"]
    plugin_folder.write("ui/_site/index.html", "another")
    assert (await api.get("ui/")).body == b"another"
    shutil.rmtree(plugin_folder / "ui")
    assert await api.statuses("ui", "ui/") == [404, 404]
    assert await api.sites() == []


async def test_site_of_closed_plugin_is_not_served(plugin_folder, serving):
    plugin_folder.plugin("dummy")
    plugin_folder.write("dummy/_site/index.html", "hello dummy")
    async with serving() as api:
        await api.kernel.plugins.close("dummy")
        assert await api.statuses("dummy", "dummy/") == [404, 404]
        assert await api.sites() == []
        await api.kernel.plugins.open("dummy")
        assert await api.statuses("dummy", "dummy/") == [308, 200]
        assert await api.sites() == ["dummy"]


async def test_site_of_disabled_plugin_is_not_served(plugin_folder, serving):
    plugin_folder.plugin("dummy")
    plugin_folder.write("dummy/_site/index.html", "hello dummy")
    async with serving(disabled=["dummy"]) as api:
        assert (await api.get("dummy/")).status == 404
        assert await api.sites() == []


async def test_site_without_code_can_be_disabled(plugin_folder, serving):
    plugin_folder.write("ui/_site/index.html", "hello ui")
    plugin_folder.write("bare/index.html", "hello bare")
    async with serving(disabled=["ui", "bare"]) as api:
        assert await api.statuses("ui/", "bare/") == [404, 404]
        await api.kernel.plugins.rescan()
        assert await api.statuses("ui/", "bare/") == [404, 404]
        assert await api.sites() == []


async def test_list_has_every_site(plugin_folder, api):
    plugin_folder.write("b/_site/index.html")
    plugin_folder.write("a/_site/x.txt")
    plugin_folder.write("stats/_site/index.html")
    plugin_folder.write(".hidden/_site/index.html")
    plugin_folder.write("__pycache__/_site/index.html")
    plugin_folder.write("file")
    (plugin_folder / "empty").mkdir()
    (plugin_folder / "wrong").mkdir()
    plugin_folder.write("wrong/_site")
    answer = await api.get("")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json == {
        "sites": [{"name": name, "path": f"/_plugin/{name}/"} for name in ("a", "b", "stats")]
    }
    assert await api.statuses("stats/", ".hidden/", "__pycache__/", "wrong/", "file/") == [
        *(200, 404, 404, 404, 404)
    ]
    assert [(site.name, site.folder) for site in api.kernel.services["sites"].list()] == [
        (name, plugin_folder / name / "_site") for name in ("a", "b", "stats")
    ]


async def test_invalid_name_is_logged_once_and_not_served(plugin_folder, api, caplog):
    plugin_folder.write("two words/_site/index.html")
    for _ in range(2):
        assert await api.sites() == []
    assert (await api.get("two%20words/")).status == 404
    [record] = [each for each in caplog.records if each.name == "gaffer_sites"]
    assert "two words is not served: a plugin is named with letters" in record.getMessage()


async def test_first_of_two_plugin_folders_wins(plugin_folder, serving, tmp_path):
    plugin_folder.write("ui/_site/index.html", "first")
    plugin_folder.write("../more/ui/_site/index.html", "second")
    plugin_folder.write("../more/help/_site/index.html", "help")
    async with serving() as api:
        api.kernel.plugins.add_folder(tmp_path / "more")
        assert (await api.get("ui/")).body == b"first"
        assert (await api.get("help/")).body == b"help"
        assert await api.sites() == ["help", "ui"]


async def test_paths_are_404_while_plugin_is_closed(plugin_folder, api):
    plugin_folder.write("ui/_site/index.html")
    assert (await api.get("ui/")).status == 200
    await api.kernel.plugins.close("sites")
    assert await api.statuses("", "ui", "ui/") == [404, 404, 404]
    await api.kernel.plugins.open("sites")
    assert (await api.get("ui/")).status == 200


async def test_plugin_folder_may_disappear_and_return(plugin_folder, api, caplog):
    plugin_folder.write("ui/_site/index.html")
    plugin_folder.path.rename(f"{plugin_folder.path}-away")
    assert await api.statuses("", "ui/") == [200, 404]
    plugin_folder.path.with_name("plugins-away").rename(plugin_folder.path)
    assert (await api.get("ui/")).status == 200
    assert caplog.text == ""


async def test_list_is_empty_without_plugin_folder_and_http():
    async with open_kernel(plugins=[sites_plugin]) as kernel:
        assert kernel.services["sites"].list() == ()


async def test_caller_with_any_permission_may_load_site(plugin_folder, serving):
    plugin_folder.write("ui/_site/index.html")
    async with serving(Callers()) as api:
        for path, status in {"/_plugin/": 200, "/_plugin/ui": 308, "/_plugin/ui/": 200}.items():
            guest = await api.ask("GET", path, authorization="Bearer read.shop")
            stranger = await api.ask("GET", path, authorization="Bearer stranger")
            assert (guest.status, stranger.status) == (status, 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"sec_fetch_site": "cross-site"},
    ],
)
async def test_page_of_other_origin_may_not_load_site(plugin_folder, api, headers):
    plugin_folder.write("ui/_site/index.html", "secret")
    answer = await api.get("ui/", **headers)
    assert answer.status in (403, 421)
    assert b"secret" not in answer.body


def test_plugin_loads_without_http():
    Kernel(plugins=[sites_plugin]).configure()
