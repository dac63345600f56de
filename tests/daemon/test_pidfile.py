"""The pid file: locking, taking over, refusing."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from gaffer_kernel.daemon.pidfile import PidFile
from gaffer_kernel.errors import GafferError

NOBODY = 65534


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gafferd.pid"


def refusal(path):
    with pytest.raises(GafferError) as caught:
        PidFile(path).take()
    return str(caught.value)


def test_the_file_holds_the_pid_during_the_block(path):
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"

    assert not path.exists()


def test_the_mode_is_0644_with_any_umask(path):
    before = os.umask(0o077)
    try:
        with PidFile(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_a_second_pid_file_is_refused(path):
    with PidFile(path):
        assert refusal(path) == f"Already running on PID {os.getpid()} (pid file {path})"
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_pid_file_is_refused_before_the_pid_is_written(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert refusal(path) == f"Already running on a PID not known yet (pid file {path})"


def test_the_file_can_be_locked_again_after_release(path):
    for _ in range(2):
        with PidFile(path):
            assert path.exists()


@pytest.mark.parametrize(
    "left", ["999999\n", f"{os.getppid()}\n", "", "garbage\n" * 100, "\udcff"], ids=repr
)
def test_an_unlocked_file_is_taken_over(path, left):
    path.write_text(left, errors="surrogateescape")

    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_file_removed_by_its_owner_is_created_again(path, monkeypatch):
    real = fcntl.flock

    def ending(fd, how):
        # Just before our lock, its holder exits and removes the file.
        monkeypatch.setattr(fcntl, "flock", real)
        path.unlink()
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", ending)
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert refusal(path).startswith("Already running")


def test_a_file_that_replaced_ours_is_not_removed(path):
    with PidFile(path):
        path.unlink()
        path.write_text("somebody else's")

    assert path.read_text() == "somebody else's"


def test_release_accepts_a_missing_file(path):
    with PidFile(path):
        path.unlink()


def test_release_can_be_called_twice(path):
    file = PidFile(path)
    file.take()
    file.release()
    path.write_text("somebody else's")
    file.release()

    assert path.exists()


def test_a_full_disk_is_an_error_and_removes_the_file(path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)

    assert refusal(path) == f"pid file {path}: it cannot be written: No space left on device"
    assert not path.exists()


def test_a_file_that_cannot_be_removed_is_logged(path, monkeypatch, caplog):
    def refuse(*args):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with PidFile(path), monkeypatch.context() as patch:
        patch.setattr(type(path), "unlink", refuse)
        with PidFile(path.with_name("other")):
            pass

    assert "other cannot be removed: Permission denied" in caplog.text


def test_a_missing_folder_is_an_error(tmp_path):
    path = tmp_path / "nowhere" / "pid"

    assert refusal(path) == f"pid file {path}: there is no folder {tmp_path / 'nowhere'}"


def test_path_that_lstat_fails_on_is_refused_in_one_line(tmp_path):
    path = tmp_path / ("long" * 100)

    assert refusal(path) == f"pid file {path}: File name too long"


def test_a_symbolic_link_is_refused(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)

    assert "symbolic link" in refusal(path)
    assert victim.read_text() == "precious"


def test_a_hard_link_is_refused(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.hardlink_to(victim)

    assert "hard link" in refusal(path)
    assert victim.read_text() == "precious"


def test_a_fifo_is_refused(path):
    os.mkfifo(path)

    assert "not a regular file" in refusal(path)


def test_a_folder_is_refused(path):
    path.mkdir()

    assert refusal(path) == f"pid file {path}: Is a directory"


@pytest.mark.root
def test_a_file_of_another_user_is_refused(path):
    path.write_text("precious")
    os.chown(path, NOBODY, NOBODY)

    assert f"belongs to user {NOBODY}" in refusal(path)
    assert path.read_text() == "precious"


LOCKER = """
import fcntl, os, sys, time
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
fd = os.open(sys.argv[1], os.O_RDONLY)
if "inherit" in sys.argv:
    # A child locks, and ends.
    child = os.fork()
    if not child:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os._exit(0)
    os.waitpid(child, 0)
else:
    fcntl.flock(fd, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


@contextmanager
def locked_by(path, uid, *how):
    """Lock a file in a process of another user, with read permission only."""
    path.parent.chmod(0o755)
    fd = os.open(path, os.O_RDONLY)
    command = [sys.executable, "-c", LOCKER, f"/dev/fd/{fd}", str(uid), *how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[fd]) as process:
        try:
            assert process.stdout.readline() == b"locked\n"
            yield
        finally:
            process.kill()
            os.close(fd)


@pytest.mark.root
def test_a_lock_of_another_user_after_a_crash_is_replaced(path, caplog):
    path.write_text("999999\n")
    path.chmod(0o644)
    with locked_by(path, NOBODY), PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert refusal(path).startswith("Already running")
    assert f"replaced: user {NOBODY} had locked it" in caplog.text


@pytest.mark.skipif(
    os.stat("/proc/self/ns/pid").st_ino != 0xEFFFFFFC,
    reason="in a PID namespace, nobody can tell that from a gafferd in another one",
)
def test_an_inherited_lock_of_an_exited_process_is_replaced(path, caplog):
    path.write_text("999999\n")
    path.chmod(0o644)
    uid = NOBODY if os.geteuid() == 0 else os.getuid()
    with locked_by(path, uid, "inherit"), PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert "replaced: a child of a process that has exited had locked it" in caplog.text


def test_a_new_file_cannot_be_opened_by_others_before_it_is_locked(path, monkeypatch):
    modes = []
    real = fcntl.flock

    def looking(fd, how):
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", looking)
    with PidFile(path):
        assert modes == [0o600]


def test_a_file_locked_by_our_own_user_is_refused(path):
    path.write_text("999999\n")
    with locked_by(path, os.getuid()):
        assert refusal(path) == f"Already running on PID 999999 (pid file {path})"
        assert path.read_text() == "999999\n"


def test_an_impossible_path_is_refused():
    assert "null" in refusal("a\0b")
