"""Tests of the tokens file: access checks, content, concurrent writers."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from threading import Thread

import pytest
from gaffer_kernel import names

from gaffer_auth import entries, store_file
from gaffer_auth.entries import Certificate, Token, hash_secret, is_name, is_session
from gaffer_auth.store_file import MAX_SIZE, StoreError, change_store, read_store

NOBODY = 65534
CREATED = datetime(2026, 11, 25, tzinfo=UTC)


def token(name="ci", **more):
    more = {
        "sha256": hash_secret(name),
        "right": "read",
        "sessions": None,
        "created": CREATED,
        **more,
    }
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


def read_error(path):
    """Return the error for a file, which is the same for reading and changing."""
    lines = set()
    for use in (read_store, lambda path: change_store(path, added(token("more")))):
        with pytest.raises(StoreError) as caught:
            use(path)
        lines.add(str(caught.value))
    [line] = lines
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def test_written_entries_are_read(path):
    assert read_store(path) == (token(), certificate())


def test_file_is_private_with_any_umask(tmp_path):
    path = tmp_path / "auth.json"
    before = os.umask(0)
    try:
        change_store(path, added(token()))
        change_store(path, added(token("more")))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_change_leaves_no_temporary_file(path):
    change_store(path, added(token("more")))
    assert os.listdir(path.parent) == ["auth.json"]


def test_failed_change_keeps_the_file(path, monkeypatch):
    before = path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        change_store(path, added(token("more")))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["auth.json"]


def test_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_store(tmp_path / "auth.json")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=f"no such folder: {tmp_path}/none"):
        change_store(tmp_path / "none" / "auth.json", added(token()))


# Access


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o610, 0o777])
def test_accessible_file_is_refused(path, mode):
    path.chmod(mode)
    assert read_error(path) == f"is accessible to other users: chmod 600 {path}"


@pytest.mark.root
def test_file_of_other_user_is_refused(path):
    os.chown(path, NOBODY, -1)
    assert read_error(path) == "belongs to user 65534: chown it to user 0"


def test_symbolic_link_is_refused(path):
    path.rename(path.with_name("real"))
    path.symlink_to("real")
    assert read_error(path) == "is a symbolic link: name the file itself"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_folder_or_fifo_is_refused(path, make):
    path.unlink()
    make(path, 0o600)
    assert read_error(path) == "is not a regular file"


# Content


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
def test_invalid_content_is_refused(path, what):
    change, words = WRONG[what]
    store = json.loads(path.read_text())
    change(store)
    path.write_text(json.dumps(store))
    assert words in read_error(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 1}', b"[" * 100_000, b'{"a":' * 100_000],
    ids=lambda data: data[:6].hex() or "nothing",
)
def test_other_json_is_refused(path, data):
    path.write_bytes(data)
    assert read_error(path).startswith("is not a tokens file of gaffer-auth: ")


def test_huge_file_is_refused(path):
    with path.open("ab") as file:
        file.truncate(MAX_SIZE + 1)
    assert read_error(path) == f"is longer than {MAX_SIZE} bytes"


def test_session_rule_equals_that_of_the_kernel():
    assert rf"\A{names.PART}\Z" == entries._SESSION
    assert entries.MAX_LENGTH == names.MAX_NAME


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
def test_name_and_session_rules(text, name, session):
    assert (is_name(text), is_session(text)) == (name, session)


# Concurrency

ADD = """
import sys
from pathlib import Path
from test_auth_store import added, token
from gaffer_auth.store_file import change_store
for number in range(20):
    change_store(Path(sys.argv[1]), added(token(f"{sys.argv[2]}.{number}")))
"""


def test_concurrent_writers_lose_no_entry_and_readers_see_whole_files(tmp_path):
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


def test_concurrent_creation_loses_no_entry(tmp_path):
    path = tmp_path / "auth.json"
    threads = [
        Thread(target=change_store, args=(path, added(token(f"t{number}")))) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_store(path)) == 20


def test_lock_timeout_is_an_error(path, monkeypatch):
    monkeypatch.setattr(store_file, "LOCK_TIMEOUT", 0.1)
    hold = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX)"
    hold += "; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold, path], **pipes) as holder:
        holder.stdout.readline()
        with pytest.raises(StoreError, match="locked by another program for"):
            change_store(path, added(token("more")))
        holder.stdin.close()
        holder.wait()
    change_store(path, added(token("more")))
