"""Which files of a site are served, and which never are."""

import errno
import os
import socket

import pytest

NOT_SERVED = [
    *("..", "../", "../secret", "../../secret", "%2e%2e/secret", "%2E%2e%2fsecret", "..%2fsecret"),
    *("%252e%252e/secret", "..%5csecret", "..\\secret", "sub/../../secret", "sub/../index.html"),
    *("./index.html", "%2e/index.html", "sub//deep.txt", "/index.html", "/etc/passwd"),
    *("%2fetc%2fpasswd", "index.html%00", "%00", "a%0a", "a%0d%0ax:%20y", "%ff", "%c0%ae%c0%ae/x"),
    *(".hidden", ".git/config", "sub/.hidden", "site.toml", "sub/none", "none/", "sub/"),
    *("index.html/", "index.html/x", "x" * 300, "x/" * 3000, "~", "index.html;x", "index.htm"),
    *("out", "out/", "secret-link", "loop", "loop/", "ring", "hidden-link", "manifest-link"),
    *("fifo", "socket", "null", "tty"),
]


@pytest.fixture
def site(plugin_folder):
    plugin_folder.write("ui/_site/index.html", "<h1>ui</h1>")
    plugin_folder.write("ui/_site/sub/deep.txt", "deep")
    return plugin_folder / "ui" / "_site"


@pytest.fixture
def odd_site(plugin_folder, site):
    """A site with files that must not be served, inside it and next to it."""
    secret = plugin_folder.write("../secret", "secret")
    plugin_folder.write("ui/secret", "secret")
    plugin_folder.write("ui/_site/.hidden", "secret")
    plugin_folder.write("ui/_site/.git/config", "secret")
    plugin_folder.write("ui/_site/sub/.hidden", "secret")
    plugin_folder.write("ui/_site/site.toml", "")
    for name, target in {
        "out": "../../..",
        "secret-link": secret,
        "loop": "loop",
        "ring": "ring2",
        "ring2": "ring",
        "hidden-link": ".hidden",
        "manifest-link": "site.toml",
        "null": "/dev/null",
        "tty": "/dev/tty",
    }.items():
        (site / name).symlink_to(target)
    os.mkfifo(site / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        # The path of a unix socket is limited to 107 bytes, and tmp_path can be long.
        folder = os.open(site, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        yield site


@pytest.mark.parametrize("path", NOT_SERVED)
async def test_other_paths_are_404(odd_site, api, path):
    assert (await api.get(f"ui/{path}")).status == 404
    assert (await api.get("ui/")).status == 200


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", ".", "none", "plugins", "ui%00", "ui%2f..", "-", "*"]
)
async def test_invalid_site_name_is_404(site, api, name):
    for path in (name, f"{name}/", f"{name}/index.html"):
        assert (await api.get(path)).status == 404


@pytest.mark.root
async def test_device_is_404(site, api):
    os.mknod(site / "device", 0o20644, os.makedev(1, 3))
    os.chmod(site / "device", 0o644)
    assert (await api.get("ui/device")).status == 404


async def test_index_is_served_with_security_headers(site, api):
    answer = await api.get("ui/")
    assert (answer.status, answer.body) == (200, b"<h1>ui</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
        " object-src 'none'"
    )


async def test_query_is_ignored(site, api):
    assert (await api.get("ui/sub/deep.txt?v=1")).body == b"deep"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.TXT", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.txt.gz", "application/octet-stream"),
        ("data:,a.html", "text/html; charset=utf-8"),
        ("unknown", "application/octet-stream"),
    ],
)
async def test_content_type_follows_suffix(plugin_folder, site, api, name, kind):
    plugin_folder.write(f"ui/_site/{name}", "x")
    assert (await api.get(f"ui/{name}")).headers["content-type"] == kind


async def test_name_with_other_characters_than_ascii_is_served(plugin_folder, site, api):
    plugin_folder.write("ui/_site/größe 1.txt", "large")
    assert (await api.get("ui/gr%C3%B6%C3%9Fe%201.txt")).body == b"large"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("ui", "/_plugin/ui/"),
        ("ui/sub", "/_plugin/ui/sub/"),
        ("ui/a%3Ab%20%3F?q=1&r=%0d", "/_plugin/ui/a%3Ab%20%3F/?q=1&r=%0d"),
    ],
)
async def test_folder_without_slash_redirects_to_slash(plugin_folder, site, api, path, location):
    plugin_folder.write("ui/_site/a:b ?/index.html", "index")
    answer = await api.get(path)
    assert (answer.status, answer.headers["location"], answer.body) == (308, location, b"")
    assert "content-type" not in answer.headers


async def test_list_without_slash_redirects_to_slash(api):
    answer = await api.ask("GET", "/_plugin")
    assert (answer.status, answer.headers["location"]) == (308, "/_plugin/")


