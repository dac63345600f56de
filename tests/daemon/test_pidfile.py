"""The pid file: who holds it, what is taken over, what is refused."""

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


def test_it_holds_the_pid_while_the_block_lasts(path):
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"

    assert not path.exists()


def test_everybody_may_read_it_whatever_the_umask(path):
    before = os.umask(0o077)
    try:
        with PidFile(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_a_second_one_is_refused(path):
    with PidFile(path):
        assert refusal(path) == f"Already running on PID {os.getpid()} (pid file {path})"
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_one_is_refused_even_before_the_pid_is_written(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert refusal(path) == f"Already running on a PID not known yet (pid file {path})"


def test_it_can_be_taken_again_after_the_end(path):
    for _ in range(2):
        with PidFile(path):
            assert path.exists()


@pytest.mark.parametrize(
    "left", ["999999\n", f"{os.getppid()}\n", "", "garbage\n" * 100, "\udcff"], ids=repr
)
def test_what_nobody_holds_is_taken_over(path, left):
    path.write_text(left, errors="surrogateescape")

    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_one_that_the_owner_removes_meanwhile_is_made_anew(path, monkeypatch):
    real = fcntl.flock

    def ending(fd, how):
        # Just before we get the lock, its holder ends and removes the file.
        monkeypatch.setattr(fcntl, "flock", real)
        path.unlink()
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", ending)
    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert refusal(path).startswith("Already running")


def test_what_has_taken_its_place_is_left_alone(path):
    with PidFile(path):
        path.unlink()
        path.write_text("somebody else's")

    assert path.read_text() == "somebody else's"


def test_it_may_be_gone_at_the_end(path):
    with PidFile(path):
        path.unlink()


def test_releasing_twice_is_harmless(path):
    file = PidFile(path)
    file.take()
    file.release()
    path.write_text("somebody else's")
    file.release()

    assert path.exists()


def test_a_full_disk_is_an_error_that_leaves_nothing(path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)

    assert refusal(path) == f"pid file {path}: it cannot be written: No space left on device"
    assert not path.exists()


def test_one_that_cannot_be_removed_is_logged(path, monkeypatch, caplog):
    def refuse(*args):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with PidFile(path), monkeypatch.context() as patch:
        patch.setattr(type(path), "unlink", refuse)
        with PidFile(path.with_name("other")):
            pass

    assert "other cannot be removed: Permission denied" in caplog.text


def test_without_its_folder_it_says_so(tmp_path):
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
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
    """A process of a user that holds a file locked, which it may only read."""
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_cannot_hold_it_locked_after_a_crash(path, caplog):
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
def test_a_lock_whose_holder_has_ended_is_no_gafferd(path, caplog):
    path.write_text("999999\n")
    path.chmod(0o644)
    uid = NOBODY if os.geteuid() == 0 else os.getuid()
    with locked_by(path, uid, "inherit"), PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert "replaced: a child of a process that has exited had locked it" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_new_one_can_be_opened_by_no_other_user_before_it_is_locked(path, monkeypatch):
    modes = []
    real = fcntl.flock

    def looking(fd, how):
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", looking)
    with PidFile(path):
        assert modes == [0o600]


def test_one_that_a_process_of_ours_holds_locked_is_left_alone(path):
    path.write_text("999999\n")
    with locked_by(path, os.getuid()):
        assert refusal(path) == f"Already running on PID 999999 (pid file {path})"
        assert path.read_text() == "999999\n"


def test_a_name_that_cannot_be_is_refused():
    assert "null" in refusal("a\0b")
