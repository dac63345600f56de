"""Sites come, go and change while the API runs; who may see them."""

import shutil

import pytest
from gaffer_kernel import Kernel, open_kernel
from gaffer_testing import Callers

from gaffer_sites.plugin import plugin as sites_plugin


async def test_the_site_of_a_plugin(place, serving):
    place.plugin("dummy")
    place.write("dummy/_site/index.html", "hello dummy")
    async with serving() as api:
        assert (await api.get("dummy/")).body == b"hello dummy"
        assert await api.statuses("dummy/plugin/__init__.py", "dummy/__init__.py") == [404, 404]


async def test_a_plugin_without_a_site(place, serving):
    place.plugin("dummy")
    async with serving() as api:
        assert await api.statuses("dummy", "dummy/", "dummy/plugin/__init__.py") == [404] * 3
        assert await api.sites() == []
        place.write("dummy/_site/index.html", "hello dummy")
        assert (await api.get("dummy/")).status == 200


async def test_a_site_comes_changes_and_goes(place, api):
    assert await api.statuses("ui", "ui/") == [404, 404]
    assert await api.sites() == []
    place.write("ui/_site/index.html", "one")
    assert (await api.get("ui/")).body == b"one"
    assert await api.sites() == ["ui"]
    place.write("ui/_site/index.html", "another")
    assert (await api.get("ui/")).body == b"another"
    shutil.rmtree(place / "ui")
    assert await api.statuses("ui", "ui/") == [404, 404]
    assert await api.sites() == []


async def test_a_site_of_a_closed_plugin_is_not_served(place, serving):
    place.plugin("dummy")
    place.write("dummy/_site/index.html", "hello dummy")
    async with serving() as api:
        await api.kernel.plugins.close("dummy")
        assert await api.statuses("dummy", "dummy/") == [404, 404]
        assert await api.sites() == []
        await api.kernel.plugins.open("dummy")
        assert await api.statuses("dummy", "dummy/") == [308, 200]
        assert await api.sites() == ["dummy"]


async def test_a_site_of_a_disabled_plugin_is_not_served(place, serving):
    place.plugin("dummy")
    place.write("dummy/_site/index.html", "hello dummy")
    async with serving(disabled=["dummy"]) as api:
        assert (await api.get("dummy/")).status == 404
        assert await api.sites() == []


async def test_a_site_without_code_can_be_disabled(place, serving):
    place.write("ui/_site/index.html", "hello ui")
    place.write("bare/index.html", "hello bare")
    async with serving(disabled=["ui", "bare"]) as api:
        assert await api.statuses("ui/", "bare/") == [404, 404]
        await api.kernel.plugins.rescan()
        assert await api.statuses("ui/", "bare/") == [404, 404]
        assert await api.sites() == []


async def test_the_list(place, api):
    place.write("b/_site/index.html")
    place.write("a/_site/x.txt")
    place.write("stats/_site/index.html")
    place.write(".hidden/_site/index.html")
    place.write("__pycache__/_site/index.html")
    place.write("file")
    (place / "empty").mkdir()
    (place / "wrong").mkdir()
    place.write("wrong/_site")
    answer = await api.get("")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json == {
        "sites": [{"name": name, "path": f"/_plugin/{name}/"} for name in ("a", "b", "stats")]
    }
    assert await api.statuses("stats/", ".hidden/", "__pycache__/", "wrong/", "file/") == [
        *(200, 404, 404, 404, 404)
    ]
    assert [(site.name, site.folder) for site in api.kernel.services["sites"].list()] == [
        (name, place / name / "_site") for name in ("a", "b", "stats")
    ]


async def test_a_name_that_no_plugin_may_have_is_said(place, api, caplog):
    place.write("two words/_site/index.html")
    for _ in range(2):
        assert await api.sites() == []
    assert (await api.get("two%20words/")).status == 404
    [record] = [each for each in caplog.records if each.name == "gaffer_sites"]
    assert "two words is not served: a plugin is named with letters" in record.getMessage()


async def test_two_folders_of_plugins_and_the_first_one_counts(place, serving, tmp_path):
    place.write("ui/_site/index.html", "first")
    place.write("../more/ui/_site/index.html", "second")
    place.write("../more/help/_site/index.html", "help")
    async with serving() as api:
        api.kernel.plugins.add_folder(tmp_path / "more")
        assert (await api.get("ui/")).body == b"first"
        assert (await api.get("help/")).body == b"help"
        assert await api.sites() == ["help", "ui"]


async def test_closed_itself_there_are_no_sites(place, api):
    place.write("ui/_site/index.html")
    assert (await api.get("ui/")).status == 200
    await api.kernel.plugins.close("sites")
    assert await api.statuses("", "ui", "ui/") == [404, 404, 404]
    await api.kernel.plugins.open("sites")
    assert (await api.get("ui/")).status == 200


async def test_the_folder_of_plugins_itself_goes_and_comes_back(place, api, caplog):
    place.write("ui/_site/index.html")
    place.path.rename(f"{place.path}-away")
    assert await api.statuses("", "ui/") == [200, 404]
    place.path.with_name("plugins-away").rename(place.path)
    assert (await api.get("ui/")).status == 200
    assert caplog.text == ""


async def test_without_a_folder_of_plugins_and_without_the_api():
    async with open_kernel(plugins=[sites_plugin]) as kernel:
        assert kernel.services["sites"].list() == ()


async def test_whoever_may_read_anything_may_load_a_site(place, serving):
    place.write("ui/_site/index.html")
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
async def test_no_foreign_page_may(place, api, headers):
    place.write("ui/_site/index.html", "secret")
    answer = await api.get("ui/", **headers)
    assert answer.status in (403, 421)
    assert b"secret" not in answer.body


def test_it_can_be_loaded_without_the_api():
    Kernel(plugins=[sites_plugin]).configure()
