"""The keys of jobs: what they accept, and what a process gets."""

import os
import re
from pathlib import Path

import pytest
from gaffer_kernel import Cgroup, Config, ConfigError, JobConfig, Kernel, SpawnSettings, open_kernel
from gaffer_kernel.testing import FakeSystem

from gaffer_limits import LimitOptions
from gaffer_limits.options import RESOURCES
from gaffer_limits.plugin import LimitsPlugin

README = (Path(__file__).parent.parent / "README.md").read_text()
WEB = "[process:web]\ncmd = serve\n"
UNLIMITED = -1


async def spawn(**options):
    """Return the settings with which a job starts its process."""
    system = FakeSystem()
    async with open_kernel(plugins=[LimitsPlugin()], system=system) as kernel:
        config = JobConfig(name="web", cmd="serve", options=options)
        await kernel.manager.load(config, "shop").settled()
        [process] = system.processes.values()
        return process.request.settings


async def read(text):
    """Return the settings with which the job of a file starts its process."""
    system = FakeSystem()
    config = Config.from_string(WEB + text, "gaffer.ini")
    async with open_kernel(config, plugins=[LimitsPlugin()], system=system) as kernel:
        await kernel.manager.get("web").settled()
        [process] = system.processes.values()
        return process.request.settings


def get_error(text):
    config = Config.from_string(WEB + text, "gaffer.ini")
    errors = Kernel(config, plugins=[LimitsPlugin()]).find_mistakes()
    return str(errors[0]) if errors else None


async def test_a_job_without_keys_has_no_settings(autojump_clock):
    assert await spawn() is None


async def test_keys_of_a_file_become_settings(autojump_clock):
    settings = await read(
        "nice = -5\ncpu_affinity = 0\noom_score_adj = -1000\numask = 027\n"
        "rlimit_nofile = 1024:4096\nrlimit_core = 0\nrlimit_as = 1.5G:unlimited\n"
        "rlimit_cpu = 10m\nrlimit_stack = unlimited\nrlimit_nproc = 7 : 8\n"
    )
    assert settings == SpawnSettings(
        rlimits={
            "as": (3 * 512 * 1024**2, UNLIMITED),
            "core": (0, 0),
            "cpu": (600, 600),
            "nofile": (1024, 4096),
            "nproc": (7, 8),
            "stack": (UNLIMITED, UNLIMITED),
        },
        nice=-5,
        cpu_affinity=frozenset({0}),
        oom_score_adj=-1000,
        umask=0o027,
    )


async def test_values_of_json_are_numbers_texts_and_lists(autojump_clock, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    settings = await spawn(nice=3, cpu_affinity=[0, "2-3", "5"], umask="7", rlimit_nofile=64)
    assert settings == SpawnSettings(
        rlimits={"nofile": (64, 64)}, nice=3, cpu_affinity=frozenset({0, 2, 3, 5}), umask=7
    )


def test_every_resource_has_a_key():
    import resource

    known = {name.removeprefix("RLIMIT_").lower() for name in dir(resource) if "RLIMIT_" in name}
    assert set(RESOURCES) == known - {"ofile"}  # another name of NOFILE
    assert {f"rlimit_{name}" for name in RESOURCES} <= set(LimitOptions.__struct_fields__)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nice = 20", "nice: must be a whole number from -20 to 19, not 20"),
        ("nice = low", "nice: must be a whole number from -20 to 19, not 'low'"),
        ("oom_score_adj = 1001", "oom_score_adj: must be a whole number from -1000 to 1000"),
        ("umask = 8", "umask: must be octal digits such as 022, not '8'"),
        ("umask = 1000", "umask: must be octal digits such as 022, not '1000'"),
        ("cpu_affinity = 1-0", "cpu_affinity: must be processors such as 0, 2-3, not '1-0'"),
        ("cpu_affinity = x", "cpu_affinity: must be processors such as 0, 2-3, not 'x'"),
        ("cpu_affinity = 0-99999", "cpu_affinity: this machine has the processors 0 to "),
        ("rlimit_nofile = 64M", "rlimit_nofile: must be a limit such as 1024, SOFT:HARD or un"),
        ("rlimit_nofile = -1", "rlimit_nofile: must be a limit such as 1024"),
        ("rlimit_nofile = 5:4", "rlimit_nofile: the soft limit is above the hard one: '5:4'"),
        ("rlimit_nofile = unlimited:4", "rlimit_nofile: the soft limit is above the hard one"),
        ("rlimit_nofile = 5:", "rlimit_nofile: lacks the hard limit after the colon: '5:'"),
        ("rlimit_nofile = 1:2:3", "rlimit_nofile: must be a limit such as 1024"),
        (f"rlimit_nproc = {2**64}", "rlimit_nproc: is too high: "),
        ("rlimit_as = 5X", "rlimit_as: must be a limit such as 64M, SOFT:HARD or unlimited"),
        ("rlimit_cpu = 5X", "rlimit_cpu: must be a limit such as 10m, SOFT:HARD or unlimited"),
        ("rlimit_nofiles = 5", "rlimit_nofiles: unknown key, did you mean 'rlimit_nofile'?"),
        ("memory_max = 0", "memory_max: must be at least 1, not 0"),
        ("memory_max = much", "memory_max: must be a number of bytes from 1, such as 64M or 1G"),
        ("memory_restart = 0", "memory_restart: must be at least 1, not 0"),
        ("memory_restart_for = 1m", "memory_restart_for: needs memory_restart"),
        ("cpu_max = 0.5%", "cpu_max: must be at least 1, not 0.5"),
        ("cpu_max = all", "cpu_max: must be a percentage of one processor from 1, such as 50%"),
        ("pids_max = 0", "pids_max: must be a whole number from 1, not 0"),
        ("cgroup = maybe", "cgroup: must be true or false, not 'maybe'"),
    ],
)
def test_a_wrong_value_is_an_error_with_file_and_line(groups, line, message):
    assert get_error(line + "\n").startswith(f"gaffer.ini:3: [process:web] {message}")


