"""Failed spawns: each has a slug and a reason, and leaves nothing open."""

import os
import pwd
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.system import SpawnRequest, User
from tests.real import children, descriptors


def script(path: Path, first_line: bytes, mode: int = 0o755) -> str:
    path.write_bytes(first_line + b"\necho hello\n")
    path.chmod(mode)
    return str(path)


LONG = "x" * 200_000
FAILURES = {
    "not on the path": ({"argv": ["no-such-program-anywhere"]}, "command_not_found"),
    "no such file": ({"argv": ["/no/such/program"]}, "command_not_found"),
    "a file as a folder": ({"argv": ["/etc/passwd/program"]}, "command_not_found"),
    "no such directory": ({"cwd": "/no/such/place"}, "bad_cwd"),
    "a file as directory": ({"cwd": "/etc/passwd"}, "bad_cwd"),
    "a directory": ({"argv": ["/etc"]}, "not_executable"),
    "not executable": ({"argv": ["/etc/passwd"]}, "not_executable"),
    "NUL in an argument": ({"argv": ["echo", "a\0b"]}, "bad_argument"),
    "half a surrogate pair": ({"argv": ["echo", "\ud800"]}, "bad_argument"),
    "NUL in a value": ({"environ": {"PATH": "/bin", "A": "a\0b"}}, "bad_env"),
    "NUL in a name": ({"environ": {"PATH": "/bin", "A\0": "b"}}, "bad_env"),
    "= in a name": ({"environ": {"PATH": "/bin", "A=B": "c"}}, "bad_env"),
    "half a pair in a value": ({"environ": {"PATH": "/bin", "A": "\ud800"}}, "bad_env"),
    "an argument too long": ({"argv": ["echo", LONG]}, "too_long"),
    "a variable too long": ({"environ": {"PATH": "/bin", "A": LONG}}, "too_long"),
    "no such user number": ({"user": User(2**32, 0, (), {})}, "bad_user"),
    "a closed channel": ({"channels": [99999]}, "bad_argument"),
}
DEFAULTS = {"argv": ["echo"], "environ": {"PATH": "/usr/bin:/bin"}}


def fails(slug: str, **request: object) -> SpawnError:
    """Return the error of a failed spawn; it must leave neither descriptor nor child."""
    before = descriptors(), children()
    with pytest.raises(SpawnError) as caught:
        spawn(SpawnRequest(**{**DEFAULTS, **request}))
    assert (descriptors(), children()) == before
    assert caught.value.slug == slug, str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_spawn_has_one_slug(case):
    request, slug = FAILURES[case]
    fails(slug, **request)


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_spawn_with_streams_has_the_same_slug_and_leaves_nothing_open(case):
    request, slug = FAILURES[case]
    fails(slug, outputs=("a", "b"), redirect_input=True, streams=("c", "d"), **request)


def test_a_file_without_execute_permission_is_not_executable(tmp_path):
    path = script(tmp_path / "script", b"#!/bin/sh", mode=0o644)
    assert path in fails("not_executable", argv=[path]).reason
    assert "script" in fails("not_executable", argv=["./script"], cwd=str(tmp_path)).reason


@pytest.mark.parametrize("shebang", [b"#!/no/such/interpreter", b"#!/bin/sh\r"])
def test_a_missing_interpreter_is_named(tmp_path, shebang):
    path = script(tmp_path / "script", shebang)
    error = fails("bad_interpreter", argv=[path])
    assert shebang[2:8].decode() in error.reason


def test_a_script_without_a_shebang_is_exec_format(tmp_path):
    path = script(tmp_path / "script", b"echo")
    fails("exec_format", argv=[path])


def test_a_missing_interpreter_of_a_program_on_the_path_is_named(tmp_path):
    script(tmp_path / "script", b"#!/no/such/interpreter")
    fails("bad_interpreter", argv=["script"], environ={"PATH": str(tmp_path)})


def test_an_empty_command_is_not_found():
    assert "empty" in fails("command_not_found", argv=[""]).reason
    assert "empty" in fails("command_not_found", argv=[]).reason


def test_absolute_path_of_a_missing_relative_program_is_named(tmp_path):
    error = fails("command_not_found", argv=["./nope"], cwd=str(tmp_path))
    assert str(tmp_path / "nope") in error.reason


@pytest.mark.root
def test_a_directory_without_permission_is_bad_cwd(tmp_path):
    tmp_path.chmod(0o700)
    script(tmp_path / "script", b"#!/bin/sh")
    fails("not_executable", argv=["./script"], cwd=str(tmp_path), user=User(1, 1, (), {}))


