"""The file of tokens: who may have written it, what may be in it, what many writers do to it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from threading import Thread

import pytest
from gaffer_kernel import names

from gaffer_auth import entries
from gaffer_auth import store_file as writing
from gaffer_auth.entries import Certificate, Token, hashed, is_name, is_session
from gaffer_auth.reading import LARGEST, StoreError, read_store
from gaffer_auth.store_file import change_store

NOBODY = 65534
CREATED = datetime(2026, 11, 25, tzinfo=UTC)
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def token(name="ci", **more):
    more = {"sha256": hashed(name), "right": "read", "sessions": None, "created": CREATED, **more}
    return Token(name=name, **more)


def certificate(name="ops", subject="ops@example.org"):
    return Certificate(name=name, subject=subject, right="read", sessions=None, created=CREATED)


def added(*more):
    return lambda present: (*present, *more)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "auth.json"
    change_store(path, added(token(), certificate()))
    return path


def refusal(path):
    """The one line in which a file is refused, for reading and for writing alike."""
    lines = set()
    for use in (read_store, lambda path: change_store(path, added(token("more")))):
        with pytest.raises(StoreError) as caught:
            use(path)
        lines.add(str(caught.value))
    [line] = lines
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def test_what_is_written_is_read(path):
    assert read_store(path) == (token(), certificate())


def test_it_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    path = tmp_path / "auth.json"
    before = os.umask(0)
    try:
        change_store(path, added(token()))
        change_store(path, added(token("more")))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_leaves_nothing_else_in_the_folder(path):
    change_store(path, added(token("more")))
    assert os.listdir(path.parent) == ["auth.json"]


def test_a_change_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    before = path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        change_store(path, added(token("more")))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["auth.json"]


def test_there_is_none_at_first(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_store(tmp_path / "auth.json")


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(StoreError, match=f"there is no folder {tmp_path}/none"):
        change_store(tmp_path / "none" / "auth.json", added(token()))


# Who may have written it


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o610, 0o777])
def test_a_file_that_others_can_open_is_refused(path, mode):
    path.chmod(mode)
    assert refusal(path) == f"is open to other users: chmod 600 {path}"


@ROOT_ONLY
def test_a_file_of_another_user_is_refused(path):
    os.chown(path, NOBODY, -1)
    assert refusal(path) == "belongs to user 65534: chown it to user 0"


def test_a_symbolic_link_is_refused(path):
    path.rename(path.with_name("real"))
    path.symlink_to("real")
    assert refusal(path) == "is a symbolic link: name the file itself"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_is_refused(path, make):
    path.unlink()
    make(path, 0o600)
    assert refusal(path) == "is no regular file"


# What may be in it


def changed(**fields):
    return lambda store: store["entries"][0].update(fields)


WRONG = {
    "an unknown field": (changed(rights="manage"), "unknown field `rights`"),
    "an unknown field above": (lambda store: store.update(more=1), "unknown field `more`"),
    "an unknown kind": (changed(kind="password"), "password"),
    "a newer version": (lambda store: store.update(version=2), "has version 2"),
    "no version": (lambda store: store.pop("version"), "`version`"),
    "an unknown right": (changed(right="admin"), "admin"),
    "no right": (lambda store: store["entries"][0].pop("right"), "`right`"),
    "no sessions": (lambda store: store["entries"][0].pop("sessions"), "`sessions`"),
    "an empty list of sessions": (changed(sessions=[]), "sessions"),
    "a session that cannot be": (changed(sessions=["a b"]), "sessions"),
    "a name on two lines": (changed(name="ci\n"), "name"),
    "a short hash": (changed(sha256="00"), "sha256"),
    "a time without a zone": (changed(expires="2026-12-31T12:00:00"), "expires"),
    "a name twice": (changed(name="ops"), "2 entries have the name 'ops'"),
    "a subject that cannot be": (
        lambda store: store["entries"][1].update(subject="a\u202eb"),
        "cannot be the subject",
    ),
    "a subject twice": (
        lambda store: store["entries"].append({**store["entries"][1], "name": "two"}),
        "2 entries have the subject 'ops@example.org'",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_content_is_refused(path, what):
    change, words = WRONG[what]
    store = json.loads(path.read_text())
    change(store)
    path.write_text(json.dumps(store))
    assert words in refusal(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 1}', b"[" * 100_000, b'{"a":' * 100_000],
    ids=lambda data: data[:6].hex() or "nothing",
)
def test_what_is_no_list_of_tokens_is_refused(path, data):
    path.write_bytes(data)
    assert refusal(path).startswith("is not what gaffer-auth writes: ")


def test_a_huge_file_is_refused(path):
    with path.open("ab") as file:
        file.truncate(LARGEST + 1)
    assert refusal(path) == f"is longer than {LARGEST} bytes"


def test_the_names_of_sessions_are_those_of_the_kernel():
    assert rf"\A{names.PART}\Z" == entries._SESSION
    assert entries.LONGEST == names.MAX_NAME


@pytest.mark.parametrize(
    ("text", "name", "session"),
    [
        ("ci", True, True),
        ("a.b@c-d+e", True, False),
        ("0", True, True),
        ("", False, False),
        ("-a", False, False),
        (".a", False, False),
        ("a b", False, False),
        ("a\n", False, False),
        ("é", False, False),
        ("a" * 255, True, True),
        ("a" * 256, False, False),
    ],
)
def test_names(text, name, session):
    assert (is_name(text), is_session(text)) == (name, session)


# Many at a time

ADD = """
import sys
from pathlib import Path
from test_auth_store import added, token
from gaffer_auth.store_file import change_store
for number in range(20):
    change_store(Path(sys.argv[1]), added(token(f"{sys.argv[2]}.{number}")))
"""


def test_writers_at_the_same_time_lose_nothing_nor_does_a_reader_see_half(tmp_path):
    path = tmp_path / "auth.json"
    folder = os.path.dirname(__file__)
    writers = [
        subprocess.Popen([sys.executable, "-c", ADD, path, name], cwd=folder) for name in "abcd"
    ]
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            read_store(path)
    assert [writer.returncode for writer in writers] == [0] * 4
    found = sorted(each.name for each in read_store(path))
    assert found == sorted(f"{name}.{number}" for name in "abcd" for number in range(20))


def test_threads_that_make_the_file_lose_nothing(tmp_path):
    path = tmp_path / "auth.json"
    threads = [
        Thread(target=change_store, args=(path, added(token(f"t{number}")))) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_store(path)) == 20


def test_a_lock_that_is_never_given_back_is_said(path, monkeypatch):
    monkeypatch.setattr(writing, "PATIENCE", 0.1)
    hold = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX)"
    hold += "; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold, path], **pipes) as holder:
        holder.stdout.readline()
        with pytest.raises(StoreError, match="another program has kept it locked"):
            change_store(path, added(token("more")))
        holder.stdin.close()
        holder.wait()
    change_store(path, added(token("more")))