def test_no_empty_value_is_accepted_in_silence(groups):
    assert get_error("nice =\numask =\nrlimit_nofile =\nmemory_max =\n") is None


# Control groups


async def test_limits_of_a_group_are_written_as_the_system_reads_them(autojump_clock, groups):
    for name in ("mem", "jobs"):
        (groups.own / name).mkdir()
    settings = await spawn(cgroup=True)
    path = f"{groups.own}/gaffer-jobs-{os.getpid()}/shop.web.1.1"
    assert settings == SpawnSettings(cgroup=Cgroup(path, {}))


def test_values_of_the_files_of_a_group(groups):
    assert LimitOptions().group_values() is None
    assert LimitOptions(cgroup=True).group_values() == {}
    assert LimitOptions(memory_max=2**20, cpu_max=50.0, pids_max=9).group_values() == {
        "memory.max": "1048576",
        "cpu.max": "50000 100000",
        "pids.max": "9",
    }
    assert LimitOptions(cpu_max=250.0).group_values() == {"cpu.max": "250000 100000"}


@pytest.mark.parametrize("line", ["memory_max = 1M", "cpu_max = 5%", "pids_max = 2"])
def test_a_limit_without_its_controller_is_an_error_that_names_it(groups, line):
    controller = line.partition("_")[0]
    assert get_error(line + "\n") is None
    groups.offer("cpuset hugetlb")
    assert get_error(line + "\n") == (
        f"gaffer.ini:3: [process:web] {line.partition(' ')[0]}: needs the controller {controller},"
        f" which the control group {groups.own} does not have: start gafferd with Delegate=yes,"
        " and without cgroup v1"
    )
    assert get_error("cgroup = true\n") is None


@pytest.mark.parametrize("line", ["memory_max = 1M", "cgroup = true"])
def test_a_group_without_cgroup_v2_is_an_error_that_says_so(groups, line):
    groups.mount("30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory")
    assert "needs cgroup v2, which is not mounted here: mount it" in get_error(line + "\n")


@pytest.mark.parametrize("name", ["", "cgroup.procs", "cgroup.subtree_control"])
def test_a_group_without_permission_is_an_error_that_names_it(groups, monkeypatch, name):
    access = os.access

    def deny(path, mode):
        return access(path, mode) and Path(path) != groups.own / name

    monkeypatch.setattr(os, "access", deny)
    assert get_error("pids_max = 5\n").endswith(
        f"pids_max: needs write permission for the control group {groups.own}:"
        " run gafferd as root, or start it with Delegate=yes"
    )


# The README


@pytest.mark.parametrize("text", re.findall(r"^```ini\n(.*?)^```", README, re.M | re.S))
def test_configurations_of_the_readme_are_accepted(groups, text):
    config = Config.from_string(text)
    kernel = Kernel(config, plugins=[LimitsPlugin()])
    assert kernel.find_mistakes() == []
    assert all(job.options for _, job in config.jobs())


def test_error_of_the_readme_is_the_message(groups):
    groups.offer("")
    [shown] = re.findall(r"^```text\n(.*?)\n```", README, re.M | re.S)
    error = get_error("memory_max = 1M\n")
    assert error.replace(str(groups.own), "/sys/fs/cgroup/unified") == shown


def test_readme_names_every_key():
    assert [key for key in LimitOptions.__struct_fields__ if f"`{key}`" not in README] == []


def test_a_wrong_job_raises_when_it_is_read():
    config = Config.from_string(WEB + "nice = x\n", "gaffer.ini")
    with pytest.raises(ConfigError, match="nice"):
        Kernel(config, plugins=[LimitsPlugin()]).configure()
