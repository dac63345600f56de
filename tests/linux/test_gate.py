"""Settings that are in force before the program begins."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.spawn_settings import UNLIMITED, SpawnSettings
from gaffer_kernel.system import SpawnRequest
from tests.real import Runner, children, descriptors

ALL = SpawnSettings(
    rlimits={"core": (0, 0), "nofile": (64, 128), "stack": (4096 * 1024, UNLIMITED)},
    nice=7,
    cpu_affinity=frozenset({min(os.sched_getaffinity(0))}),
    oom_score_adj=300,
    umask=0o027,
)
REPORT = f"""{sys.executable} -I -S -c "
import os, resource, sys
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE))
print(resource.getrlimit(resource.RLIMIT_STACK)[0])
print(os.nice(0), sorted(os.sched_getaffinity(0)), open('/proc/self/oom_score_adj').read().strip())
print(oct(os.umask(0)), os.getsid(0) == os.getpid())
print(sys.stdin.read(), end='')
" """
EXPECTED = f"""(0, 0) (64, 128)
4194304
7 {sorted(ALL.cpu_affinity or ())} 300
0o27 True
"""
only_root = pytest.mark.root


@pytest.fixture
def ignored_signal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


async def test_all_settings_are_in_force_when_the_program_begins(run, adviser):
    adviser.settings = ALL
    assert await run(REPORT) == EXPECTED


@pytest.mark.parametrize(
    "job",
    [
        {"pty": True},
        {"custom_streams": ["ctrl", "more"]},
        {"env": {"a.b": "1"}},
        {"env": {"OPTIND": "x", "IFS": "p"}},
        {"os_env": False, "env": {"A": "1"}},
        {"detach": False, "cwd": "/"},
        pytest.param({"gid": "nogroup", "custom_streams": ["ctrl"]}, marks=only_root),
    ],
    ids=str,
)
async def test_settings_work_together_with_other_settings_of_a_job(run, adviser, job):
    adviser.settings = ALL
    assert await run(REPORT, **job) == EXPECTED


@only_root
@pytest.mark.parametrize("streams", [[], ["ctrl"]])
async def test_settings_are_in_force_for_another_user(run, adviser, streams):
    adviser.settings = ALL
    report = "ulimit -c; ulimit -Sn; ulimit -Hn; nice; cat /proc/self/oom_score_adj; umask"
    line = f"sh -c '{report}; id -u; id -g; id -G; echo $$HOME'"
    words = (await run(line, uid="nobody", custom_streams=streams)).split()
    assert words[:6] == ["0", "64", "128", "7", "300", "0027"]
    assert words[6:] == ["65534", "65534", "65534", os.path.expanduser("~nobody")]


async def test_settings_work_in_a_program_that_ignores_signals(ignored_signal, run, adviser):
    adviser.settings = ALL
    assert await run(REPORT) == EXPECTED


@pytest.mark.parametrize("streams", [[], ["ctrl"]])
async def test_the_gate_takes_nothing_of_the_input(run, adviser, streams):
    adviser.settings = ALL
    process = await run.begin(
        REPORT, redirect_input=True, redirect_output=["out"], custom_streams=streams
    )
    await process.write("\nfirst\n\nlast")
    process.close_input()
    await run.end(process)
    assert (await run.rest(process))["out"].decode() == EXPECTED + "\nfirst\n\nlast"


async def test_the_gate_changes_no_variable_and_no_argument(run, adviser):
    programs = ("env -0", """sh -c 'printf "%s|" "$0" "$@"' "a b" "" '*' "$HOME" """)
    for settings in ({}, {"os_env": False, "env": {"PATH": os.environ["PATH"]}}, {"cwd": "/usr"}):
        for program in programs:
            adviser.settings = None
            plain = (await run(program, **settings)).split("\0")
            adviser.settings = SpawnSettings(nice=1)
            gated = (await run(program, **settings)).split("\0")
            changing = ("GAFFER_PID=", "GAFFER_JOB=", "GAFFER_SPAWN=", "_=")
            assert sorted(each for each in gated if not each.startswith(changing)) == sorted(
                each for each in plain if not each.startswith(changing)
            )


async def test_the_gate_leaves_no_descriptor_in_the_program(run, adviser):
    adviser.settings = SpawnSettings(nice=1)
    listing = "python3 -c 'import os; print(*sorted(map(int, os.listdir(\"/proc/self/fd\"))))'"
    for streams in [], ["ctrl"]:
        printed = await run(listing, custom_streams=streams, env={"PYTHONNOUSERSITE": "1"})
        assert [int(each) for each in printed.split()][:-1] == list(range(3 + len(streams)))


async def test_a_gated_process_is_the_leader_of_its_group_and_can_be_stopped(run, adviser):
    adviser.settings = ALL
    process = await run.begin("sleep 60")
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM


async def test_a_limit_of_open_files_wins_over_that_of_gafferd(own_kernel, recorder, adviser):
    run = Runner(own_kernel, recorder)
    adviser.on_event = run.heed
    adviser.settings = SpawnSettings(rlimits={"nofile": (40, 50)})
    assert await run("sh -c 'ulimit -Sn; ulimit -Hn'") == "40\n50\n"


