"""Folders without Python become sites: their content is moved to `_site`; nothing is lost."""

import errno
import os
import threading
from pathlib import Path

import pytest
import trio

from gaffer_sites import folders, migration


def files(folder):
    """Read everything in a folder: contents by path, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def bare(plugin_folder):
    plugin_folder.write("hello/index.html", "hello world")
    plugin_folder.write("hello/sub/deep.txt", "deep")
    plugin_folder.write("hello/.hidden", "hidden")
    plugin_folder.write("hello/.git/config", "config")
    (plugin_folder / "hello" / "empty").mkdir()
    (plugin_folder / "hello" / "link").symlink_to("sub/deep.txt")
    (plugin_folder / "hello").chmod(0o750)
    return plugin_folder / "hello"


@pytest.fixture
def content(bare):
    return files(bare)


async def wait_moved(api, plugin_folder):
    """Send requests until the content of the site hello has been moved."""
    with trio.fail_after(20):
        while not (plugin_folder / "hello" / "_site").exists():
            assert (await api.get("hello/")).body == b"hello world"
            await trio.sleep(0.05)


async def test_content_is_moved_at_start(plugin_folder, bare, content, serving, caplog):
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(bare) == ["_site"]
        assert os.listdir(plugin_folder.path) == ["hello"]
        assert bare.stat().st_mode & 0o777 == 0o750
        assert (await api.get("hello/")).body == b"hello world"
        assert (await api.get("hello/link")).body == b"deep"
        assert await api.sites() == ["hello"]
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert (await api.get("hello/")).body == b"hello world"
    assert caplog.text == ""


async def test_later_folder_is_served_at_once_and_moved_when_quiet(plugin_folder, api):
    plugin_folder.write("hello/index.html", "hello world")
    assert (await api.get("hello/")).body == b"hello world"
    await wait_moved(api, plugin_folder)
    assert (await api.get("hello/")).body == b"hello world"
    assert files(plugin_folder / "hello") == {"_site": None, "_site/index.html": "hello world"}


async def test_recently_changed_folder_is_not_moved(plugin_folder, api, monkeypatch):
    monkeypatch.setattr(folders, "QUIET", 3600)
    assert await api.sites() == []
    for number in range(3):
        plugin_folder.write(f"hello/{number}.txt", "text")
        assert (await api.get(f"hello/{number}.txt")).status == 200
        assert await api.sites() == ["hello"]
    assert not (plugin_folder / "hello" / "_site").exists()


@pytest.mark.parametrize(
    "path", ["plugin.py", "a/b/c.py", "lib.so", "__pycache__/x", "pyproject.toml", ".git/x.py"]
)
async def test_folder_with_python_is_not_a_site(plugin_folder, serving, path):
    plugin_folder.write("hello/index.html", "hello world")
    async with serving() as api:
        plugin_folder.write(f"more/{path}")
        plugin_folder.write("more/index.html")
        assert await api.statuses("more", "more/", "more/index.html") == [404] * 3
    assert not (plugin_folder / "more" / "_site").exists()


async def test_folder_without_files_is_not_a_site(plugin_folder, serving):
    plugin_folder.write("hello/.hidden")
    (plugin_folder / "hello" / "sub").mkdir()
    async with serving() as api:
        assert (await api.get("hello/")).status == 404
        assert await api.sites() == []
    assert not (plugin_folder / "hello" / "_site").exists()


# Interrupted moves


def crash(plugin_folder):
    """Leave the state of a gafferd that was killed between the two renames."""
    temporary = plugin_folder / ".gaffer-moving.hello"
    temporary.mkdir()
    (plugin_folder / "hello").rename(temporary / "_site")
    return temporary


async def test_start_completes_interrupted_move(plugin_folder, bare, content, serving, caplog):
    temporary = crash(plugin_folder)
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert not temporary.exists()
        assert (await api.get("hello/")).body == b"hello world"
    assert caplog.text == ""


async def test_start_moves_content_after_crash_before_first_rename(
    plugin_folder, bare, content, serving
):
    (plugin_folder / ".gaffer-moving.hello").mkdir()
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(plugin_folder.path) == ["hello"]


async def test_interrupted_move_with_new_folder_keeps_both(
    plugin_folder, bare, content, serving, caplog
):
    temporary = crash(plugin_folder)
    plugin_folder.write("hello/index.html", "new")
    async with serving() as api:
        assert (await api.get("hello/")).body == b"new"
        assert files(temporary / "_site") == content
        assert files(bare) == {"index.html": "new"}
    logged = [each.getMessage() for each in caplog.records if each.name == "gaffer_sites"]
    assert logged == [
        f"{temporary / '_site'} holds the files that were in {bare} and cannot be moved back:"
        " Directory not empty",
        f"{bare} is served as it is, its content cannot be moved to _site: Directory not empty",
    ]


async def test_slow_disk_does_not_delay_start(bare, content, serving, monkeypatch):
    go = threading.Event()
    complete_moves = migration.complete_moves
    monkeypatch.setattr(
        migration, "complete_moves", lambda root: go.wait(30) and complete_moves(root)
    )
    async with serving() as api:
        assert os.listdir(bare) != ["_site"]
        go.set()
        assert (await api.get("hello/")).body == b"hello world"
        assert files(bare / "_site") == content


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_crash_at_any_step_loses_nothing(
    plugin_folder, bare, content, serving, monkeypatch, step
):
    """Fail at each step; the next start must complete the move."""
    with monkeypatch.context() as patch:
        fail_at(step, patch)
        async with serving() as api:
            await wait_failed(api)
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(plugin_folder.path) == ["hello"]
        assert (await api.get("hello/")).body == b"hello world"


async def wait_failed(api):
    """Wait until the plugin has failed."""
    with trio.fail_after(20):
        while "failed" not in [info.state for info in api.kernel.plugins.info()]:
            await trio.sleep(0.01)


class CrashError(Exception):
    """Simulates that gafferd is killed."""


def fail_at(step, monkeypatch):
    """Raise CrashError at a step of the move."""
    left = [step]

    def failing(method):
        def call(self, *args, **options):
            if self.name.startswith(".gaffer") or self.name == "hello":
                left[0] -= 1
                if not left[0]:
                    raise CrashError
            return method(self, *args, **options)

        return call

    for name in ("mkdir", "rename"):
        monkeypatch.setattr(Path, name, failing(getattr(Path, name)))


# Folders that are served in place


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EXDEV, errno.EBUSY])
async def test_folder_that_cannot_be_moved_is_served_in_place(
    plugin_folder, bare, content, serving, monkeypatch, caplog, code
):
    def rename(self, target):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "rename", rename)
    async with serving() as api:
        for _ in range(2):
            assert (await api.get("hello/")).body == b"hello world"
            assert await api.statuses("hello/.hidden", "hello/.git/config") == [404, 404]
            assert await api.sites() == ["hello"]
    assert files(bare) == content
    assert os.listdir(plugin_folder.path) == ["hello"]
    logged = [each.getMessage() for each in caplog.records if each.name == "gaffer_sites"]
    assert logged == [
        f"{bare} is served as it is, its content cannot be moved to _site: {os.strerror(code)}"
    ]


async def test_site_in_read_only_plugin_folder_is_served_in_place(
    plugin_folder, bare, content, serving
):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    plugin_folder.path.chmod(0o555)
    try:
        async with serving() as api:
            assert (await api.get("hello/")).body == b"hello world"
            assert files(bare) == content
    finally:
        plugin_folder.path.chmod(0o755)


async def test_linked_folder_is_served_in_place(plugin_folder, serving):
    plugin_folder.write("../elsewhere/index.html", "hello world")
    plugin_folder.write("other/_site/index.html")
    (plugin_folder / "hello").symlink_to("../elsewhere")
    async with serving() as api:
        assert (await api.get("hello/")).body == b"hello world"
    assert files(plugin_folder.path.with_name("elsewhere")) == {"index.html": "hello world"}


async def test_folder_writable_by_others_is_neither_moved_nor_served(
    plugin_folder, bare, content, serving, caplog
):
    bare.chmod(0o777)
    async with serving() as api:
        assert (await api.get("hello/")).status == 404
    assert files(bare) == content
    assert f"{bare} is writable by other users" in caplog.text


async def test_two_gafferds_move_the_same_folders_once(plugin_folder, serving, monkeypatch, caplog):
    monkeypatch.setattr(folders, "QUIET", 0)
    async with serving() as one, serving() as other:
        for number in range(50):
            plugin_folder.write(f"hello{number}/index.html", f"{number}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.sites)
            nursery.start_soon(other.sites)
        assert len(await one.sites()) == 50
    for number in range(50):
        assert files(plugin_folder / f"hello{number}") == {
            "_site": None,
            "_site/index.html": f"{number}",
        }
    assert caplog.text == ""