async def test_link_within_site_is_followed(site, api):
    (site / "link.txt").symlink_to("sub/deep.txt")
    (site / "again").symlink_to("sub")
    assert (await api.get("ui/link.txt")).body == b"deep"
    assert (await api.get("ui/again/deep.txt")).body == b"deep"


async def test_site_may_be_a_link(plugin_folder, api, tmp_path):
    plugin_folder.write("../dist/index.html", "built")
    (plugin_folder / "ui").mkdir()
    (plugin_folder / "ui" / "_site").symlink_to("../../dist")
    assert (await api.get("ui/")).body == b"built"
    assert (await api.get("ui/../secret")).status == 404


async def test_linked_site_serves_nothing_outside_its_target(plugin_folder, api):
    plugin_folder.write("../dist/index.html", "built")
    secret = plugin_folder.write("../secret", "secret")
    plugin_folder.write("ui/secret", "secret")
    (plugin_folder / "ui" / "_site").symlink_to("../../dist")
    for name, target in {"up": "..", "file": secret, "back": plugin_folder / "ui"}.items():
        (plugin_folder / "../dist" / name).symlink_to(target)
    assert (await api.get("ui/")).body == b"built"
    for path in ("up/secret", "file", "back/secret", "%2e%2e/secret"):
        assert (await api.get(f"ui/{path}")).status == 404


async def test_linked_site_in_writable_folder_is_not_served(plugin_folder, api, caplog):
    dist = plugin_folder.write("../dist/index.html", "built").parent
    (plugin_folder / "ui").mkdir()
    (plugin_folder / "ui" / "_site").symlink_to("../../dist")
    dist.chmod(0o777)
    assert (await api.get("ui/")).status == 404
    assert "dist is writable by other users" in caplog.text


@pytest.mark.root
async def test_link_of_other_user_is_not_served(plugin_folder, api, caplog):
    plugin_folder.write("../dist/index.html", "built")
    (plugin_folder / "ui").mkdir()
    link = plugin_folder / "ui" / "_site"
    link.symlink_to("../../dist")
    os.chown(link, 54321, -1, follow_symlinks=False)
    assert (await api.get("ui/")).status == 404
    assert f"{link} belongs to user 54321" in caplog.text


@pytest.mark.parametrize("name", ["ui/_site", "ui/_site/sub", "ui/_site/sub/deep.txt"])
async def test_file_writable_by_others_is_not_served_and_logged_once(
    plugin_folder, site, api, caplog, name
):
    (plugin_folder / name).chmod(0o777)
    for _ in range(3):
        assert (await api.get("ui/sub/deep.txt")).status == 404
    [record] = [each for each in caplog.records if each.name == "gaffer_sites"]
    assert record.getMessage() == (
        f"{plugin_folder / name} is writable by other users, who could change what gafferd runs:"
        f" chmod go-w {plugin_folder / name}"
    )


@pytest.mark.root
async def test_file_of_other_user_is_not_served(plugin_folder, site, api, caplog):
    os.chown(site / "index.html", 54321, -1)
    assert (await api.get("ui/")).status == 404
    assert "belongs to user 54321" in caplog.text


async def test_unreadable_file_is_not_served_and_logged_once(site, api, monkeypatch, caplog):
    opened = os.open

    def failing(path, flags, *more, **options):
        if str(path).startswith("/proc/self/fd/"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", failing)
    for _ in range(2):
        assert (await api.get("ui/")).status == 404
    [record] = [each for each in caplog.records if each.name == "gaffer_sites"]
    assert record.getMessage() == f"{site / 'index.html'}: Permission denied"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(site, api, method):
    for path in ("", "ui", "ui/", "ui/index.html"):
        answer = await api.get(path, method, content_length="0")
        assert (answer.status, answer.json["error"]) == (405, "method_not_allowed")


async def test_large_file_is_served_completely(plugin_folder, site, api):
    content = os.urandom(3_000_001)
    plugin_folder.write("ui/_site/large.bin", content)
    answer = await api.get("ui/large.bin")
    assert answer.headers["content-length"] == "3000001"
    assert answer.body == content


async def test_empty_file_is_served(plugin_folder, site, api):
    plugin_folder.write("ui/_site/empty.txt")
    assert (await api.get("ui/empty.txt", range="bytes=0-")).status == 416
    answer = await api.get("ui/empty.txt")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")


async def test_requests_leak_no_descriptors(site, api):
    await api.get("ui/")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("ui/", "ui", "ui/none", "ui/sub", "ui/sub/", "ui/sub/deep.txt") * 5:
        for method in ("GET", "HEAD"):
            await api.get(path, method)
        await api.get(path, if_none_match="*")
        await api.get(path, range="bytes=99-")
    assert len(os.listdir("/proc/self/fd")) <= before + 2
