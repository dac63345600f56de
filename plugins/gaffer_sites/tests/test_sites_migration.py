"""Folders without Python become sites: their content is moved under `_site`; nothing is lost."""

import errno
import os
import threading
from pathlib import Path

import pytest
import trio

from gaffer_sites import folders
from gaffer_sites import migration as moving


def files(folder):
    """Everything in a folder: contents by path, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def bare(place):
    place.write("hello/index.html", "hello world")
    place.write("hello/sub/deep.txt", "deep")
    place.write("hello/.hidden", "hidden")
    place.write("hello/.git/config", "config")
    (place / "hello" / "empty").mkdir()
    (place / "hello" / "link").symlink_to("sub/deep.txt")
    (place / "hello").chmod(0o750)
    return place / "hello"


@pytest.fixture
def content(bare):
    return files(bare)


async def moved(api, place):
    """Ask until the content of the site hello has been moved."""
    with trio.fail_after(20):
        while not (place / "hello" / "_site").exists():
            assert (await api.get("hello/")).body == b"hello world"
            await trio.sleep(0.05)


async def test_it_is_moved_at_the_start(place, bare, content, serving, caplog):
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(bare) == ["_site"]
        assert os.listdir(place.path) == ["hello"]
        assert bare.stat().st_mode & 0o777 == 0o750
        assert (await api.get("hello/")).body == b"hello world"
        assert (await api.get("hello/link")).body == b"deep"
        assert await api.sites() == ["hello"]
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert (await api.get("hello/")).body == b"hello world"
    assert caplog.text == ""


async def test_one_that_comes_later_is_served_at_once_and_moved_when_it_is_quiet(place, api):
    place.write("hello/index.html", "hello world")
    assert (await api.get("hello/")).body == b"hello world"
    await moved(api, place)
    assert (await api.get("hello/")).body == b"hello world"
    assert files(place / "hello") == {"_site": None, "_site/index.html": "hello world"}


async def test_where_files_may_still_be_copied_nothing_is_moved(place, api, monkeypatch):
    monkeypatch.setattr(folders, "QUIET", 3600)
    assert await api.sites() == []
    for number in range(3):
        place.write(f"hello/{number}.txt", "text")
        assert (await api.get(f"hello/{number}.txt")).status == 200
        assert await api.sites() == ["hello"]
    assert not (place / "hello" / "_site").exists()


@pytest.mark.parametrize(
    "path", ["plugin.py", "a/b/c.py", "lib.so", "__pycache__/x", "pyproject.toml", ".git/x.py"]
)
async def test_with_python_anywhere_it_is_no_site(place, serving, path):
    place.write("hello/index.html", "hello world")
    async with serving() as api:
        place.write(f"more/{path}")
        place.write("more/index.html")
        assert await api.statuses("more", "more/", "more/index.html") == [404] * 3
    assert not (place / "more" / "_site").exists()


async def test_without_files_it_is_no_site(place, serving):
    place.write("hello/.hidden")
    (place / "hello" / "sub").mkdir()
    async with serving() as api:
        assert (await api.get("hello/")).status == 404
        assert await api.sites() == []
    assert not (place / "hello" / "_site").exists()


# Ended in between


def crash(place):
    """What a gafferd leaves that is ended between its two steps."""
    aside = place / ".gaffer-moving.hello"
    aside.mkdir()
    (place / "hello").rename(aside / "_site")
    return aside


async def test_ended_in_between_the_next_start_completes_it(place, bare, content, serving, caplog):
    aside = crash(place)
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert not aside.exists()
        assert (await api.get("hello/")).body == b"hello world"
    assert caplog.text == ""


async def test_ended_before_the_first_step(place, bare, content, serving):
    (place / ".gaffer-moving.hello").mkdir()
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(place.path) == ["hello"]


async def test_ended_in_between_and_the_folder_has_been_made_anew(
    place, bare, content, serving, caplog
):
    aside = crash(place)
    place.write("hello/index.html", "new")
    async with serving() as api:
        assert (await api.get("hello/")).body == b"new"
        assert files(aside / "_site") == content
        assert files(bare) == {"index.html": "new"}
    told = [each.getMessage() for each in caplog.records if each.name == "gaffer_sites"]
    assert told == [
        f"{aside / '_site'} holds the files that were in {bare} and cannot be moved back:"
        " Directory not empty",
        f"{bare} is served as it is, its content cannot be moved to _site: Directory not empty",
    ]


async def test_a_slow_disk_does_not_keep_gafferd_from_starting(bare, content, serving, monkeypatch):
    go = threading.Event()
    complete = moving.complete
    monkeypatch.setattr(moving, "complete", lambda root: go.wait(30) and complete(root))
    async with serving() as api:
        assert os.listdir(bare) != ["_site"]
        go.set()
        assert (await api.get("hello/")).body == b"hello world"
        assert files(bare / "_site") == content


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_it_may_be_ended_at_any_step(place, bare, content, serving, monkeypatch, step):
    """Whatever step fails, nothing is lost, and a start without failures completes it."""
    with monkeypatch.context() as failing:
        fail_at(step, failing)
        async with serving() as api:
            await failed(api)
    async with serving() as api:
        await api.sites()
        assert files(bare / "_site") == content
        assert os.listdir(place.path) == ["hello"]
        assert (await api.get("hello/")).body == b"hello world"


async def failed(api):
    """Wait until the plugin has failed."""
    with trio.fail_after(20):
        while "failed" not in [info.state for info in api.kernel.plugins.info()]:
            await trio.sleep(0.01)


class EndError(Exception):
    pass


def fail_at(step, monkeypatch):
    """End the program at a step of the moving."""
    left = [step]

    def failing(method):
        def call(self, *args, **options):
            if self.name.startswith(".gaffer") or self.name == "hello":
                left[0] -= 1
                if not left[0]:
                    raise EndError
            return method(self, *args, **options)

        return call

    for name in ("mkdir", "rename"):
        monkeypatch.setattr(Path, name, failing(getattr(Path, name)))


# Served in place


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EXDEV, errno.EBUSY])
async def test_what_cannot_be_moved_is_served_as_it_is(
    place, bare, content, serving, monkeypatch, caplog, code
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
    assert os.listdir(place.path) == ["hello"]
    told = [each.getMessage() for each in caplog.records if each.name == "gaffer_sites"]
    assert told == [
        f"{bare} is served as it is, its content cannot be moved to _site: {os.strerror(code)}"
    ]


async def test_a_read_only_folder_of_plugins(place, bare, content, serving):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    place.path.chmod(0o555)
    try:
        async with serving() as api:
            assert (await api.get("hello/")).body == b"hello world"
            assert files(bare) == content
    finally:
        place.path.chmod(0o755)


async def test_what_a_link_leads_to_is_served_as_it_is(place, serving):
    place.write("../elsewhere/index.html", "hello world")
    place.write("other/_site/index.html")
    (place / "hello").symlink_to("../elsewhere")
    async with serving() as api:
        assert (await api.get("hello/")).body == b"hello world"
    assert files(place.path.with_name("elsewhere")) == {"index.html": "hello world"}


async def test_what_others_could_change_is_neither_moved_nor_served(
    place, bare, content, serving, caplog
):
    bare.chmod(0o777)
    async with serving() as api:
        assert (await api.get("hello/")).status == 404
    assert files(bare) == content
    assert f"{bare} is writable by other users" in caplog.text


async def test_two_gafferds_do_not_get_into_each_others_way(place, serving, monkeypatch, caplog):
    monkeypatch.setattr(folders, "QUIET", 0)
    async with serving() as one, serving() as other:
        for number in range(50):
            place.write(f"hello{number}/index.html", f"{number}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.sites)
            nursery.start_soon(other.sites)
        assert len(await one.sites()) == 50
    for number in range(50):
        assert files(place / f"hello{number}") == {"_site": None, "_site/index.html": f"{number}"}
    assert caplog.text == ""