class Hoard:
    """Opens all descriptors except a number of them."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._taken: list[int] = []

    def __call__(self, free: int) -> None:
        self.free()
        highest = max(descriptors()) + 1 + free
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, self._limits[1]))
        with suppress(OSError):
            while True:
                self._taken.append(os.dup(0))
        for _ in range(free):
            os.close(self._taken.pop())

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
        while self._taken:
            os.close(self._taken.pop())


@pytest.fixture
def allow_descriptors() -> Iterator[Hoard]:
    """Leave a number of free descriptors."""
    hoard = Hoard()
    yield hoard
    hoard.free()


def attempt(request: SpawnRequest) -> str:
    """Spawn a short program, clean up after it, and return the outcome."""
    try:
        started = spawn(request)
    except SpawnError as error:
        return error.slug
    os.waitpid(started.os_pid, 0)
    for fd in (started.pidfd, started.stdin, *started.readers):
        os.close(fd)
    return "started"


def test_a_spawn_without_free_descriptors_is_transient_and_leaves_nothing_open(allow_descriptors):
    request = SpawnRequest(**DEFAULTS, outputs=("a", "b"), redirect_input=True, streams=("c",))
    before = descriptors(), children()
    results = []
    for number in range(20):
        allow_descriptors(number)
        results.append(attempt(request))
    allow_descriptors.free()
    assert (descriptors(), children()) == before
    enough = results.index("started")
    assert enough > 6
    assert results == ["no_resources"] * enough + ["started"] * (20 - enough)


async def test_a_kernel_without_descriptors_retries_until_there_are_some(
    run, recorder, allow_descriptors
):
    allow_descriptors(3)
    job = run.load("sleep 60", redirect_output=["out"], redirect_input=True)
    job.start()
    failed = await recorder.wait_for("spawn_error")
    assert failed.data["error"] == "no_resources"
    allow_descriptors.free()
    with trio.fail_after(5):
        await job.settled()
    assert len(job.pids()) == 1


def test_a_user_is_looked_up_with_a_descriptor_of_the_reserve(own_settings, allow_descriptors):
    system = LinuxSystem(own_process=True)
    allow_descriptors(0)
    with pytest.raises(OSError, match="Too many open files"):
        os.dup(0)
    found = system.user("nobody", None)
    allow_descriptors.free()
    assert found.uid == pwd.getpwnam("nobody").pw_uid


async def test_a_two_way_stream_is_half_closed_without_a_free_descriptor(run, allow_descriptors):
    code = "import os; os.read(3, 9); os.read(3, 9); print('saw EOF')"
    process = await run.begin(
        f'python3 -c "{code}"', custom_streams=["ctrl"], redirect_output=["out"]
    )
    allow_descriptors(0)
    await process.write(b"hello", "ctrl")
    process.close_input("ctrl")
    await run.lines(process, "saw EOF")
    await run.end(process)


async def test_a_failed_spawn_does_not_stop_other_jobs(run, recorder):
    broken = run.load("/no/such/program")
    broken.start()
    failed = await recorder.wait_for("spawn_error")
    assert failed.data["error"] == "command_not_found"
    assert "/no/such/program" in broken.status()["last_error"]
    assert await run("echo fine") == "fine\n"


async def test_many_spawns_and_failures_leave_nothing_open(run, recorder):
    await run("true")
    before = len(descriptors())
    for number in range(30):
        good = run.load("true", redirect_output=["a", "b"], custom_streams=["c"])
        bad = run.load(f"/no/such/program{number}", redirect_output=["a"], redirect_input=True)
        for job in (good, bad):
            pid = job.commit()
            await recorder.wait_for("exit" if job is good else "spawn_error", pid=pid)
    assert len(descriptors()) == before


def test_errors_show_the_program_as_configured_without_values_of_variables(tmp_path):
    secret = "hunter2"
    (tmp_path / secret).write_text("no program")
    interpreted = script(tmp_path / f"{secret}-2", b"#!/no/such/interpreter")
    for slug, argv, more in (
        ("command_not_found", [f"/no/{secret}"], {}),
        ("command_not_found", [f"./no-{secret}"], {"cwd": str(tmp_path)}),
        ("command_not_found", [secret], {}),
        ("command_not_found", [secret], {"streams": ("c",)}),
        ("not_executable", [f"./{secret}"], {"cwd": str(tmp_path)}),
        ("bad_interpreter", [interpreted], {}),
        ("too_long", ["echo", secret + LONG], {}),
        ("bad_argument", [f"{secret}\0"], {}),
        ("bad_env", [secret], {"environ": {"A": "a\0b"}}),
    ):
        reason = fails(slug, argv=argv, program="$PROGRAM", **more).reason
        assert secret not in reason
        assert "$PROGRAM" in reason


@pytest.mark.parametrize(
    ("cmd", "shown"), [("$TOKEN/run", "$TOKEN/run"), ("PASSWORD=hunter2 run", "PASSWORD=***")]
)
async def test_last_error_and_events_hold_no_secret_of_the_command(run, recorder, cmd, shown):
    job = run.load(cmd, env={"TOKEN": "/hunter2"})
    job.start()
    failed = await recorder.wait_for("spawn_error")
    for text in (str(failed.to_dict()), job.status()["last_error"]):
        assert shown in text
        assert "hunter2" not in text


FORBIDDEN_GROUP = """
import os
from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.linux.users import find_user
from gaffer_kernel.system import SpawnRequest
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
for uid, gid in ((None, "daemon"), (65534, 54321), (1, None)):
    try:
        user = find_user(uid, gid)
        spawn(SpawnRequest(argv=["true"], environ={"PATH": "/usr/bin:/bin"}, user=user))
    except SpawnError as error:
        print(error.slug, error.reason)
"""


@pytest.mark.root
def test_a_group_that_cannot_be_set_is_named_instead_of_the_user():
    told = subprocess.run(
        [sys.executable, "-c", FORBIDDEN_GROUP], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [
        "bad_group true: only root may run it as group 1 (daemon)",
        "bad_group true: only root may run it as group 54321",
        "bad_user true: only root may run it as user 1",
    ]