async def test_inherited_descriptors_have_names_and_numbers(run, adviser):
    with (
        socket.create_server(("127.0.0.1", 0)) as web,
        socket.create_server(("127.0.0.1", 0)) as api,
    ):
        adviser.settings = SpawnSettings(
            descriptors={"web": web.fileno(), "my-api": api.fileno()}, nice=1
        )
        printed = await run(
            f"""{sys.executable} -I -S -c "
import os, socket
for name in ('WEB', 'MY_API'):
    number = int(os.environ['GAFFER_FD_' + name])
    print(number, socket.socket(fileno=number).getsockname()[1])
print(int(os.environ['LISTEN_PID']) == os.getpid(), os.environ['LISTEN_FDS'])
print(os.environ['LISTEN_FDNAMES'], os.environ['GAFFER_STREAM_CTRL'])
" """,
            custom_streams=["ctrl"],
        )
        ports = [each.getsockname()[1] for each in (web, api)]
    assert printed == f"3 {ports[0]}\n4 {ports[1]}\nTrue 2\nweb:my-api 5\n"


async def test_settings_of_the_job_hold_for_its_stop_command_no_more_than_for_gafferd(
    run, adviser, tmp_path
):
    adviser.settings = SpawnSettings(nice=9)
    process = await run.begin("sleep 60", stop_command=f"sh -c 'nice > {tmp_path}/nice'")
    process.stop()
    await run.end(process)
    assert int((tmp_path / "nice").read_text()) == os.nice(0)


# Failures

DEFAULTS = {"argv": ["touch"], "environ": {"PATH": "/usr/bin:/bin"}}


def fails(**request: object) -> SpawnError:
    """Return the error of a failed spawn; it must leave neither descriptor nor child."""
    before = descriptors(), children()
    with pytest.raises(SpawnError) as caught:
        spawn(SpawnRequest(**{**DEFAULTS, **request}))
    assert (descriptors(), children()) == before
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("extra", [{}, {"streams": ["a"]}, {"redirect_input": True}], ids=str)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cpu_affinity": frozenset({4095})}, "cannot set cpu_affinity to 4095: Invalid argument"),
        ({"oom_score_adj": 5000}, "cannot set oom_score_adj to 5000: Invalid argument"),
        ({"rlimits": {"nofile": (9, 8)}}, "cannot set rlimit_nofile to 9:8: "),
        ({"rlimits": {"nofile": (8, 2**62)}}, f"cannot set rlimit_nofile to 8:{2**62}: "),
        ({"rlimits": {"wrong": (9, 9)}}, "cannot set rlimit_wrong to 9:9: "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_the_system_refuses_is_named_and_nothing_runs(
    tmp_path, settings, message, extra
):
    touched = tmp_path / "touched"
    error = fails(
        argv=["touch", str(touched)], settings=SpawnSettings(**settings), outputs=["out"], **extra
    )
    assert error.slug == "bad_setting"
    assert str(error).startswith(message)
    assert not touched.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may set any limit")
@pytest.mark.parametrize("settings", [{"nice": -5}, {"oom_score_adj": -900}])
def test_a_setting_that_only_root_may_use_is_named(settings):
    [name] = settings
    assert f"cannot set {name} to -" in str(fails(settings=SpawnSettings(**settings)))


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"echo no line\n", "exec_format"),
        (b"", "exec_format"),
        (b"#!/no/such/interpreter -x\n", "bad_interpreter"),
    ],
)
def test_a_program_that_cannot_be_executed_is_the_same_error_as_without_a_gate(
    tmp_path, content, slug
):
    program = tmp_path / "program"
    program.write_bytes(content)
    program.chmod(0o755)
    plain = fails(argv=[str(program)])
    gated = fails(argv=[str(program)], settings=SpawnSettings(nice=1))
    assert plain.slug == gated.slug == slug
    assert str(plain) == str(gated)


@pytest.mark.parametrize(
    "request_",
    [
        {"argv": ["no-such-program"]},
        {"argv": ["/no/such/program"]},
        {"argv": ["/etc"]},
        {"argv": ["/etc/passwd"]},
        {"cwd": "/no/such/place"},
        {"argv": ["echo", "a\0b"]},
        {"environ": {"PATH": "/bin", "A=B": "c"}},
        {"argv": []},
    ],
    ids=str,
)
def test_errors_are_the_same_as_without_a_gate(request_):
    plain = fails(**request_)
    gated = fails(**request_, settings=SpawnSettings(nice=1))
    assert (plain.slug, str(plain)) == (gated.slug, str(gated))


def test_a_process_without_settings_is_spawned_directly(monkeypatch):
    seen = []
    popen = subprocess.Popen

    def watch(argv, **options):
        seen.append((argv, options["umask"], options["pass_fds"]))
        return popen(argv, **options)

    monkeypatch.setattr(subprocess, "Popen", watch)
    started = spawn(SpawnRequest(argv=["true"], environ={"PATH": "/usr/bin:/bin"}))
    os.waitpid(started.os_pid, 0)
    os.close(started.pidfd)
    assert seen == [(["true"], -1, ())]
